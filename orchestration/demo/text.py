"""Columns of text, as exports spell them, made a whole column at a time.

Row-wise formatting of two million rows would take minutes; every function here takes arrays and
gives Arrow strings. What the values mean does not belong here.
"""

from __future__ import annotations

import io
import re
import zipfile
from datetime import datetime
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

Strings = pa.Array
Ints = NDArray[np.int64]

OPEN = 99_999  # day number of "no end"; the year 2243

_FIRST_DAY = 10_957  # 2000-01-01
_LAST_DAY = 25_567  # 2040-01-01


@cache
def _day_table(pattern: str) -> Strings:
    iso = np.arange(_FIRST_DAY, _LAST_DAY).astype("datetime64[D]").astype(str)
    return pa.array([pattern.format(*day.split("-")) for day in iso.tolist()])


@cache
def _second_table() -> Strings:
    return pa.array(
        [f"{h:02d}:{m:02d}:{s:02d}" for h in range(24) for m in range(60) for s in range(60)]
    )


def pick(labels: list[str] | Strings, index: ArrayLike) -> Strings:
    """Return the label of each index; a negative index gives null."""
    numbers = np.asarray(index)
    table = labels if isinstance(labels, pa.Array) else pa.array(labels, pa.string())
    return table.take(pa.array(numbers, mask=numbers < 0))


def same(value: str, count: int) -> Strings:
    """Return a constant column."""
    return pa.repeat(pa.scalar(value), count)


def whole(values: ArrayLike, *, width: int = 0) -> Strings:
    """Return whole numbers as text, zero-padded to `width`."""
    text = pa.array(np.asarray(values, dtype=np.int64)).cast(pa.string())
    return pc.utf8_lpad(text, width, "0") if width else text


def join(*parts: Strings | str) -> Strings:
    """Return the parts glued together row by row; null in a part gives null."""
    return pc.binary_join_element_wise(*parts, "", null_handling="emit_null")


def blank(column: Strings, where: NDArray[np.bool_]) -> Strings:
    """Return the column with nulls in some rows."""
    return column.take(pa.array(np.arange(len(column)), mask=where))


def decimal(scaled: ArrayLike, places: int, *, mark: str = ".", minus: str = "before") -> Strings:
    """Return whole multiples of ``10**-places`` as decimals, the minus before or behind."""
    numbers = np.asarray(scaled, dtype=np.int64)
    size = np.abs(numbers)
    unit = 10**places
    text = join(whole(size // unit), mark, whole(size % unit, width=places))
    sign = pick(["", "-"], (numbers < 0).astype(np.int8))
    return join(text, sign) if minus == "behind" else join(sign, text)


def days(
    values: ArrayLike, *, pattern: str = "{0}-{1}-{2}", open_end: str | None = None
) -> Strings:
    """Return day numbers as dates; the open end is null or the word given for it."""
    numbers = np.asarray(values, dtype=np.int64)
    text = pick(_day_table(pattern), np.where(numbers >= _LAST_DAY, -1, numbers - _FIRST_DAY))
    return text if open_end is None else pc.fill_null(text, open_end)


def sap_days(values: ArrayLike, *, open_end: str = "00000000") -> Strings:
    """Return day numbers as SAP writes them."""
    return days(values, pattern="{0}{1}{2}", open_end=open_end)


def wall_clock(utc: Ints, offset: Ints, *, missing: NDArray[np.bool_] | None = None) -> Strings:
    """Return instants as local date and time without an offset."""
    local = utc + offset
    day = local // 86_400 - _FIRST_DAY
    second = local % 86_400
    if missing is not None:
        day = np.where(missing, -1, day)
    return pc.binary_join_element_wise(
        pick(_day_table("{0}-{1}-{2}"), day), pick(_second_table(), second), "T"
    )


def instants(utc: Ints, offset: Ints, *, missing: NDArray[np.bool_] | None = None) -> Strings:
    """Return instants as local date and time with the offset in force."""
    kinds, index = np.unique(offset, return_inverse=True)
    names = []
    for seconds in kinds.tolist():
        hours, minutes = divmod(abs(seconds) // 60, 60)
        names.append(f"{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}")
    return join(wall_clock(utc, offset, missing=missing), pick(names, index))


def delimited(
    columns: dict[str, Strings], *, mark: str = ",", quoted: tuple[str, ...] = ()
) -> bytes:
    """Return a delimited file with header and LF; null is an empty field."""
    ready = [_quote(text) if name in quoted else text for name, text in columns.items()]
    rows = pc.binary_join_element_wise(*ready, mark, null_handling="replace", null_replacement="")
    return mark.join(columns).encode() + b"\n" + _lines(rows)


def json_lines(columns: dict[str, Strings], *, bare: tuple[str, ...] = ()) -> bytes:
    """Return one JSON object per line; the columns in `bare` are numbers or truth values."""
    return _lines(_objects(columns, bare))


def json_report(columns: dict[str, Strings], *, bare: tuple[str, ...] = ()) -> bytes:
    """Return a Workday report: one object whose `Report_Entry` lists the rows."""
    body = _lines(_objects(columns, bare), end=",\n")[:-2]
    return b'{"Report_Entry":[\n' + body + b"\n]}\n"


def workbook(sheet: str, rows: list[list[object]]) -> bytes:
    """Return an Excel file whose bytes depend on its content alone.

    openpyxl stamps the time of saving into the properties and into the archive; both are replaced.
    Members are stored, because compressed bytes differ between builds of zlib.
    """
    from openpyxl import Workbook  # noqa: PLC0415 - half a second that only one feed needs

    book = Workbook()
    page = book.active
    page.title = sheet
    for row in rows:
        page.append(row)
    book.properties.created = datetime(2023, 1, 2)  # noqa: DTZ001 - openpyxl wants it naive
    raw = io.BytesIO()
    book.save(raw)
    packed = io.BytesIO()
    with zipfile.ZipFile(raw) as source, zipfile.ZipFile(packed, "w") as target:
        for member in source.infolist():
            content = source.read(member)
            if member.filename == "docProps/core.xml":
                content = re.sub(
                    rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>2023-01-02T00:00:00Z", content
                )
            target.writestr(zipfile.ZipInfo(member.filename, (1980, 1, 1, 0, 0, 0)), content)
    return packed.getvalue()


def _quote(text: Strings) -> Strings:
    doubled = pc.replace_substring(text, '"', '""')
    return pc.if_else(pc.is_null(text), "", join('"', doubled, '"'))


def _objects(columns: dict[str, Strings], bare: tuple[str, ...]) -> Strings:
    parts: list[Strings | str] = []
    for number, (name, text) in enumerate(columns.items()):
        parts.append(("{" if number == 0 else ",") + f'"{name}":')
        value = text if name in bare else join('"', text, '"')
        parts.append(pc.fill_null(value, "null"))
    return join(*parts, "}")


def _lines(rows: Strings, *, end: str = "\n") -> bytes:
    if len(rows) == 0:
        return b""
    flat = rows.combine_chunks() if isinstance(rows, pa.ChunkedArray) else rows
    one = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(flat)], pa.int32()), flat), end)
    return one[0].as_buffer().to_pybytes() + end.encode()
