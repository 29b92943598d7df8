"""Make judged rows visible: quarantine, lake and raw table, in one transaction per feed.

`raw.<feed>` is a function of the accepted deliveries alone: per key the row of the latest
delivery that holds it; of a snapshot the rows of the latest one. So loading deliveries one by
one or all at once ends in the same rows. A row keeps the file and time that first brought its
present values; a delivery that repeats them changes nothing but `_last_delivery`.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.contracts.model import Touches
from orchestration.ingest.exemptions import WAIVED
from orchestration.ingest.landing import INCOMING, sync_folder
from orchestration.ingest.sql import column_list, quote_identifier, quote_literal, quote_relation
from orchestration.ingest.typing_sql import typed_key

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    import duckdb

    from orchestration.contracts.model import Contract
    from orchestration.ingest.delivery_log import Attempt
    from orchestration.ingest.verdict import Finding
    from orchestration.quality.expectations import RuleResult

META_COLUMNS = {
    "_source_system": "VARCHAR",
    "_file_id": "VARCHAR",
    "_row_no": "BIGINT",
    "_delivery_date": "DATE",
    "_received_at_utc": "TIMESTAMP",
    "_row_hash": "VARCHAR",
    # '<delivery date>/<file>' of the last delivery that held the row: what is later wins.
    "_last_delivery": "VARCHAR",
}
# Differ from run to run by nature, so they are no content.
RUN_COLUMNS = frozenset({"run_id", "recorded_at_utc", "loaded_at_utc"})
LAKE, LAKE_BLOCKED = "lake", "lake_blocked"
# The folder of restricted feeds, which has its own rights.
APART = "restricted/"
ROWS = "_batch_rows"
FILES = "_batch_files"
ASIDE = "_batch_aside"
FAILURES = "_batch_failures"
SOURCE_QUARANTINE = "_batch_source_quarantine"
# Row ids are unique over the batch, where a file may take part twice (a snapshot that repeats).
ROW_ID_BASE = 1 << 40


class UnloadableContractError(ValueError):
    """A contract can judge files of its feed, but its rows cannot be kept."""


@dataclass(frozen=True)
class BatchFile:
    """One accepted file of a batch: what its rows have in common.

    In the temporary tables every name of ours begins with an underscore, and no column of a
    contract can: `day`, `hash` or `reason` are names that contracts may use.
    """

    number: int
    file_id: str
    file_name: str
    attempt_id: str
    source_system: str
    relative_path: str
    delivery_date: dt.date
    received_at_utc: dt.datetime

    @property
    def order(self) -> str:
        """What is later wins: delivery date, then name."""
        return f"{self.delivery_date.isoformat()}/{self.relative_path}"


@dataclass(frozen=True)
class FileCounts:
    """What the rows of one file did to the raw table, and the days that they speak of."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    first_date: dt.date | None = None
    last_date: dt.date | None = None


def typed_keys(contract: Contract) -> list[str]:
    """Return the typed columns of the key: of a time, its instant."""
    return [typed_key(contract, name) for name in contract.key]


def raw_table(contract: Contract) -> str:
    """Return the quoted name of a feed's raw table."""
    return quote_relation(f"{contract.schema_name}.{contract.feed}")


def ensure_raw_table(con: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Create a feed's raw table, or give it the columns of a changed contract.

    An empty table with the right types stands for a feed that never arrived, so that no model
    that reads it has to know. Where a contract changed, kept columns keep their values.
    """
    wanted = {**contract.typed_columns(), **META_COLUMNS}
    table = raw_table(contract)
    exists = con.execute(
        "select 1 from duckdb_tables() where schema_name = ? and table_name = ?",
        [contract.schema_name, contract.feed],
    ).fetchall()
    # Of this table alone: the engine's list of all columns of all tables takes 20 ms.
    described = con.execute(f"describe {table}").fetchall() if exists else []
    present = {row[0]: row[1] for row in described}
    if list(present.items()) == list(wanted.items()):
        return
    columns = ", ".join(
        f"try_cast({quote_identifier(name) if name in present else 'null'} as {kind}) "
        f"as {quote_identifier(name)}"
        for name, kind in wanted.items()
    )
    source = f"{table}" if present else "(select 1) where false"
    con.execute(f"create or replace table {table} as select {columns} from {source}")


def reference_list(con: duckdb.DuckDBPyConnection, contract: Contract) -> str:
    """Return a temporary view of the known keys of another feed, for the guard's look-ups."""
    ensure_raw_table(con, contract)
    view = f"_known_{contract.feed}"
    con.execute(
        f"create or replace temp view {quote_identifier(view)} as "
        f"select distinct {quote_identifier(typed_keys(contract)[0])} "
        f"from {raw_table(contract)}"
    )
    return view


# ----------------------------------------------------------------------------------- the batch


def start_quarantine(con: duckdb.DuckDBPyConnection) -> None:
    """Create the empty table of rows that were set aside in source files."""
    con.execute(
        f"create or replace temp table {SOURCE_QUARANTINE} as select * from ops.quarantine limit 0"
    )


def gather_batch(
    con: duckdb.DuckDBPyConnection, contract: Contract, judged: Sequence[tuple[str, BatchFile]]
) -> None:
    """Lay one view over the judged rows of all files, and note what the files are.

    A view, because copying two million judged rows once more cost 3.8 s of 25 s.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Holds the tables that the guard left.
    contract : Contract
        Of the feed; the forms of its files may differ in names and spelling, not in typed columns.
    judged : sequence of (table, BatchFile)
        One for each accepted file.
    """
    typed = ", ".join(
        f"{quote_identifier(name)} {kind}" for name, kind in contract.typed_columns().items()
    )
    con.execute(
        f"create or replace temp table {ROWS}_none (_row_id bigint, _file_no bigint, {typed}, "
        "_row_no bigint, _row_hash varchar, _reasons varchar[], _raw varchar, "
        "_delivery_date date, _order varchar)"
    )
    values = column_list(list(contract.typed_columns()))
    for table, file in judged:
        con.execute(
            f"create or replace temp view {_rows_of(file.number)} as "
            f"select {file.number * ROW_ID_BASE} + _row_no as _row_id, "
            f"{file.number}::bigint as _file_no, {values}, _row_no, _row_hash, _reasons, _raw, "
            f"date {quote_literal(file.delivery_date.isoformat())} as _delivery_date, "
            f"{quote_literal(file.order)} as _order from {quote_identifier(table)}"
        )
    parts = [f"from {name}" for name in (f"{ROWS}_none", *(_rows_of(f.number) for _, f in judged))]
    con.execute(f"create or replace temp view {ROWS} as {' union all '.join(parts)}")
    con.execute(
        f"create or replace temp table {FILES} (_file_no bigint, _file_id varchar, "
        "_file_name varchar, _attempt_id varchar, _source_system varchar, _relative_path varchar, "
        "_day date, _received_at_utc timestamp)"
    )
    _insert(
        con,
        FILES,
        [
            (
                *(file.number, file.file_id, file.file_name, file.attempt_id),
                *(file.source_system, file.relative_path, file.delivery_date),
                file.received_at_utc,
            )
            for _, file in judged
        ],
    )


def _rows_of(number: int) -> str:
    """Return the view of one file's rows: planning all of 64 to write one took 35 ms a file."""
    return f"{ROWS}_{number}"


def counts_by_delivery(
    con: duckdb.DuckDBPyConnection, rules: Sequence[tuple[str, str]]
) -> dict[tuple[dt.date, str], tuple[int, int]]:
    """Count evaluated and failing rows per delivery date and rule.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Holds the batch and its failures.
    rules : sequence of (rule id, SQL condition of the rows that the rule is about)

    Returns
    -------
    dict
        (delivery date, rule id) to (evaluated, unexpected).
    """
    if not rules:
        return {}
    measures = ", ".join(f"count(*) filter (where {where})" for _, where in rules)
    evaluated = con.execute(
        f"select _delivery_date, {measures} from {ROWS} group by _delivery_date"
    ).fetchall()
    unexpected = {
        (day, rule): count
        for day, rule, count in con.execute(
            f"select _delivery_date, {FAILURES}.rule_id, count(*) from {FAILURES} "
            f"join {ROWS} using (_row_id) group by all"
        ).fetchall()
    }
    return {
        (row[0], rule): (row[position], unexpected.get((row[0], rule), 0))
        for row in evaluated
        for position, (rule, _) in enumerate(rules, start=1)
    }


def no_failures(con: duckdb.DuckDBPyConnection) -> list[RuleResult]:
    """Leave the table of failing rows empty, where a contract has no rules."""
    con.execute(
        f"create or replace temp table {FAILURES} as "
        f"select ''::varchar as rule_id, _row_id from {ROWS} limit 0"
    )
    return []


def set_aside(
    con: duckdb.DuckDBPyConnection,
    steward: str,
    quarantining: dict[str, str],
    exempt: Collection[tuple[dt.date, str]] = (),
) -> dict[int, int]:
    """Note every row to be set aside with each of its reasons.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Holds the batch and its failures.
    steward : str
        Owner of the guard's reasons.
    quarantining : dict
        Rules whose failing rows are set aside, with their owners.
    exempt : collection of (delivery date, rule id)
        Where failing rows pass.

    Returns
    -------
    dict
        File number to number of rows set aside; files without any are left out.
    """
    owners = (
        " ".join(
            f"when {quote_literal(rule)} then {quote_literal(owner)}"
            for rule, owner in quarantining.items()
        )
        or "when null then null"
    )
    con.execute(
        f"create or replace temp table {ASIDE} as "
        f"select _row_id, _file_no, unnest(list_distinct(_reasons)) as _reason, "
        f"null::varchar as _rule_id, {quote_literal(steward)} as _owner "
        f"from {ROWS} where len(_reasons) > 0 "
        f"union all select _row_id, _file_no, 'EXPECTATION_FAILED', {FAILURES}.rule_id, "
        f"case {FAILURES}.rule_id {owners} end from {FAILURES} join {ROWS} using (_row_id) "
        f"where list_contains(?, {FAILURES}.rule_id) and not {_is_exempt(exempt)}",
        [list(quarantining)],
    )
    return dict(
        con.execute(
            f"select _file_no, count(distinct _row_id) from {ASIDE} group by all"
        ).fetchall()
    )


def let_in(
    con: duckdb.DuckDBPyConnection, exempt: Collection[tuple[dt.date, str]]
) -> dict[int, int]:
    """Count the rows of each file that stay although they fail a rule, because it is exempt."""
    return dict(
        con.execute(
            f"select _file_no, count(distinct _row_id) from {ROWS} join {FAILURES} using (_row_id) "
            f"anti join {ASIDE} using (_row_id) where {_is_exempt(exempt)} group by all"
        ).fetchall()
    )


def _is_exempt(exempt: Collection[tuple[dt.date, str]]) -> str:
    """Return SQL that says of a row's failure whether its rule is exempt on its delivery."""
    pairs = ", ".join(
        f"(date {quote_literal(day.isoformat())}, {quote_literal(rule)})"
        for day, rule in sorted(exempt)
    )
    return f"((_delivery_date, {FAILURES}.rule_id) in ({pairs}))" if pairs else "false"


# ------------------------------------------------------------------------------------ the lake


def write_lake(
    con: duckdb.DuckDBPyConnection, contract: Contract, home: Path, blocked: Collection[int]
) -> dict[int, str]:
    """Write the kept rows of each file as Parquet under the hash of their content.

    The name is a hash over the row hashes in key order, because the bytes of a Parquet file are
    not the same twice. It holds the typed values and their hash; where they came from is in the
    delivery log, so a file that is delivered again in another form needs no second copy.

    Returns
    -------
    dict
        File number to path below ``home``; files of a blocked delivery lie in `lake_blocked`.
    """
    order = column_list([*typed_keys(contract), "_row_hash"])
    kept = f"anti join {ASIDE} using (_row_id)"
    contents = con.execute(
        f"select _file_no, sha256(string_agg(_row_hash, '' order by {order})) "
        f"from {ROWS} {kept} group by all"
    ).fetchall()
    values = column_list([*contract.typed_columns(), "_row_hash"])
    apart = APART if contract.sensitivity == "restricted" else ""
    paths: dict[int, str] = {}
    for number, content in sorted(contents):
        area = apart + (LAKE_BLOCKED if number in blocked else LAKE)
        relative = f"{area}/{contract.feed}/{content}.parquet"
        paths[number] = relative
        target = home / relative
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with _written_aside(home / area, target) as temporary:
            con.execute(
                f"copy (select {values} from {_rows_of(number)} {kept} order by {order}) "
                f"to {quote_literal(str(temporary))} (format parquet, compression zstd)"
            )
    return paths


@contextlib.contextmanager
def _written_aside(area: Path, target: Path) -> Iterator[Path]:
    """Give a temporary file that becomes ``target`` once it is complete."""
    with tempfile.TemporaryDirectory(dir=area, prefix=INCOMING) as folder:
        temporary = Path(folder) / target.name
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(target)
    sync_folder(target.parent)


# ------------------------------------------------------------------------------------ the merge


def plan_merge(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    *,
    blocked: Collection[dt.date],
    accepted_days: Collection[dt.date],
    last_accepted: dt.date | None,
    as_of: dt.date,
) -> dict[int, FileCounts]:
    """Work out what the batch does to the raw table, without touching it.

    All versions of a key, the stored one first, are put in the order of their deliveries; a
    version whose hash differs from the one before it is a change. In a snapshot a key that a
    delivery leaves out is removed.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Holds the batch, with its rows set aside.
    contract : Contract
        Key, delivery mode and touched dates.
    blocked : collection of datetime.date
        Deliveries that stay invisible.
    accepted_days : collection of datetime.date
        Deliveries that become visible; a snapshot among them may have no rows.
    last_accepted : datetime.date or None
        The newest delivery that is visible already.
    as_of : datetime.date
        Where an open end ends.

    Returns
    -------
    dict
        File number to what its rows do.
    """
    snapshot = contract.delivery.mode == "snapshot"
    scope = list(contract.delivery.scope) if snapshot else []
    keys = [*scope, *(name for name in typed_keys(contract) if name not in scope)]
    _fresh(con, contract, keys, blocked, as_of)
    if last_accepted is None and _is_first_load(con, contract, keys, accepted_days):
        _history_of_first_load(con, keys)
    else:
        _deliveries(
            con,
            contract,
            scope,
            snapshot=snapshot,
            accepted_days=accepted_days,
            last_accepted=last_accepted,
        )
        _versions(con, contract, keys, scope, snapshot=snapshot, as_of=as_of)
        _history(con, keys, snapshot=snapshot)
    _beside(con, contract, as_of)
    rows = con.execute(
        "select _file_no, count(*) filter (where _kind = 'new'), "
        "count(*) filter (where _kind = 'changed'), count(*) filter (where _kind = 'unchanged') "
        "from _history where _row_id is not null group by _file_no"
    ).fetchall()
    in_play = {number: FileCounts(*counts) for number, *counts in rows}
    removed = dict(
        con.execute(
            "select _last_file_no, count(*) from _history join _deliveries "
            f"on _deliveries._idx = _history._idx + 1 {_same('_history', '_deliveries', scope)} "
            "where _is_removed and _last_file_no is not null group by all"
        ).fetchall()
    )
    kept = con.execute(
        f"select _file_no, count(*) from {ROWS} anti join {ASIDE} using (_row_id) "
        "where not list_contains(?::date[], _delivery_date) group by all",
        [list(blocked)],
    ).fetchall()
    spans = {
        number: dates
        for number, *dates in con.execute(
            "select _file_no, min(_from_date), max(greatest(_from_date, _to_date)) from _fresh "
            "where not _held group by _file_no"
        ).fetchall()
    }
    counts = {}
    for number, total in kept:
        seen = in_play.get(number, FileCounts())
        # What is not in play came too late: a later delivery is visible already.
        superseded = total - seen.new - seen.changed - seen.unchanged
        counts[number] = FileCounts(
            seen.new,
            seen.changed,
            seen.unchanged + superseded,
            removed.pop(number, 0),
            *spans.get(number, ()),
        )
    for number, count in removed.items():
        counts[number] = FileCounts(removed=count)
    return counts


def _fresh(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    keys: list[str],
    blocked: Collection[dt.date],
    as_of: dt.date,
) -> None:
    """Leave `_fresh`: key, hash, place and touched dates of every row that may become visible.

    Of a snapshot also the keys of rows that were set aside (`_held`): a row that cannot be read
    is no row that was deleted, so the last good version of its key stays.
    """
    first, last = _touch_expressions(contract, as_of)
    columns = (
        f"_row_id, _file_no, {column_list(keys)}, _order as _ord, _delivery_date as _day, "
        f"{first} as _from_date, {last} as _to_date"
    )
    visible = "not list_contains(?::date[], _delivery_date)"
    query = (
        f"select {columns}, _row_hash as _hash, false as _held "
        f"from {ROWS} anti join {ASIDE} using (_row_id) where {visible}"
    )
    parameters = [list(blocked)]
    if contract.delivery.mode == "snapshot":
        named = " and ".join(f"{quote_identifier(name)} is not null" for name in keys)
        query += (
            f" union all select {columns}, null, true "
            f"from {ROWS} semi join {ASIDE} using (_row_id) where {visible} and {named}"
        )
        parameters *= 2
    con.execute(f"create or replace temp table _fresh as {query}", parameters)


def _is_first_load(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    keys: list[str],
    accepted_days: Collection[dt.date],
) -> bool:
    """Return whether every row is the only version of its key; 2 million rows: 0.2 s, not 4 s.

    Distinct hashes prove distinct keys; equal ones may be chance and take the long way.
    """
    if contract.delivery.mode == "snapshot" and len(accepted_days) > 1:
        return False
    return con.execute(
        f"select not exists (select 1 from {raw_table(contract)}) "
        f"and (select count(*) filter (where _held) = 0 "
        f"and count(*) = count(distinct hash({column_list(keys)})) from _fresh)"
    ).fetchall()[0][0]


def _history_of_first_load(con: duckdb.DuckDBPyConnection, keys: list[str]) -> None:
    con.execute(
        "create or replace temp table _deliveries as select 0 as _idx, "
        "null::bigint as _last_file_no"
        f"{''.join(f', {quote_identifier(name)}' for name in keys)} from _fresh limit 0"
    )
    con.execute(
        "create or replace temp view _history as select *, null::bigint as _raw_rowid, 0 as _idx, "
        "null::date as _before_from, null::date as _before_to, 'new' as _kind, "
        "false as _is_removed from _fresh"
    )
    con.execute(
        "create or replace temp view _final as select _row_id as _origin, _ord, "
        "_ord as _stored_ord, "
        "null::bigint as _raw_rowid, true as _present from _fresh"
    )


def _deliveries(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    scope: list[str],
    *,
    snapshot: bool,
    accepted_days: Collection[dt.date],
    last_accepted: dt.date | None,
) -> None:
    """Leave `_deliveries`: the rank of each snapshot (per scope), 0 for the one that is visible.

    Snapshots older than the visible one are left out: they come too late to change anything.
    """
    if not snapshot:
        con.execute(
            "create or replace temp table _deliveries as "
            "select 0 as _idx, null::bigint as _last_file_no limit 0"
        )
        return
    scoped = column_list(scope)
    comma = ", " if scope else ""
    partition = f"partition by {column_list(scope, prefix='fresh')}" if scope else ""
    fresh = (
        f"select {scoped}, _day, max(_file_no) as _last_file_no from _fresh group by all"
        if scope
        # A delivery without rows is a snapshot too: it says that nothing is left.
        else "select days._day, max(_file_no) as _last_file_no "
        f"from (select unnest(?::date[]) as _day) as days left join {FILES} using (_day) "
        "group by all"
    )
    con.execute(
        "create or replace temp table _deliveries as with "
        f"stored as (select {scoped}{comma} max(left(_last_delivery, 10)::date) as _day "
        f"from {raw_table(contract)} {'group by ' + scoped if scope else ''}), "
        f"fresh as ({fresh}) select fresh.*, stored._day as _stored_day, "
        "case when fresh._day = _stored_day then 0 else "
        f"dense_rank() over ({partition} order by nullif(fresh._day, _stored_day) nulls last) "
        f"end as _idx from fresh left join stored on true {_same('fresh', 'stored', scope)} "
        "where fresh._day >= coalesce(greatest(stored._day, ?::date), date '0001-01-01')",
        # Of a scope that is visible and empty no row tells; it counts as never delivered.
        [None] if scope else [list(accepted_days), last_accepted],
    )


def _versions(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    keys: list[str],
    scope: list[str],
    *,
    snapshot: bool,
    as_of: dt.date,
) -> None:
    """Leave `_versions`: stored and new versions of every key in play, with their snapshot's rank.

    Of a delta or append the rank is 0 throughout, and versions older than the stored one of the
    same key are left out.
    """
    names = column_list(keys)
    first, last = _touch_expressions(contract, as_of)
    stored = (
        f"select null::bigint as _row_id, null::bigint as _file_no, rowid as _raw_rowid, {names}, "
        f"_row_hash as _hash, _last_delivery as _ord, "
        f"{first} as _from_date, {last} as _to_date, false as _held "
        f"from {raw_table(contract)} as stored"
    )
    fresh = (
        f"select _row_id, _file_no, null::bigint as _raw_rowid, "
        f"{column_list(keys, prefix='_fresh')}, "
        "_hash, _ord, _from_date, _to_date, _held"
    )
    if not snapshot:
        con.execute(
            "create or replace temp table _versions as with stored as ("
            f"{stored} where exists (select 1 from _fresh where true "
            f"{_same('_fresh', 'stored', keys)})) "
            "select *, 0 as _idx, 0 as _last_idx from stored union all "
            f"{fresh}, 0, 0 from _fresh "
            f"left join (select {names}, _ord as _stored_ord from stored) "
            f"as older on true {_same('_fresh', 'older', keys)} "
            "where _stored_ord is null or _fresh._ord >= _stored_ord"
        )
        return
    scoped = column_list(scope)
    comma = ", " if scope else ""
    in_play = f"select 1 from _deliveries where true {_same('_deliveries', 'stored', scope)}"
    con.execute(
        "create or replace temp table _versions as "
        f"with versions as ({stored} where exists ({in_play})), "
        f"ends as (select {scoped}{comma} max(_idx) as _last_idx from _deliveries "
        f"{'group by ' + scoped if scope else ''}) "
        "select versions.*, 0 as _idx, ends._last_idx from versions join ends "
        f"on true {_same('versions', 'ends', scope)} union all "
        f"select * exclude (_rank) from ({fresh}, _deliveries._idx, ends._last_idx, "
        # Several files of one delivery are parts of it; of equal keys the last part's row holds.
        f"row_number() over (partition by {column_list(keys, prefix='_fresh')}, _deliveries._idx "
        "order by _held, _ord desc) as _rank from _fresh join _deliveries "
        f"on _deliveries._day = _fresh._day {_same('_deliveries', '_fresh', scope)} "
        f"join ends on true {_same('ends', '_fresh', scope)}) where _rank = 1"
    )


def _history(con: duckdb.DuckDBPyConnection, keys: list[str], *, snapshot: bool) -> None:
    """Leave `_history`, every version beside the one before it, and `_final`, what remains.

    A key that some snapshot between leaves out starts anew (a new streak). A held version has
    no values: it only says that the key is still there.
    """
    by_key = f"partition by {column_list(keys)}"
    in_order = "order by _idx, _ord, _row_id nulls first"
    gap = "lag(_idx) over w < _idx - 1" if snapshot else "false"
    removed = "_idx < _last_idx and coalesce(_after_idx, _last_idx + 1) > _idx + 1"
    values = "struct_pack(hash := _hash, first := _from_date, last := _to_date)"
    con.execute(
        "create or replace temp table _placed as with ordered as (select *, "
        f"row_number() over w as _seq, lead(_idx) over w as _after_idx, {gap} as _is_gap "
        f"from _versions window w as ({by_key} {in_order})), "
        "streaks as (select *, count(*) filter (where _is_gap) over "
        f"({by_key} order by _seq rows unbounded preceding) as _streak from ordered), "
        f"placed as (select *, case when not _held then {values} end as _own, "
        f"lag(case when not _held then {values} end ignore nulls) over "
        f"({by_key}, _streak order by _seq) as _before from streaks) "
        "select * exclude (_from_date, _to_date, _is_gap, _own), "
        "_before.first as _before_from, _before.last as _before_to, "
        "coalesce(_own, _before).first as _from_date, coalesce(_own, _before).last as _to_date, "
        "case when _held then 'held' when _row_id is null then 'stored' "
        "when _before is null then 'new' "
        "when _before.hash = _hash then 'unchanged' else 'changed' end as _kind, "
        f"coalesce(_own, _before) is not null and {removed if snapshot else 'false'} "
        f"as _is_removed, max(_streak) over ({by_key}) as _last_streak from placed"
    )
    con.execute(
        "create or replace temp table _remaining as select max(_raw_rowid) as _raw_rowid, "
        "max_by(coalesce(_row_id, -1), _seq) filter (where _kind in ('stored', 'new', 'changed') "
        "and _streak = _last_streak) as _origin, "
        "max_by(_ord, _seq) as _ord, min_by(_ord, _seq) as _stored_ord, "
        "max_by(_idx, _seq) = max(_last_idx) and _origin is not null as _present from _placed "
        f"group by {column_list(keys)}"
    )
    # Views, as after a first load: both ways leave the same names.
    con.execute("create or replace temp view _history as from _placed")
    con.execute("create or replace temp view _final as from _remaining")


def _beside(con: duckdb.DuckDBPyConnection, contract: Contract, as_of: dt.date) -> None:
    """Leave `_beside`, the dates of stored rows that depend on rows that changed.

    Those are the rows of the same group, and the rows that a changed one supersedes.
    """
    first, last = _touch_expressions(contract, as_of)
    touches = contract.touches
    changed = (
        f"{ROWS} semi join (select _row_id from _history where _kind in ('new', 'changed')) "
        "using (_row_id)"
    )
    dependent = []
    if isinstance(touches, Touches) and touches.group:
        group = column_list(list(touches.group))
        dependent.append(f"semi join (select {group} from {changed}) using ({group})")
    if isinstance(touches, Touches) and touches.supersedes is not None:
        key, superseded = column_list(list(contract.key)), quote_identifier(touches.supersedes)
        dependent.append(f"where {key} in (select {superseded} from {changed})")
    con.execute(
        "create or replace temp table _beside as "
        + " union ".join(
            f"select distinct {first} as _from_date, {last} as _to_date "
            f"from {raw_table(contract)} {condition}"
            for condition in dependent or ["limit 0"]
        )
    )


def apply_merge(con: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Carry out the planned merge; call inside the transaction of the feed."""
    raw = raw_table(contract)
    con.execute(
        f"delete from {raw} where rowid in (select _raw_rowid from _final "
        "where _raw_rowid is not null and (not _present or _origin >= 0))"
    )
    con.execute(
        f"update {raw} set _last_delivery = _final._ord from _final "
        f"where {raw}.rowid = _final._raw_rowid and _present and _origin < 0 "
        "and _ord <> _stored_ord"
    )
    values = column_list(list(contract.typed_columns()))
    con.execute(
        f"insert into {raw} select {values}, _source_system, _file_id, _row_no, _delivery_date, "
        f"_received_at_utc, _row_hash, _final._ord from {ROWS} "
        f"join _final on _row_id = _final._origin join {FILES} using (_file_no) "
        "where _present order by _row_id"
    )


def touched_ranges(con: duckdb.DuckDBPyConnection) -> list[tuple[dt.date | None, dt.date | None]]:
    """Return the merged dates that changed rows touch, by their old and their new values.

    Dates are those of the local wall clock. A range without dates means: any date, because the
    contract names none or the row has none.
    """
    return con.execute(
        "with ranges as ("
        "select _from_date, _to_date from _history "
        "where _kind in ('new', 'changed') or _is_removed "
        "union select _before_from, _before_to from _history where _kind = 'changed' "
        "union select _from_date, _to_date from _beside), "
        "dated as (select _from_date, greatest(_from_date, _to_date) as _to_date from ranges "
        "where _from_date is not null), "
        "placed as (select *, max(_to_date) over (order by _from_date, _to_date "
        "rows between unbounded preceding and 1 preceding) as reached from dated), "
        "grouped as (select *, count(*) filter (where reached is null or _from_date > reached + 1) "
        "over (order by _from_date, _to_date rows unbounded preceding) as island from placed) "
        "select min(_from_date), max(_to_date) from grouped group by island "
        "union all select null, null where exists "
        "(select 1 from ranges where _from_date is null) order by 1 nulls first"
    ).fetchall()


def withheld_dates(
    con: duckdb.DuckDBPyConnection, contract: Contract, day: dt.date, as_of: dt.date
) -> tuple[dt.date | None, dt.date | None]:
    """Return first and last date that the rows of a blocked delivery would have touched."""
    first, last = _touch_expressions(contract, as_of)
    return con.execute(
        f"select min({first}), max(greatest({first}, {last})) from {ROWS} where _delivery_date = ?",
        [day],
    ).fetchall()[0]


def _touch_expressions(contract: Contract, as_of: dt.date) -> tuple[str, str]:
    """Return SQL for first and last touched date of a row; an open end reaches to the as-of."""
    if not isinstance(contract.touches, Touches):
        return "null::date", "null::date"
    # The earliest of those that a row gives: `least` leaves out what is missing.
    starts = [_local_date(contract, name) for name in contract.touches.from_]
    first = f"least({', '.join(starts)}) - {contract.touches.days_before}"
    open_end = f"date {quote_literal(as_of.isoformat())}"
    if contract.touches.to is None:
        return first, open_end
    last = f"coalesce({_local_date(contract, contract.touches.to)}, {open_end})"
    return first, last


def _local_date(contract: Contract, name: str) -> str:
    kind = contract.columns[name].kind
    if kind == "ts":
        return f"{quote_identifier(name + '_local')}::date"
    if kind in {"date", "localtime"}:
        return f"{quote_identifier(name)}::date"
    raise UnloadableContractError(
        f"Feed {contract.feed}: touches.{name} is of type {kind}; a date, ts or localtime is needed"
    )


def _same(left: str, right: str, names: list[str]) -> str:
    """Return ` and left.x = right.x` for each name; keys are never null, the guard sees to it."""
    return "".join(
        f" and {left}.{quote_identifier(name)} = {right}.{quote_identifier(name)}" for name in names
    )


# ------------------------------------------------------------------------------------ the logs


def record_rows(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    run_id: str,
    exempt: Collection[tuple[dt.date, str]] = (),
) -> None:
    """Keep every row that was set aside and every row that failed a rule; exempt ones are `waived`.

    The guard leaves the raw text of the rows that it sets aside; a row that was well formed and
    fails a rule is kept as its typed values, and its text is in the landed file at that row. Of a
    restricted feed file and row number are kept and nothing that stands there.

    One statement a table: what is inserted after an insert of nothing, in one transaction and more
    than 122,880 rows, is not seen by filters and joins until the file is closed (DuckDB 2.0).
    """
    values = ", ".join(
        f"{quote_literal(name)}, {quote_identifier(name)}" for name in contract.typed_columns()
    )
    restricted = contract.sensitivity == "restricted"
    text = "null" if restricted else f"coalesce(_raw, json_object({values})::varchar)"
    con.execute(
        "insert into ops.quarantine (select ?, _attempt_id, ?, null, _file_id, _file_name, "
        "_delivery_date, _row_no, _reason, _rule_id, _owner, "
        f"{text} from {ASIDE} join {ROWS} using (_row_id) join {FILES} on {FILES}._file_no = "
        f"{ROWS}._file_no order by {ROWS}._row_id, _reason, _rule_id) "
        f"union all select * from {SOURCE_QUARANTINE}",
        [run_id, contract.feed],
    )
    key = ", ".join(
        f"{quote_literal(name)}, {quote_identifier(name)}::varchar" for name in typed_keys(contract)
    )
    row_key = "null" if restricted else f"json_object({key})::varchar"
    if contract.rules:
        con.execute(
            "insert into ops.expectation_failures "
            f"select ?, ?, _delivery_date, {FAILURES}.rule_id, "
            f"case when {_is_exempt(exempt)} then {quote_literal(WAIVED)} else declared.severity "
            f"end, declared.owner, _file_id, _row_no, {row_key} from {FAILURES} "
            f"join (values {', '.join(['(?, ?, ?, ?)'] * len(contract.rules))}) "
            "as declared (position, rule_id, severity, owner) "
            f"on {FAILURES}.rule_id = declared.rule_id "
            f"join {ROWS} using (_row_id) join {FILES} using (_file_no) "
            "order by position, _row_id",
            [run_id, contract.feed, *_declared(contract)],
        )


def _declared(contract: Contract) -> list[int | str]:
    return [
        value
        for position, rule in enumerate(contract.rules)
        for value in (position, rule.id, rule.severity, rule.owner)
    ]


def record_set_aside(con: duckdb.DuckDBPyConnection, feed: str) -> None:
    """Keep how many rows each rule holds now, by delivered file: what was there before is over."""
    con.execute(
        "delete from ops.set_aside where feed = ? and (delivery_date, relative_path) in "
        f"(select _day, _relative_path from {FILES})",
        [feed],
    )
    con.execute(
        f"insert into ops.set_aside select ?, _day, _relative_path, _rule_id, count(*) "
        f"from {ASIDE} join {FILES} using (_file_no) where _rule_id is not null group by all",
        [feed],
    )


def record_source_quarantine(
    con: duckdb.DuckDBPyConnection, attempt: Attempt, contract: Contract, judged: str
) -> None:
    """Note the rows of a source file that were set aside, until the feed is committed."""
    text = "null" if contract.sensitivity == "restricted" else "_raw"
    con.execute(
        f"insert into {SOURCE_QUARANTINE} select ?, ?, ?, ?, ?, ?, ?::date, _row_no, "
        f"unnest(list_distinct(_reasons)), null, ?, {text} from {quote_identifier(judged)} "
        "where len(_reasons) > 0",
        [
            *(attempt.run_id, attempt.attempt_id, attempt.feed, attempt.source, attempt.sha256),
            *(attempt.file_name, attempt.delivery_date, contract.steward),
        ],
    )


def record_results(
    con: duckdb.DuckDBPyConnection,
    subject: str,
    run_id: str,
    results: Mapping[dt.date | None, Sequence[RuleResult]],
) -> None:
    """Keep what each rule said of each delivery; a mart's results have no delivery date."""
    rows = [
        (
            *(run_id, subject, day, one.rule_id, one.expectation, one.severity, one.owner),
            *(one.mostly, one.evaluated, one.unexpected, one.unexpected_share),
            *(one.success, one.blocks, one.sentence),
        )
        for day, of_day in results.items()
        for one in of_day
    ]
    _insert(con, "ops.expectation_results", rows)


def record_findings(
    con: duckdb.DuckDBPyConnection, findings: Iterable[tuple[Attempt, Finding]]
) -> None:
    """Keep what the guard noticed about each file."""
    rows = [
        (
            *(attempt.run_id, attempt.attempt_id, attempt.feed, attempt.source, attempt.sha256),
            *(attempt.file_name, attempt.delivery_date, one.code, one.level, one.row),
            *(one.column, one.count, one.message),
        )
        for attempt, one in findings
    ]
    _insert(con, "ops.findings", rows)


def record_touched(
    con: duckdb.DuckDBPyConnection,
    feed: str,
    run_id: str,
    ranges: Iterable[tuple[dt.date | None, dt.date | None]],
) -> None:
    """Keep which dates this run changed."""
    _insert(con, "ops.touched", [(run_id, feed, *one) for one in ranges])


def record_withheld(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    run_id: str,
    *,
    blocked: Mapping[dt.date, str],
    accepted_days: Collection[dt.date],
    as_of: dt.date,
) -> None:
    """Keep which dates lack a blocked delivery, and drop what was made good.

    A delivery is made good by an accepted one of the same day; a snapshot also by a later one.
    """
    if accepted_days:
        con.execute(
            "delete from ops.withheld where feed = ? and "
            + (
                "delivery_date <= ?"
                if contract.delivery.mode == "snapshot" and not contract.delivery.scope
                else "list_contains(?::date[], delivery_date)"
            ),
            [
                contract.feed,
                max(accepted_days)
                if contract.delivery.mode == "snapshot" and not contract.delivery.scope
                else list(accepted_days),
            ],
        )
    _insert(
        con,
        "ops.withheld",
        [
            (run_id, contract.feed, day, *withheld_dates(con, contract, day, as_of), reason)
            for day, reason in blocked.items()
        ],
    )


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        places = ", ".join("?" for _ in rows[0])
        con.executemany(f"insert into {table} values ({places})", rows)


# ------------------------------------------------------------------------------------- content


def content_hash(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    key: Sequence[str],
    *,
    exclude: Collection[str] = RUN_COLUMNS,
) -> str:
    """Return one hash of the rows of a relation, whatever their order or the threads.

    Values are taken as text in key order: a DECIMAL has one spelling, and so has a DOUBLE, but
    sums of DOUBLEs differ from run to run and do not belong into a table that is compared.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Sees the relation.
    relation : str
        ``schema.table``.
    key : sequence of str
        Columns that tell the rows apart.
    exclude : collection of str
        Columns that are no content; default: run ids and load times.
    """
    table = quote_relation(relation)
    described = con.execute(f"describe {table}").fetchall()
    names = sorted(row[0] for row in described if row[0] not in exclude)
    # A missing value is told from an empty one, and no value can run into its neighbour. `concat`
    # leaves out what is missing; it takes half as long as `||` over as many columns.
    text = ", ".join(
        f"length({quote_identifier(name)}) || ':', coalesce({quote_identifier(name)}, '-'), ';'"
        for name in names
    )
    values = ", ".join(
        f"{quote_identifier(name)}::varchar as {quote_identifier(name)}" for name in names
    )
    keys = [f"_key_{number}" for number in range(len(key))]
    ordered = ", ".join(
        f"{quote_identifier(name)} as {alias}" for name, alias in zip(key, keys, strict=True)
    )
    order = ", ".join([*(f"{alias} nulls first" for alias in keys), "_content"])
    head = ";".join(names)
    return con.execute(
        f"select sha256(? || coalesce(string_agg(_content, '' order by {order}), '')) "
        f"from (select {column_list(keys)}, md5(concat({text})) as _content "
        f"from (select {ordered}, {values} from {table}))",
        [head],
    ).fetchall()[0][0]
