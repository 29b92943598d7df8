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
from orchestration.ingest.records import Records, read_records, read_relation
from orchestration.ingest.relations import GOOD, Relations
from orchestration.ingest.sql import quote_identifier
from orchestration.ingest.typing_sql import key_columns, raw_text, typing_select
from orchestration.ingest.verdict import (
    FileRefusedError,
    Finding,
    Verdict,
    action_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import duckdb

    from orchestration.contracts.model import Contract
    from orchestration.ingest.history import History

SHOWN_CHARACTERS = 40


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
) -> Verdict:
    """Judge one file and leave its typed records in a temp table.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Where the temp table is left.
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
        Name of the temp table: `_row_no`, the typed columns, `_row_hash`, `_reasons` (codes of
        what sets the record aside; empty: it is good) and `_raw` (text of records set aside).
        Dropped repeats are not in it; of a file that is not taken it is empty.
    keep_internal : bool
        Keep the guard's own columns too (how history is compared).

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
    sha256 = sha256_of(path)
    if history is not None and sha256 in history.sha256s:
        raise FileRefusedError(
            "DUPLICATE_FILE", "The same bytes were delivered before; nothing is loaded twice."
        )
    declared_rows = read_sidecar(path, sha256)
    plain, findings = unpack(path, work, packed_formats_stay=contract.dialect.format == "xlsx")
    if plain.stat().st_size == 0:
        raise FileRefusedError("EMPTY_FILE", "The archive holds a file without bytes.")
    return Delivered(plain, sha256, declared_rows, tuple(findings))


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
) -> Verdict:
    received = received_at.astimezone(dt.UTC) if received_at.tzinfo else received_at
    received = received.replace(tzinfo=None)
    try:
        with tempfile.TemporaryDirectory(prefix="guard-") as work:
            records = read(Path(work))
        found.extend(records.findings)
        context = Context(
            plain=records.plain,
            padded=records.padded or not records.plain,
            site_zones=site_zones or {},
            known_zones=_known_zones(con, contract, records),
            received_at=received,
            delivery_date=delivery_date or received.date(),
        )
        verdict = _judge_records(
            con, contract, records, context, found=found, name=name, history=history, table=table
        )
        if not keep_internal:
            _drop_internal(con, contract, table)
    except FileRefusedError as refusal:
        _empty_table(con, contract, table)
        finding = refusal.finding
        verdict = Verdict(action_of([finding]), 0, 0, (*found, finding), 0)
    con.execute(f"drop table if exists {table}__text")
    return verdict


def _drop_internal(con: duckdb.DuckDBPyConnection, contract: Contract, table: str) -> None:
    """Leave only what is promised of the table."""
    for column in ("_issues", "_notes", "_width", *({"_key"} & set(key_columns(contract)))):
        con.execute(f"alter table {table} drop column {column}")


def _judge_records(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    records: Records,
    context: Context,
    *,
    found: list[Finding],
    name: str,
    history: History | None,
    table: str,
) -> Verdict:
    _type(con, contract, records, context, table)
    relations = Relations(con, contract, records, table, delivery_date=context.delivery_date)
    key = ", ".join(quote_identifier(column) for column in key_columns(contract))
    # Distinct hashes prove distinct keys; equal hashes are looked at one by one.
    distinct = (
        f"count(distinct hash({key})) filter ({GOOD})" if key else f"count(*) filter ({GOOD})"
    )
    row = con.execute(
        f"select count(*), count(*) filter (_width = 0), count(*) filter ({GOOD}), "
        f"count(_notes), {distinct} from {table}"
    ).fetchone()
    assert row is not None
    count, well_formed, good, noted, distinct_keys = row
    issues = _unnested(con, table, "_issues", "_issues is not null") if good < count else {}
    relations.refuse_by_type({pair: number for pair, (number, _) in issues.items()}, well_formed)
    relations.refuse_by_period(name)
    found += [_told(con, contract, records, pair, where) for pair, where in issues.items()]
    if distinct_keys < good:
        relations.keys()
    relations.within_file(history)
    if history is not None:
        relations.against_history(history)
    found += relations.findings
    if noted:
        found += _noted(con, contract, records, table)
    row = con.execute(
        f"select count(*) filter ({GOOD}), count(*) filter (not ({GOOD})) from {table}"
    ).fetchone()
    assert row is not None
    kept, set_aside = row
    assert records.count == count == kept + set_aside + relations.dropped, "no record is lost"
    if set_aside:
        _fill_raw(con, contract, records, table)
    return Verdict(action_of(found), kept, set_aside, tuple(found), records.count)


def _type(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    records: Records,
    context: Context,
    table: str,
) -> None:
    """Make the typed table; where times occur twice, their order in the file is looked at."""
    con.execute(
        f"create or replace temp table {table} as {typing_select(contract, records, context)}"
    )
    if any(column.fold_by for column in contract.columns.values()):
        row = con.execute(
            f"select count(*) from {table} "
            "where len(list_filter(_notes, lambda x: starts_with(x, 'AMBIGUOUS_'))) > 0"
        ).fetchone()
        if row is not None and row[0]:
            context = dataclasses.replace(context, fold=True)
            con.execute(
                f"create or replace temp table {table} as "
                f"{typing_select(contract, records, context)}"
            )


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
    return [_told(con, contract, records, pair, where) for pair, where in notes.items()]


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
    pair: tuple[str, str],
    where: tuple[int, int],
) -> Finding:
    (code, name), (count, first) = pair, where
    value = ""
    position = records.positions.get(name)
    if position is not None and "{value}" in SENTENCES[code]:
        value = "personal, not shown"
        if contract.columns[name].sensitivity in {"public", "internal"}:
            row = con.execute(
                f"select f{position} from {records.table} where rowid = {first - 1}"
            ).fetchone()
            value = repr(row[0][:SHOWN_CHARACTERS]) if row is not None else ""
    return Finding(code, first, sentence(code, name, value, count), name or None, count)


def _fill_raw(
    con: duckdb.DuckDBPyConnection, contract: Contract, records: Records, table: str
) -> None:
    """Give the records that are set aside the text they came as."""
    text = "_line"
    if not records.has_line:
        text = raw_text(records.fields, records.delimiter, contract.dialect.quote)
    con.execute(
        f"update {table} set _raw = {text} from {records.table} as texts "
        f"where not ({GOOD}) and texts.rowid = {table}._row_no - 1"
    )
    for number, raw in records.too_long.items():
        con.execute(f"update {table} set _raw = ? where _row_no = ?", [raw, number])


def _empty_table(con: duckdb.DuckDBPyConnection, contract: Contract, table: str) -> None:
    columns = ", ".join(
        f"{quote_identifier(name)} {kind}" for name, kind in contract.typed_columns().items()
    )
    con.execute(
        f"create or replace temp table {table} (_row_no bigint, {columns}, _row_hash varchar, "
        "_reasons varchar[], _raw varchar)"
    )
