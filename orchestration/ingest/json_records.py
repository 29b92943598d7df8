"""Records of JSON documents and JSON lines as text; numbers keep their digits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from orchestration.ingest.scan import scan_bytes
from orchestration.ingest.text import Record, TextLines
from orchestration.ingest.verdict import FileRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestration.contracts.model import Contract, Dialect


PIECE_CHARACTERS = 1 << 20
_BLANKS = " \t\r\n"


def records(path: Path, dialect: Dialect, contract: Contract) -> Iterator[Record]:
    """Yield a header of all names that occur, then one record per object.

    A nested object is read by dotted names (``worker.id``); a line that is no object becomes a
    record of one field, which is then set aside for its number of fields.
    """
    scan = scan_bytes(path, delimiter=",", quote=None, header=False)
    decoder = json.JSONDecoder(parse_float=_Digits, parse_int=_Digits)

    def objects() -> Iterator[tuple[dict[str, Any] | None, str, bool]]:
        lines = TextLines(path, dialect, bytewise=True, valid_utf8=scan.utf8)
        if dialect.format == "jsonl":
            yield from _of_lines(lines, decoder)
        elif dialect.records:
            # A list inside a document is not cut out of it: such a file is held in memory.
            yield from _of_document("".join(lines), dialect, decoder)
        else:
            yield from _of_array(_Pieces(lines.pieces(PIECE_CHARACTERS)), dialect, decoder)

    # Twice, because a name may occur for the first time in the last record: time for memory.
    names: dict[str, None] = {}
    for content, _, _ in objects():
        if content is not None:
            names.update(dict.fromkeys(content))
    names = dict.fromkeys(header(names, contract))
    yield Record(list(names), "")
    width = len(names)
    for content, raw, ended in objects():
        if content is None:
            yield Record([raw] if width > 1 else [raw, ""], raw, ended)
        else:
            yield Record([_text(content.get(name), dialect) for name in names], raw)


def header(names: dict[str, None], contract: Contract) -> list[str]:
    """Return the names that occur, and those of nullable columns.

    A file whose records all lack a nullable key still delivers that column: as no value.
    """
    nullable = {
        column.name_in_file or name: None
        for name, column in contract.columns.items()
        if column.nullable and not column.is_constant
    }
    return list(names | nullable)


class _Digits(str):
    """A JSON number as it was written."""

    __slots__ = ()


def _of_lines(
    lines: TextLines, decoder: json.JSONDecoder
) -> Iterator[tuple[dict[str, Any] | None, str, bool]]:
    for line in lines:
        text = line.strip()
        if not text:
            continue
        try:
            content = decoder.decode(text)
        except ValueError:
            content = None
        flat = _flat(content) if isinstance(content, dict) else None
        yield flat, text, line.endswith(("\n", "\r"))


class _Pieces:
    """A text that is looked at from its start to its end, a piece or two at a time."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self.pieces = pieces
        self.text = ""
        self.at = 0
        self.line = 1

    def _has_more(self) -> bool:
        further = next(self.pieces, "")
        self.text = self.text[self.at :] + further
        self.at = 0
        return bool(further)

    def sign(self) -> str:
        """Return the next character that is no blank, and stay before it; at the end nothing."""
        while True:
            start = self.at
            while self.at < len(self.text) and self.text[self.at] in _BLANKS:
                self.at += 1
            self.line += self.text.count("\n", start, self.at)
            if self.at < len(self.text):
                return self.text[self.at]
            if not self._has_more():
                return ""

    def value(self, decoder: json.JSONDecoder) -> Any:
        """Return the value that begins here, and go behind it."""
        while True:
            try:
                value, end = decoder.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                # Decoded once more from the start of what is left, so that its place is known.
                is_cut = self.at > 0
                if self._has_more() or is_cut:
                    continue
                is_at_end = error.pos >= len(self.text.rstrip()) - 1
                line = self.line + error.lineno - 1
                raise _broken(error.msg, line, is_at_end=is_at_end) from error
            # A number that ends with the text may go on in the next piece.
            if end == len(self.text):
                if self._has_more():
                    continue
                end = len(self.text)
            self.line += self.text.count("\n", self.at, end)
            self.at = end
            return value

    def rest(self) -> str:
        """Return everything that is left."""
        return self.text[self.at :] + "".join(self.pieces)


def _of_array(
    source: _Pieces, dialect: Dialect, decoder: json.JSONDecoder
) -> Iterator[tuple[dict[str, Any] | None, str, bool]]:
    """Yield the items of a list, one by one; any other document is decoded as a whole."""
    sign = source.sign()
    if sign != "[":
        yield from _of_document(source.rest(), dialect, decoder)
        return
    source.at += 1
    sign = source.sign()
    while sign != "]":
        item = source.value(decoder)
        yield _flat(item) if isinstance(item, dict) else None, _as_line(item), True
        sign = source.sign()
        if sign == ",":
            source.at += 1
            source.sign()
        elif sign != "]":
            raise _broken("Expecting ',' delimiter", source.line, is_at_end=not sign)
    source.at += 1
    if source.sign():
        raise _broken("Extra data", source.line, is_at_end=False)


def _broken(what: str, line: int, *, is_at_end: bool) -> FileRefusedError:
    return FileRefusedError(
        "TRUNCATED" if is_at_end else "NOT_TABULAR",
        f"The file is no complete JSON ({what} in line {line}).",
    )


def _as_line(item: Any) -> str:
    return json.dumps(item, ensure_ascii=False)


def _of_document(
    text: str, dialect: Dialect, decoder: json.JSONDecoder
) -> Iterator[tuple[dict[str, Any] | None, str, bool]]:
    try:
        content = decoder.decode(text.strip())
    except json.JSONDecodeError as error:
        is_at_end = error.pos >= len(text.rstrip()) - 1
        raise _broken(error.msg, error.lineno, is_at_end=is_at_end) from error
    for part in dialect.records.split(".") if dialect.records else ():
        if not isinstance(content, dict) or part not in content:
            raise FileRefusedError(
                "SCHEMA_MISMATCH", f"The document holds no records under {dialect.records!r}."
            )
        content = content[part]
    if not isinstance(content, list):
        raise FileRefusedError("SCHEMA_MISMATCH", "The document holds no list of records.")
    for item in content:
        flat = _flat(item) if isinstance(item, dict) else None
        yield flat, _as_line(item), True


def _flat(content: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": deep for inner, deep in _flat(value).items()}
        else:
            flat[name] = value
    return flat


def _text(value: Any, dialect: Dialect) -> str:
    if value is None:
        return ""
    if isinstance(value, _Digits):
        return value.replace(".", dialect.decimal)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
