"""Records of an Excel sheet as text: real dates become ISO, numbers the dialect's digits."""

from __future__ import annotations

import datetime as dt
import warnings
import zipfile
from decimal import Decimal
from typing import TYPE_CHECKING, Any, BinaryIO

from orchestration.ingest.text import Record
from orchestration.ingest.verdict import FileRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestration.contracts.model import Contract, Dialect


def records(path: Path, dialect: Dialect, contract: Contract) -> Iterator[Record]:  # noqa: ARG001
    """Yield the rows of the declared sheet, blank ones too, without empty cells at their end."""
    with path.open("rb") as file:
        yield from _rows(file, dialect)


def _rows(file: BinaryIO, dialect: Dialect) -> Iterator[Record]:
    import openpyxl  # noqa: PLC0415 (0.3 s that files of other formats do not pay)
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            # Styles and extensions that openpyxl does not know say nothing about the cells.
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, OSError) as error:
        raise FileRefusedError(
            "NOT_TABULAR", f"The file is no Excel workbook ({error}); save it as .xlsx."
        ) from error
    try:
        if dialect.sheet is not None and dialect.sheet not in book.sheetnames:
            raise FileRefusedError(
                "SCHEMA_MISMATCH",
                f"There is no sheet {dialect.sheet!r}; there are {', '.join(book.sheetnames)}.",
            )
        sheet = book[dialect.sheet or book.sheetnames[0]]
        for row in sheet.iter_rows(values_only=True):
            fields = [_text(value, dialect) for value in row]
            while fields and not fields[-1].strip():
                fields.pop()
            yield Record(fields, "\t".join(fields))
    finally:
        book.close()


def _text(value: Any, dialect: Dialect) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        digits = format(Decimal(repr(value)), "f")
        if "." in digits:
            digits = digits.rstrip("0").rstrip(".")
        return digits.replace(".", dialect.decimal)
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat()
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return str(value)
