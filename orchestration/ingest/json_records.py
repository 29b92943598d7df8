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


def records(path: Path, dialect: Dialect, contract: Contract) -> Iterator[Record]:
    """Yield a header of all names that occur, then one record per object.

    A nested object is read by dotted names (``worker.id``); a line that is no object becomes a
    record of one field, which is then set aside for its number of fields.
    """
    scan = scan_bytes(path, delimiter=",", quote=None, header=False)
    lines = TextLines(path, dialect, bytewise=True, valid_utf8=scan.utf8)
    decoder = json.JSONDecoder(parse_float=_Digits, parse_int=_Digits)
    if dialect.format == "jsonl":
        objects = list(_of_lines(lines, decoder))
    else:
        objects = list(_of_document("".join(lines), dialect, decoder))
    names: dict[str, None] = {}
    for content, _, _ in objects:
        if content is not None:
            names.update(dict.fromkeys(content))
    names = dict.fromkeys(header(names, contract))
    yield Record(list(names), "")
    width = len(names)
    for content, raw, ended in objects:
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


def _of_document(
    text: str, dialect: Dialect, decoder: json.JSONDecoder
) -> Iterator[tuple[dict[str, Any] | None, str, bool]]:
    try:
        content = decoder.decode(text.strip())
    except json.JSONDecodeError as error:
        code = "TRUNCATED" if error.pos >= len(text.rstrip()) - 1 else "NOT_TABULAR"
        raise FileRefusedError(
            code, f"The file is no complete JSON ({error.msg} in line {error.lineno})."
        ) from error
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
        yield flat, json.dumps(item, ensure_ascii=False), True


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
