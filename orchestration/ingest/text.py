"""Decoded lines of a text file whose bytes DuckDB cannot be given as they are."""

from __future__ import annotations

import codecs
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration.ingest.scan import BOM
from orchestration.ingest.verdict import FileRefusedError, Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from orchestration.contracts.model import Dialect

MARK = "\ufeff"
HEAD_CHARACTERS = 4096


@dataclass(frozen=True)
class Record:
    """One record: its fields, its raw text, and whether it ended as records do."""

    fields: list[str]
    raw: str
    ended: bool = True


def _undefined_as_control(error: UnicodeError) -> tuple[str, int]:
    """Read the five bytes that cp1252 leaves undefined as the control characters they are.

    The record that holds one is then set aside; nothing is replaced.
    """
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


class TextLines:
    """Physical lines with their line ends, decoded, without byte order marks.

    Line ends are counted by `count_end`, so that the caller can leave out those inside quotes.
    """

    def __init__(self, path: Path, dialect: Dialect, *, bytewise: bool, valid_utf8: bool) -> None:
        codecs.register_error("steelyard_c1", _undefined_as_control)
        self.path = path
        self.dialect = dialect
        self.encoding = dialect.encoding
        self.fell_back = False
        self.bom = False
        self.marks_inside = 0
        self.lines = 0
        self.ends = {"\n": 0, "\r\n": 0, "\r": 0}
        self._start = 0
        if bytewise:
            with path.open("rb") as file:
                if file.read(len(BOM)) == BOM:
                    self.bom = True
                    self._start = len(BOM)
            if codecs.lookup(dialect.encoding).name.startswith("utf-8") and not valid_utf8:
                if dialect.fallback_encoding is None:
                    raise FileRefusedError(
                        "NOT_TABULAR",
                        f"The bytes are not {dialect.encoding} and no other encoding is declared.",
                    )
                self.encoding = dialect.fallback_encoding
                self.fell_back = True

    def head(self) -> str:
        """Return the first characters; without a mark only what is ASCII."""
        with self.path.open("rb") as file:
            start = file.read(2 * HEAD_CHARACTERS)
        marked = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return start.decode(self.encoding if marked else "ascii", errors="ignore")

    def __iter__(self) -> Iterator[str]:
        return self._parts(iter)

    def pieces(self, characters: int) -> Iterator[str]:
        """Yield the text in pieces, wherever its lines end; a document may be one line."""
        return self._parts(lambda reader: iter(lambda: reader.read(characters), ""))

    def _parts(self, cut: Callable[[io.TextIOWrapper], Iterator[str]]) -> Iterator[str]:
        with self.path.open("rb") as raw:
            raw.seek(self._start)
            errors = "steelyard_c1" if codecs.lookup(self.encoding).name == "cp1252" else "strict"
            # newline="": cut at LF, CRLF and CR only, and leave them on.
            reader = io.TextIOWrapper(raw, encoding=self.encoding, errors=errors, newline="")
            try:
                for part in cut(reader):
                    text = part
                    if MARK in text:
                        if self.lines == 0 and not self.bom and text.startswith(MARK):
                            text = text[1:]
                        self.marks_inside += text.count(MARK)
                        text = text.replace(MARK, "")
                    self.lines += 1
                    yield text
            except UnicodeError as error:
                raise FileRefusedError(
                    "SCHEMA_MISMATCH",
                    f"The bytes are not {self.encoding} ({error}); the declared encoding is wrong "
                    "or the file is damaged.",
                ) from error

    def records(self) -> Iterator[tuple[str, bool]]:
        """Yield the records of a file without quotes, and whether each ended as records do."""
        end = self.dialect.record_end
        if end in self.ends:
            for line in self:
                self.count_end(line)
                text = line.rstrip("\r\n")
                yield text, text != line
            return
        # Own terminators: lines are joined until a terminator is in them.
        end = end.replace("\r\n", "\n")
        kept = ""
        for line in self:
            self.count_end(line)
            kept += line.rstrip("\r\n") + "\n" * line.endswith(("\r", "\n"))
            while end in kept:
                record, kept = kept.split(end, 1)
                yield record, True
        visible = end.rstrip("\n")
        kept = kept.rstrip("\n")
        if kept:
            yield kept.removesuffix(visible), bool(visible) and kept.endswith(visible)

    def count_end(self, line: str) -> None:
        """Count the line end of a line that ends a record."""
        for end in ("\r\n", "\n", "\r"):
            if line.endswith(end):
                self.ends[end] += 1
                return

    def findings(self, dialect: Dialect) -> list[Finding]:
        """Return what was noticed about encoding, marks and line ends, once all is read."""
        found: list[Finding] = []
        if self.fell_back:
            found.append(
                Finding(
                    "ENCODING_FALLBACK",
                    None,
                    f"The bytes are not {dialect.encoding}; read as {self.encoding}. Ask the "
                    "sender to export as declared.",
                )
            )
        if self.bom:
            found.append(Finding("BOM_REMOVED", None, "The byte order mark was removed."))
        if self.marks_inside:
            found.append(
                Finding(
                    "BOM_INSIDE_FILE",
                    None,
                    f"{self.marks_inside} byte order marks inside the file were removed (files "
                    "glued together?).",
                    count=self.marks_inside,
                )
            )
        kinds = [end for end, count in self.ends.items() if count]
        declared = next(
            (end for end in ("\r\n", "\n", "\r") if dialect.record_end.endswith(end)), ""
        )
        if len(kinds) > 1:
            told = ", ".join(f"{count} {end!r}" for end, count in self.ends.items() if count)
            found.append(
                Finding("LINE_ENDS_MIXED", None, f"Lines end differently ({told}); all were read.")
            )
        elif kinds and kinds[0] != declared:
            found.append(
                Finding(
                    "LINE_ENDS_NORMALISED",
                    None,
                    f"Lines end {kinds[0]!r} instead of {dialect.record_end!r}.",
                )
            )
        return found
