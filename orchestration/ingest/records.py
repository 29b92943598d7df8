"""From bytes to records of text: dialect, header, what is a record and what is not.

Two ways lead to the same table. A file that is exactly what its dialect says is read by DuckDB as
it lies. Anything else (another encoding, mixed line ends, titles above the header, stray quotes,
own terminators, JSON, Excel) is first rewritten, record by record and streaming, into a plain file.
Both are checked against each other in the tests. No value is typed here.
"""

from __future__ import annotations

import csv
import itertools
import json
import re
import sys
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb

from orchestration.ingest import json_records, shdr_records, xlsx_records
from orchestration.ingest.scan import Scan, scan_bytes
from orchestration.ingest.sql import quote_identifier, quote_literal
from orchestration.ingest.text import Record, TextLines
from orchestration.ingest.verdict import FileRefusedError, Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from orchestration.contracts.model import Contract, Dialect

# Excel cuts a sheet without a word at the old (xls) and the new (xlsx) number of rows.
ROW_LIMITS = (65_536, 1_048_576)
# What DuckDB's reader is told to expect: its buffers grow with it, for each thread.
LINE_BYTES, RECORD_BYTES = 2_000_000, 100_000_000
TRAILER = re.compile(r"T\|([0-9]{8})")
# No text of a file can be this; a field that is missing comes out as NULL, an empty one as ''.
_NEVER = r"\x01\x02never"
_INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u2060\ufeff]")
_NAME_BREAKS = re.compile(r"[\s\-]")


@dataclass
class Records:
    """All records of a file as text, in a temp view of columns f0, f1, ... and `_width`.

    Attributes
    ----------
    table : str
        The view. It reads the file anew each time, in the order of the records.
    positions : dict
        Contract column to position in the file; None where it is not delivered.
    fields : int
        Fields that a record should have.
    count : int
        Records; not known before they were read where `complete` is given.
    plain : bool
        Whether all text is ASCII without control characters.
    ragged : bool
        Whether a record may have another number of fields.
    padded : bool
        Whether a field may begin or end with a blank.
    longest : int or None
        No field has more bytes; None where that is not known.
    has_line : bool
        Whether the view holds the raw text too (`_line`), because its fields do not give it.
    too_long : dict
        Raw text of records with too many fields.
    complete : callable or None
        What is left to check once the records were read: raises where the file breaks off or
        holds other than it declares, and fills in what is known only then.
    """

    table: str
    positions: dict[str, int | None]
    fields: int
    count: int
    plain: bool
    delimiter: str
    ragged: bool = True
    padded: bool = True
    longest: int | None = None
    has_line: bool = False
    too_long: dict[int, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    complete: Callable[[Shape], None] | None = None

    @property
    def numbered(self) -> str:
        """SQL of the records with their numbers from 1, `_row_no`."""
        return f"(select *, row_number() over () as _row_no from {self.table})"


@dataclass(frozen=True)
class Shape:
    """What was counted while records were read; widths against what they should be."""

    count: int
    narrowest: int
    widest: int
    last: int


def read_records(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    path: Path,
    work: Path,
    *,
    table: str,
    declared_rows: int | None,
) -> Records:
    """Lay a view of text over one plain file, rewritten first where it must be.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Where the view is made.
    contract : Contract
        Its dialect and the names of its columns.
    path : Path
        The unpacked file.
    work : Path
        A folder for the rewritten file; both files must stay as long as the view is read.
    table : str
        Name of the view.
    declared_rows : int or None
        Control total of a sidecar.

    Raises
    ------
    FileRefusedError
        For the first reason to refuse the whole file, in the order of the checks.
    """
    dialect = contract.dialect
    if dialect.max_bytes is not None and path.stat().st_size > dialect.max_bytes:
        raise FileRefusedError(
            "FILE_TOO_LARGE",
            f"The file has {path.stat().st_size:,} bytes, the contract allows "
            f"{dialect.max_bytes:,}; ask the sender why.",
        )
    if dialect.format == "parquet":
        return _read_parquet(con, contract, _globless(path, work), table)
    if dialect.format in {"csv", "shdr"}:
        return _read_text(con, contract, path, work, table=table, declared_rows=declared_rows)
    if dialect.format == "jsonl":
        direct = _direct_json(con, contract, path, work, table)
        if direct is not None:
            _refuse_totals(direct.count, None, declared_rows)
            return direct
    module = xlsx_records if dialect.format == "xlsx" else json_records
    source = _Source(contract)
    rows = source.bind_stream(module.records(path, dialect, contract))
    return _load_rewritten(
        con, source, rows, work=work, table=table, declared_rows=declared_rows, plain=False
    )


# ------------------------------------------------------------------------------------------- text


def _read_text(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    path: Path,
    work: Path,
    *,
    table: str,
    declared_rows: int | None,
) -> Records:
    dialect = contract.dialect
    bytewise = not dialect.encoding.lower().replace("_", "-").startswith("utf-16")
    scan = Scan(ascii=False, size=path.stat().st_size)
    source = _Source(contract)
    if bytewise:
        scan = scan_bytes(
            path, delimiter=dialect.delimiter, quote=dialect.quote, header=dialect.header
        )
        _refuse_not_tabular(scan.head.decode("utf-8", errors="ignore"))
        direct = None
        if dialect.format == "csv":
            direct = _direct(
                con, source, path, scan, table=table, work=work, declared_rows=declared_rows
            )
        if direct is not None:
            return direct
    lines = TextLines(path, dialect, bytewise=bytewise, valid_utf8=scan.utf8)
    if not bytewise:
        _refuse_not_tabular(lines.head())
    try:
        rows = source.bind_stream(_text_records(lines, dialect))
    except FileRefusedError:
        # A quote that is never closed is the earlier reason.
        for _ in _text_records(lines, dialect):
            pass
        raise
    records = _load_rewritten(
        con,
        source,
        rows,
        work=work,
        table=table,
        declared_rows=declared_rows,
        plain=scan.ascii and not scan.controls,
        lines=lines,
    )
    records.findings[:0] = lines.findings(dialect)
    return records


def _direct_json(
    con: duckdb.DuckDBPyConnection, contract: Contract, path: Path, work: Path, table: str
) -> Records | None:
    """Let DuckDB read lines of plain objects; None if there is anything else in the file.

    Measured on 100,000 lines of ten names: 0.2 s, against 2.0 s line by line.
    """
    source = _Source(contract)
    scan = scan_bytes(path, delimiter=",", quote=None, header=False)
    nested = any("." in name for name in source.delivered.values())
    if scan.bom or scan.bom_inside or not scan.utf8 or nested or contract.dialect.decimal != ".":
        return None
    file = f"{quote_literal(str(_globless(path, work)))}, format = 'newline_delimited'"
    try:
        row = con.execute(
            "select count(*), count(*) filter (json_type(json) = 'OBJECT'), "
            "list_distinct(flatten(list(distinct json_keys(json)))) "
            f"from read_json_objects({file}, compression = 'none')"
        ).fetchone()
        assert row is not None
        count, objects, keys = row
        if count == 0 or objects < count:
            return None
        header = json_records.header(dict.fromkeys(sorted(keys)), contract)
        source.bind_header(header)
        shape = json.dumps(dict.fromkeys(header, "VARCHAR"), ensure_ascii=False)
        texts = ", ".join(
            f"coalesce(o.{quote_identifier(name)}, '') as f{i}" for i, name in enumerate(header)
        )
        con.execute(
            f"create or replace temp view {table} as "
            f"select {texts}, 0::tinyint as _width, json::varchar as _line "
            f"from (select json, from_json(json, {quote_literal(shape)}) as o "
            f"from read_json_objects({file}, compression = 'none'))"
        )
    except duckdb.InvalidInputException:
        return None
    return Records(
        table=table,
        positions=source.positions,
        fields=len(header),
        count=count,
        plain=scan.ascii and not scan.controls and not scan.backslash,
        delimiter=contract.dialect.delimiter,
        ragged=False,
        has_line=True,
        findings=source.findings,
    )


def _globless(path: Path, work: Path) -> Path:
    """Return a path that the engine does not take for a pattern of several files."""
    if not re.search(r"[*?\[\]]", str(path)):
        return path
    link = work / "plain"
    link.symlink_to(path.resolve())
    return link


def _refuse_not_tabular(head: str) -> None:
    start = head.lstrip("\ufeff \t\r\n")
    if start[:1] in {"<", "{", "["} or start.startswith("version https://git-lfs"):
        raise FileRefusedError(
            "NOT_TABULAR",
            f"The file starts with {start[:30].splitlines()[0]!r}: it is a page, a document or a "
            "pointer, no table; ask for the export itself.",
        )


def _text_records(lines: TextLines, dialect: Dialect) -> Iterator[Record]:
    """Yield the records of a text file as its dialect cuts them."""
    if dialect.format == "shdr":
        yield from shdr_records.records(lines)
        return
    if dialect.quote is None or len(dialect.delimiter) > 1:
        for line, ended in lines.records():
            yield Record(line.split(dialect.delimiter), line, ended)
        return
    # A key figure of the csv module, process-wide: its default is shorter than a swallowed file.
    csv.field_size_limit(sys.maxsize)
    consumed: list[str] = []
    end_mark = "\x00end of file\x00"

    def physical() -> Iterator[str]:
        for line in lines:
            consumed.append(line)
            yield line
        yield end_mark

    regular = _regular_record(dialect.delimiter, dialect.quote)
    fields: list[str] = []
    for fields in csv.reader(physical(), delimiter=dialect.delimiter, quotechar=dialect.quote):
        if fields == [end_mark] and not consumed:
            return
        raw = "".join(consumed)
        text = raw.rstrip("\r\n")
        if dialect.quote in raw and not regular.fullmatch(text):
            spans_lines = len(consumed) > 1
            if spans_lines or raw.count(dialect.quote) % 2:
                break
        lines.count_end(consumed[-1])
        consumed.clear()
        yield Record(fields, text, raw != text)
    else:
        fields = []
    raise FileRefusedError(
        "UNBALANCED_QUOTE",
        f"A quote is opened and never closed near {''.join(consumed)[:60]!r}: what follows would "
        "be swallowed into one field; ask for the export again.",
    )


def _regular_record(delimiter: str, quote: str) -> re.Pattern[str]:
    d, q = re.escape(delimiter), re.escape(quote)
    one = f"(?:{q}(?:[^{q}]|{q}{q})*{q}|(?!{q})[^{d}]*)"
    return re.compile(f"{one}(?:{d}{one})*", re.DOTALL)


# ---------------------------------------------------------------------------------------- binding


def normal_name(name: str) -> str:
    """Return a header name as names are compared: NFC, trimmed, lower case, `_` for breaks."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", name)).strip()
    return _NAME_BREAKS.sub("_", text.lower())


class _Source:
    """Binds a stream of records to the columns of a contract and leaves out what is no record."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.dialect = contract.dialect
        self.delivered = {
            name: column.name_in_file or name
            for name, column in contract.columns.items()
            if not column.is_constant
        }
        self.names: list[str] = []
        self.positions: dict[str, int | None] = dict.fromkeys(contract.columns)
        self.findings: list[Finding] = []
        self.trailer_rows: int | None = None
        self.last: Record | None = None

    def bind_stream(self, records: Iterable[Record]) -> Iterator[Record]:
        """Bind the header at once and return the data records, lazily."""
        stream = (record for record in records if not _is_blank(record))
        if not self.dialect.header:
            self.bind_layout()
        elif self.dialect.preamble_lines:
            stream = self._find_header(iter(records))
        else:
            header = next(stream, None)
            if header is None:
                raise _no_rows()
            self.bind_header(header.fields)
        return self._data(stream)

    def bind_layout(self) -> None:
        """Bind a file without header: by position."""
        layout = self.dialect.layout or tuple(self.delivered.values())
        self.names = [normal_name(name) for name in layout]
        for name, delivered in self.delivered.items():
            if normal_name(delivered) in self.names:
                self.positions[name] = self.names.index(normal_name(delivered))
            elif self.contract.columns[name].in_header == "required":
                raise FileRefusedError(
                    "REQUIRED_COLUMN_MISSING",
                    f"The layout of the dialect names no {delivered}; add it to the profile.",
                    name,
                )

    def bind_header(self, header: list[str]) -> None:
        """Bind by name, in any order."""
        self.names = [normal_name(name) for name in header]
        wanted = {name: normal_name(delivered) for name, delivered in self.delivered.items()}
        if not set(wanted.values()) & set(self.names):
            raise FileRefusedError(
                "SCHEMA_MISMATCH",
                f"The header ({', '.join(header)[:80]!r}) names no column of "
                f"{self.contract.feed}: this is another export, or the header is missing.",
            )
        twice = sorted({name for name in self.names if name and self.names.count(name) > 1})
        if twice:
            raise FileRefusedError(
                "DUPLICATE_COLUMN",
                f"The header names {', '.join(twice)} more than once, so no value can be "
                "assigned; ask for an export with distinct names.",
            )
        self._refuse_missing(wanted)
        undeclared = sorted(set(self.names) - set(wanted.values()))
        if self.contract.closed and undeclared:
            raise FileRefusedError(
                "SCHEMA_MISMATCH",
                f"{self.contract.feed} takes its declared columns alone, and this file has "
                f"{', '.join(undeclared)} too; ask for an export without it. Nothing was kept.",
            )
        for name, normal in wanted.items():
            self.positions[name] = self.names.index(normal) if normal in self.names else None
        self._note_names(header, set(wanted.values()))

    def _refuse_missing(self, wanted: dict[str, str]) -> None:
        missing = [
            self.delivered[name]
            for name, normal in wanted.items()
            if normal not in self.names and self.contract.columns[name].in_header == "required"
        ]
        if missing:
            unknown = [name for name in self.names if name not in wanted.values()]
            hint = f" Unknown to the contract: {', '.join(unknown)} (renamed?)." if unknown else ""
            raise FileRefusedError(
                "REQUIRED_COLUMN_MISSING",
                f"The header lacks {', '.join(missing)}; a missing column is never filled.{hint}",
            )

    def _note_names(self, header: list[str], wanted: set[str]) -> None:
        declared = set(self.delivered.values())
        changed = [
            name
            for name, normal in zip(header, self.names, strict=True)
            if normal in wanted and name not in declared
        ]
        if changed:
            self.findings.append(
                Finding(
                    "HEADER_NORMALISED",
                    None,
                    f"Names compared without case and blanks: {', '.join(map(repr, changed))}.",
                    count=len(changed),
                )
            )
        if self.dialect.unknown_columns == "warn":
            self.findings += [
                Finding(
                    "UNKNOWN_COLUMN",
                    None,
                    f"The column {name!r} is not in the contract and is not loaded; if it is "
                    "needed, add it there.",
                )
                for name, normal in zip(header, self.names, strict=True)
                if normal not in wanted
            ]

    def _find_header(self, records: Iterator[Record]) -> Iterator[Record]:
        """Take the first line that holds all required names; what stands above is a title."""
        first = list(itertools.islice(records, self.dialect.preamble_lines + 1))
        wanted = {
            normal_name(delivered)
            for name, delivered in self.delivered.items()
            if self.contract.columns[name].in_header == "required"
        }
        held = [len(wanted & {normal_name(name) for name in record.fields}) for record in first]
        if not first:
            raise _no_rows()
        best = held.index(max(held))
        self.bind_header(first[best].fields)
        if best:
            self.findings.insert(
                0,
                Finding("PREAMBLE_SKIPPED", None, f"{best} title or blank lines above the header."),
            )
        rest = itertools.chain(first[best + 1 :], records)
        return (record for record in rest if not _is_blank(record))

    def _data(self, stream: Iterator[Record]) -> Iterator[Record]:
        repeated = 0
        held: Record | None = None
        for record in stream:
            if self.dialect.header and [normal_name(name) for name in record.fields] == self.names:
                repeated += 1
                continue
            if self.dialect.format == "xlsx":
                # A sheet has no end of record: cells that were left empty are empty, not missing.
                record.fields.extend([""] * (len(self.names) - len(record.fields)))
            if held is not None:
                yield held
            held = record
        if held is not None:
            trailer = TRAILER.fullmatch(held.raw.strip()) if self.dialect.trailer else None
            if trailer:
                self.trailer_rows = int(trailer[1])
            else:
                self.last = held
                yield held
        if repeated:
            self.findings.append(
                Finding(
                    "REPEATED_HEADER",
                    None,
                    f"The header is repeated {repeated} times among the records (files glued "
                    "together?); the copies were left out.",
                    count=repeated,
                )
            )


def _is_blank(record: Record) -> bool:
    return len(record.fields) <= 1 and not record.raw.strip(" \t\r\n")


def _no_rows() -> FileRefusedError:
    return FileRefusedError(
        "NO_ROWS",
        "The file holds no records; an export that may be empty must be declared so.",
    )


def _refuse_limits(dialect: Dialect, lines: int) -> None:
    if lines in ROW_LIMITS and not dialect.may_fill_row_limit:
        raise FileRefusedError(
            "TRUNCATED",
            f"The file has exactly {lines:,} lines, the row limit of Excel: the rest was cut off "
            "without a word; ask for the export itself.",
        )


def _refuse_truncated(last: int, wanted: int) -> FileRefusedError:
    return FileRefusedError(
        "TRUNCATED",
        f"The file breaks off in its last record (field {last} of {wanted}, no line end); ask for "
        "it again.",
    )


def _refuse_totals(count: int, trailer: int | None, sidecar: int | None) -> None:
    for name, declared in (("trailer", trailer), ("manifest", sidecar)):
        if declared is not None and declared != count:
            raise FileRefusedError(
                "CONTROL_TOTAL_MISMATCH",
                f"The {name} counts {declared:,} records, {count:,} arrived; ask for the file "
                "again.",
            )


# ---------------------------------------------------------------------------------------- loading


def _direct(
    con: duckdb.DuckDBPyConnection,
    source: _Source,
    path: Path,
    scan: Scan,
    *,
    table: str,
    work: Path,
    declared_rows: int | None,
) -> Records | None:
    """Let DuckDB read a file that is exactly what its dialect says; None if it is not."""
    dialect = source.dialect
    valid = scan.utf8 if dialect.encoding.lower() in {"utf-8", "utf8", "utf-8-sig"} else scan.ascii
    header = scan.head.split(b"\r" if scan.lf == 0 and scan.cr else b"\n", 1)[0].rstrip(b"\r")
    trailer = _trailer(scan, dialect)
    trusted = (
        valid
        and not scan.bom_inside
        and scan.uniform_line_ends
        and scan.quotes_regular
        and not scan.blank_lines
        and not scan.header_again
        and len(dialect.delimiter) == 1
        and dialect.quote in {'"', None}
        and dialect.record_end in {"\n", "\r\n", "\r"}
        and dialect.preamble_lines == 0
        and bool(header.strip())
        and (dialect.header or not scan.bom)
        and (trailer is None or (scan.trailers == 1 and dialect.delimiter != "|"))
        and not (dialect.header and b'"' in header)
        and len(header) < len(scan.head)
    )
    if not trusted:
        return None
    if dialect.header:
        source.bind_header(header.decode("utf-8").split(dialect.delimiter))
    else:
        source.bind_layout()
    fields = len(source.names)
    if fields == 1:
        return None
    path = _globless(path, work)
    columns = ", ".join(f"'f{i}': 'VARCHAR'" for i in range(fields))
    quote = dialect.quote or ""
    # With line ends inside quotes a record may be longer than any line, and is read by one thread.
    parallel = not scan.quoted_line_ends
    longest = max(2 * scan.longest_line, LINE_BYTES) if parallel else RECORD_BYTES
    where = (
        ""
        if trailer is None
        else f"where not (rtrim(f0, ' \t') = 'T|{trailer:08d}' and f1 is null)"
    )
    con.execute(
        f"create or replace temp view {table} as "
        f"select *, case when _x is not null then 1 when f{fields - 1} is null then -1 else 0 end"
        "::tinyint as _width "
        f"from read_csv({quote_literal(str(path))}, auto_detect = false, header = false, "
        f"skip = {int(dialect.header)}, delim = {quote_literal(dialect.delimiter)}, "
        f"quote = {quote_literal(quote)}, escape = {quote_literal(quote)}, compression = 'none', "
        f"columns = {{{columns}, '_x': 'VARCHAR'}}, strict_mode = false, null_padding = true, "
        f"nullstr = [{quote_literal(_NEVER)}], max_line_size = {longest}, "
        f"buffer_size = {8 * longest}, parallel = {parallel}) {where}"
    )
    findings = source.findings
    ends = "\n" if scan.cr == 0 else "\r" if scan.lf == 0 else "\r\n"
    if scan.bom:
        findings.insert(0, Finding("BOM_REMOVED", None, "The byte order mark was removed."))
    if (scan.lf or scan.cr) and ends != dialect.record_end:
        findings.append(line_ends_finding(ends, dialect))
    records = Records(
        table=table,
        positions=source.positions,
        fields=fields,
        count=0,
        plain=scan.ascii and not scan.controls,
        delimiter=dialect.delimiter,
        # Looked for while the records are typed; most files have none.
        ragged=False,
        padded=scan.padded or scan.quoted_line_ends,
        longest=scan.longest_line if parallel else None,
        findings=findings,
    )

    def complete(shape: Shape) -> None:
        if shape.count == 0 and not source.contract.delivery.may_be_empty:
            raise _no_rows()
        if trailer is None and shape.last < 0 and not scan.tail.endswith((b"\n", b"\r")):
            _refuse_if_cut(con, records)
        _refuse_limits(dialect, scan.lines)
        _refuse_totals(shape.count, trailer, declared_rows)
        records.count = shape.count
        records.ragged = shape.widest > 0 or shape.narrowest < 0
        if shape.widest > 0:
            lines = TextLines(path, dialect, bytewise=True, valid_utf8=True)
            again = _Source(source.contract).bind_stream(_text_records(lines, dialect))
            records.too_long = {
                number: record.raw
                for number, record in enumerate(again, start=1)
                if len(record.fields) > fields
            }

    records.complete = complete
    return records


def line_ends_finding(ends: str, dialect: Dialect) -> Finding:
    """Return the note that all line ends are of one kind, but not the declared."""
    return Finding(
        "LINE_ENDS_NORMALISED", None, f"Lines end {ends!r} instead of {dialect.record_end!r}."
    )


def _trailer(scan: Scan, dialect: Dialect) -> int | None:
    """Return the count of a trailer in the last line."""
    last = scan.tail.rstrip(b"\r\n \t").replace(b"\r", b"\n").rsplit(b"\n", 1)[-1]
    match = TRAILER.fullmatch(last.decode("utf-8", errors="ignore"))
    return int(match[1]) if match and dialect.trailer else None


def _refuse_if_cut(con: duckdb.DuckDBPyConnection, records: Records) -> None:
    present = " + ".join(f"(f{i} is not null)::int" for i in range(records.fields))
    row = con.execute(
        f"select {present} from {records.numbered} order by _row_no desc limit 1"
    ).fetchone()
    if row is not None and row[0] < records.fields:
        raise _refuse_truncated(row[0], records.fields)


def _load_rewritten(
    con: duckdb.DuckDBPyConnection,
    source: _Source,
    rows: Iterator[Record],
    *,
    work: Path,
    table: str,
    declared_rows: int | None,
    plain: bool,
    lines: TextLines | None = None,
) -> Records:
    """Write the records into a plain file that DuckDB reads without a doubt."""
    fields = len(source.names)
    path = work / "rewritten.csv"
    has_line = source.dialect.format != "csv"
    too_long: dict[int, str] = {}
    count = 0
    padding = [""] * fields
    with path.open("w", encoding="utf-8", newline="", errors="replace") as file:
        # All texts are quoted: left to itself the writer leaves a lone CR bare.
        write = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC).writerow
        for count, record in enumerate(rows, start=1):
            width = len(record.fields)
            if width > fields:
                too_long[count] = record.raw
            line = [record.raw] if has_line else []
            write(
                [
                    (width > fields) - (width < fields),
                    *(record.fields + padding)[:fields],
                    *line,
                ]
            )
    if count == 0 and not source.contract.delivery.may_be_empty:
        raise _no_rows()
    last = source.last
    if last is not None and not last.ended and len(last.fields) < fields:
        raise _refuse_truncated(len(last.fields), fields)
    if lines is not None:
        _refuse_limits(source.dialect, lines.lines)
    _refuse_totals(count, source.trailer_rows, declared_rows)
    columns = ", ".join(f"'f{i}': 'VARCHAR'" for i in range(fields))
    columns += ", '_line': 'VARCHAR'" if has_line else ""
    con.execute(
        f"create or replace temp view {table} as select * "
        f"from read_csv({quote_literal(str(path))}, auto_detect = false, header = false, "
        "delim = ',', quote = '\"', escape = '\"', compression = 'none', "
        f"columns = {{'_width': 'TINYINT', {columns}}}, nullstr = [{quote_literal(_NEVER)}], "
        f"new_line = '\\n', strict_mode = false, max_line_size = {RECORD_BYTES})"
    )
    return Records(
        table=table,
        positions=source.positions,
        fields=fields,
        count=count,
        plain=plain,
        delimiter=source.dialect.delimiter,
        has_line=has_line,
        too_long=too_long,
        findings=source.findings,
    )


def _read_parquet(
    con: duckdb.DuckDBPyConnection, contract: Contract, path: Path, table: str
) -> Records:
    with path.open("rb") as file:
        if file.read(4) != b"PAR1":
            raise FileRefusedError(
                "NOT_TABULAR", "The file is no Parquet (its first bytes are not PAR1)."
            )
        file.seek(-4, 2)
        if file.read(4) != b"PAR1":
            raise FileRefusedError("TRUNCATED", "The Parquet file lacks its end; ask for it again.")
    try:
        return read_relation(
            con, contract, f"select * from read_parquet({quote_literal(str(path))})", table
        )
    except (duckdb.InvalidInputException, duckdb.IOException) as error:
        raise FileRefusedError(
            "NOT_TABULAR", f"The Parquet file is damaged ({str(error).splitlines()[0]})."
        ) from error


def read_relation(
    con: duckdb.DuckDBPyConnection, contract: Contract, select_sql: str, table: str
) -> Records:
    """Bring typed columns back to text in ISO form, so that they are judged like any file."""
    described = con.execute(f"describe {select_sql}").fetchall()
    source = _Source(contract)
    source.bind_header([row[0] for row in described])
    texts = ", ".join(
        f"coalesce({as_iso_text(quote_identifier(name), kind, contract.dialect)}, '') as f{i}"
        for i, (name, kind, *_) in enumerate(described)
    )
    # Kept, because a SELECT may give its rows in another order each time.
    con.execute(
        f"create or replace temp table {table}_kept as "
        f"select {texts}, 0::tinyint as _width from ({select_sql})"
    )
    con.execute(f"create or replace temp view {table} as from {table}_kept")
    row = con.execute(f"select count(*) from {table}").fetchone()
    assert row is not None
    if row[0] == 0 and not contract.delivery.may_be_empty:
        raise _no_rows()
    return Records(
        table=table,
        positions=source.positions,
        fields=len(described),
        count=row[0],
        plain=False,
        delimiter=contract.dialect.delimiter,
        ragged=False,
        findings=source.findings,
    )


def as_iso_text(name: str, duckdb_type: str, dialect: Dialect) -> str:
    """Return SQL that writes a typed value the way a text file of the dialect would."""
    if duckdb_type == "TIMESTAMP WITH TIME ZONE":
        return f"strftime(timezone('UTC', {name}), '%Y-%m-%dT%H:%M:%S.%fZ')"
    if duckdb_type.startswith("TIMESTAMP"):
        return (
            f"case when date_trunc('second', {name}) = {name} "
            f"then strftime({name}, '%Y-%m-%dT%H:%M:%S') "
            f"else strftime({name}, '%Y-%m-%dT%H:%M:%S.%f') end"
        )
    if duckdb_type == "DATE":
        return f"strftime({name}, '%Y-%m-%d')"
    if duckdb_type.startswith("DECIMAL") or duckdb_type in {"DOUBLE", "FLOAT"}:
        text = f"{name}::varchar"
        return text if dialect.decimal == "." else f"replace({text}, '.', ',')"
    if duckdb_type.endswith("]") or duckdb_type.startswith(("STRUCT", "MAP")):
        return f"to_json({name})::varchar"
    return f"{name}::varchar"
