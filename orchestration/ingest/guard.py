"""Judge one delivered file by its contract: what is read, what is kept, what is set aside and why.

The order of the checks is fixed: name, size, repeated delivery, checksum, container, form,
encoding, quotes, header, completeness, control totals, types row by row, period, keys, relations,
history. The first reason to refuse the whole file ends the check.

What is NOT here: landing, the delivery log, Great Expectations, writing anything that stays.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from orchestration.ingest.column_sql import Context
from orchestration.ingest.containers import (
    Delivered,
    read_sidecar,
    refuse_in_flight,
    sha256_of,
    unpack,
)
from orchestration.ingest.messages import SENTENCES, sentence
from orchestration.ingest.records import Records, Shape, read_records, read_relation
from orchestration.ingest.relations import Relations
from orchestration.ingest.sql import quote_identifier
from orchestration.ingest.typed_rows import GOOD, INTERNAL, TypedRows
from orchestration.ingest.typing_sql import key_columns, raw_text, typing_select
from orchestration.ingest.verdict import (
    FileRefusedError,
    Finding,
    Verdict,
    action_of,
)
from orchestration.ingest.zone_changes import zone_changes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import duckdb

    from orchestration.contracts.model import Contract
    from orchestration.ingest.history import History

SHOWN_CHARACTERS = 40
# Below, writing a Parquet file costs more than it saves.
STAGED_BYTES = 1 << 26
# Instants before are asked of the engine one by one.
_FIRST = dt.datetime(2015, 1, 1)  # noqa: DTZ001 (UTC, as the engine stores it)


def judge_file(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    path: Path | str,
    *,
    received_at: dt.datetime,
    name: str | None = None,
    delivery_date: dt.date | None = None,
    history: History | None = None,
    site_zones: Mapping[str, str] | None = None,
    table: str = "judged",
    keep_internal: bool = False,
    staging: Path | None = None,
) -> Verdict:
    """Judge one file and leave its typed records in a temp view.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Where the view is left.
    contract : Contract
        The effective contract of the file's form.
    path : Path
        The file as it arrived.
    received_at : datetime
        When it arrived; without a zone: UTC.
    name : str or None
        Its name as delivered, where it was landed under another.
    delivery_date : date or None
        Default: the UTC day of `received_at`.
    history : History or None
        Earlier deliveries; without them the rules that need them are silent.
    site_zones : mapping or None
        Site to IANA zone, for contracts whose `time_zone` names a site column.
    table : str
        Name of the temp view: `_row_no`, the typed columns, `_row_hash`, `_reasons` (codes of
        what sets the record aside; empty: it is good) and `_raw` (text of records set aside).
        Dropped repeats are not in it; of a file that is not taken it is empty.
    keep_internal : bool
        Keep the guard's own columns too (how history is compared).
    staging : Path or None
        Where the typed records of a large file are kept, as Parquet, as long as the view is read;
        None: in memory, whatever the size.

    Returns
    -------
    Verdict
        Records = rows_ok + rows_quarantined + dropped repeats, asserted.
    """
    path = Path(path)
    found: list[Finding] = []

    def records(work: Path) -> Records:
        delivered = _delivered(path, name or path.name, contract, history, work)
        found.extend(delivered.findings)
        return read_records(
            con,
            contract,
            delivered.plain,
            work,
            table=f"{table}__text",
            declared_rows=delivered.declared_rows,
        )

    return _judge(
        con,
        contract,
        records,
        found,
        received_at=received_at,
        name=name or path.name,
        delivery_date=delivery_date,
        history=history,
        site_zones=site_zones,
        table=table,
        keep_internal=keep_internal,
        staging=staging if path.stat().st_size >= STAGED_BYTES else None,
        scratch=staging,
    )


def judge_relation(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    select_sql: str,
    *,
    received_at: dt.datetime,
    delivery_date: dt.date | None = None,
    history: History | None = None,
    site_zones: Mapping[str, str] | None = None,
    table: str = "judged",
) -> Verdict:
    """Judge the rows of a SELECT over tables judged before, by the same rules as a file.

    Values are written as ISO text first, so that types, keys, checks and the row hash are those of
    a file with the same content. Parameters and result as in `judge_file`.
    """
    return _judge(
        con,
        contract,
        lambda _: read_relation(con, contract, select_sql, f"{table}__text"),
        [],
        received_at=received_at,
        name="",
        delivery_date=delivery_date,
        history=history,
        site_zones=site_zones,
        table=table,
    )


def _delivered(
    path: Path, name: str, contract: Contract, history: History | None, work: Path
) -> Delivered:
    """Check the bytes as they arrived, and unpack them."""
    refuse_in_flight(name)
    if path.stat().st_size == 0:
        raise FileRefusedError("EMPTY_FILE", "The file has no bytes; ask for it again.")
    if history is not None and history.sha256s and sha256_of(path) in history.sha256s:
        raise FileRefusedError(
            "DUPLICATE_FILE", "The same bytes were delivered before; nothing is loaded twice."
        )
    declared_rows = read_sidecar(path)
    plain, findings = unpack(path, work, packed_formats_stay=contract.dialect.format == "xlsx")
    if plain.stat().st_size == 0:
        raise FileRefusedError("EMPTY_FILE", "The archive holds a file without bytes.")
    return Delivered(plain, declared_rows, tuple(findings))


def _judge(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    read: Callable[[Path], Records],
    found: list[Finding],
    *,
    received_at: dt.datetime,
    name: str,
    delivery_date: dt.date | None,
    history: History | None,
    site_zones: Mapping[str, str] | None,
    table: str,
    keep_internal: bool = False,
    staging: Path | None = None,
    scratch: Path | None = None,
) -> Verdict:
    received = received_at.astimezone(dt.UTC) if received_at.tzinfo else received_at
    received = received.replace(tzinfo=None)
    rows = TypedRows(con, contract, table, staging)
    # In the home, where there is one: there the next run removes what a killed one has unpacked.
    with tempfile.TemporaryDirectory(dir=scratch, prefix="guard-") as work:
        try:
            records = read(Path(work))
            found.extend(records.findings)
            known_zones = _known_zones(con, contract, records)
            context = Context(
                plain=records.plain,
                padded=records.padded or not records.plain,
                site_zones=site_zones or {},
                known_zones=known_zones,
                received_at=received,
                delivery_date=delivery_date or received.date(),
                zone_changes=(
                    zone_changes(con, _zones(contract, site_zones, known_zones), _FIRST, received)
                    if staging
                    else {}
                ),
            )
            verdict = _judge_records(
                con, contract, records, context, found=found, name=name, history=history, rows=rows
            )
            if not keep_internal:
                rows.show(internal=False)
        except FileRefusedError as refusal:
            rows.show_nothing()
            finding = refusal.finding
            verdict = Verdict(action_of([finding]), 0, 0, (*found, finding), 0)
        con.execute(f"drop view if exists {table}__text")
    return verdict


def _judge_records(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    records: Records,
    context: Context,
    *,
    found: list[Finding],
    name: str,
    history: History | None,
    rows: TypedRows,
) -> Verdict:
    well_formed, wrong, noted = _type(contract, records, context, rows)
    relations = Relations(con, contract, records, rows, delivery_date=context.delivery_date)
    issues = _unnested(con, rows.view, "_issues", "_issues is not null") if wrong else {}
    relations.refuse_by_type({pair: number for pair, (number, _) in issues.items()}, well_formed)
    relations.refuse_by_period(name)
    if wrong:
        found += _told(con, contract, records, issues)
        rows.set_aside_by_issue()
    relations.keys()
    relations.within_file(history)
    if history is not None:
        relations.against_history(history)
    found += relations.findings
    if noted:
        found += _noted(con, contract, records, rows.view)
    row = con.execute(
        f"select count(*) filter ({GOOD}), count(*) filter (not ({GOOD})) from {rows.view}"
    ).fetchone()
    assert row is not None
    kept, set_aside = row
    assert records.count == kept + set_aside + relations.dropped, "no record is lost"
    if set_aside:
        _fill_raw(con, contract, records, rows)
    return Verdict(action_of(found), kept, set_aside, tuple(found), records.count)


def _type(
    contract: Contract, records: Records, context: Context, rows: TypedRows
) -> tuple[int, int, int]:
    """Write the typed rows, once more where they turn out not to be what was expected.

    Returns
    -------
    tuple of int
        Well-formed records, records with an issue, records with a note.
    """
    _write(contract, records, context, rows)
    measures = "count(*) filter (_width = 0), count(_issues), count(_notes)"
    if records.complete is not None:
        count, narrowest, widest, last = rows.one(
            "count(*), coalesce(min(_width), 0), coalesce(max(_width), 0), "
            "coalesce(arg_max(_width, _row_no), 0)"
        )
        records.complete(Shape(count, narrowest, widest, last))
        if records.ragged:
            _write(contract, records, context, rows)
    if any(column.fold_by for column in contract.columns.values()):
        # Where times occur twice, their order in the file is looked at.
        (ambiguous,) = rows.one(
            "count(*)", "len(list_filter(_notes, lambda x: starts_with(x, 'AMBIGUOUS_'))) > 0"
        )
        if ambiguous:
            _write(contract, records, dataclasses.replace(context, fold=True), rows)
    well_formed, wrong, noted = rows.one(measures)
    return well_formed, wrong, noted


def _write(contract: Contract, records: Records, context: Context, rows: TypedRows) -> None:
    key = {"_key"} & set(key_columns(contract))
    rows.write(typing_select(contract, records, context), (*INTERNAL, *key))


def _known_zones(
    con: duckdb.DuckDBPyConnection, contract: Contract, records: Records
) -> tuple[str, ...]:
    """Return the IANA zones among the values of zone columns; the engine stops at any other."""
    names = {column.zone_column for column in contract.columns.values() if column.zone_column}
    if contract.time_zone is not None and contract.time_zone.column is not None:
        names.add(contract.time_zone.column)
    values: set[str] = set()
    for name in names:
        column, position = contract.columns[name], records.positions[name]
        if column.is_constant:
            values.add(column.constant or "")
        elif position is not None:
            rows = con.execute(f"select distinct trim(f{position}) from {records.table}").fetchall()
            values |= {value for (value,) in rows if value}
    # Listing all zones costs 5 ms: only where a column holds zones.
    return tuple(sorted(values & available_timezones())) if values else ()


def _zones(
    contract: Contract, site_zones: Mapping[str, str] | None, known_zones: tuple[str, ...]
) -> set[str]:
    """Return the zones that records of a file may lie in."""
    declared = contract.time_zone
    if declared is None:
        return set()
    named = {declared.zone} if declared.zone else set()
    return {*named, *known_zones, *(site_zones or {}).values()}


def _unnested(
    con: duckdb.DuckDBPyConnection, table: str, column: str, condition: str
) -> dict[tuple[str, str], tuple[int, int]]:
    """Return (code, column) to (count, first record) of a list column."""
    rows = con.execute(
        f"select told, count(*), min(_row_no) from "
        f"(select unnest({column}) as told, _row_no from {table} where {condition}) "
        "group by told order by min(_row_no), told"
    ).fetchall()
    return {tuple(told.split(":", 1)): (count, first) for told, count, first in rows}


def _noted(
    con: duckdb.DuckDBPyConnection, contract: Contract, records: Records, table: str
) -> list[Finding]:
    """Return what is told of records that stay."""
    notes = _unnested(con, table, "_notes", f"_notes is not null and {GOOD}")
    for pair in [pair for pair in notes if pair[0] == "MOJIBAKE"]:
        rows = con.execute(
            f"select _row_no, {quote_identifier(pair[1])} from {table} "
            f"where {GOOD} and list_contains(_notes, 'MOJIBAKE:{pair[1]}') order by _row_no"
        ).fetchall()
        twice = [number for number, text in rows if decoded_twice(text)]
        del notes[pair]
        if twice:
            notes[pair] = (len(twice), twice[0])
    return _told(con, contract, records, notes)


def decoded_twice(text: str) -> bool:
    """Return whether the cp1252 bytes of a text are valid UTF-8 beyond ASCII."""
    try:
        return not text.encode("cp1252").decode("utf-8").isascii()
    except UnicodeError:
        return False


def _told(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    records: Records,
    noticed: dict[tuple[str, str], tuple[int, int]],
) -> list[Finding]:
    """Return one finding for each code and column, with the first value where it may be shown."""
    positions = {
        (code, name): position
        for code, name in noticed
        if (position := records.positions.get(name)) is not None and "{value}" in SENTENCES[code]
    }
    shown = {
        pair: position
        for pair, position in positions.items()
        if contract.columns[pair[1]].sensitivity in {"public", "internal"}
    }
    values = {}
    if shown:
        firsts = ", ".join(str(number) for number in {noticed[pair][1] for pair in shown})
        texts = ", ".join(f"f{position}" for position in set(shown.values()))
        cursor = con.execute(
            f"select _row_no, {texts} from {records.numbered} where _row_no in ({firsts})"
        )
        names = [column[0] for column in cursor.description or ()]
        values = {row[0]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}
    told = []
    for (code, name), (count, first) in noticed.items():
        value = ""
        if (code, name) in shown:
            value = repr(values[first][f"f{shown[code, name]}"][:SHOWN_CHARACTERS])
        elif (code, name) in positions:
            value = "personal, not shown"
        told.append(Finding(code, first, sentence(code, name, value, count), name or None, count))
    return told


def _fill_raw(
    con: duckdb.DuckDBPyConnection, contract: Contract, records: Records, rows: TypedRows
) -> None:
    """Give the records that are set aside the text they came as."""
    text = "_line"
    if not records.has_line:
        text = raw_text(records.fields, records.delimiter, contract.dialect.quote)
    con.execute(
        f"update {rows.aside} set _raw = {text} from {records.numbered} as texts "
        f"where not _is_dropped and texts._row_no = {rows.aside}._row_no"
    )
    for number, raw in records.too_long.items():
        con.execute(f"update {rows.aside} set _raw = ? where _row_no = ?", [raw, number])
