"""Rows that stand: what was published before and must not change with what is built now.

Four things make a published row stand: its period is locked, its KPI's logic has changed without
approval, its card's period had begun under a scorecard template, or it is a forecast. The rows
come from snapshots, which never change, and go into the schema `standing` of the warehouse, from
where dbt puts them in the place of built ones. Nothing else in a warehouse is needed for it: one
that is rebuilt or restored finds the same rows, because the snapshots that they come from are never
forgotten.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration.governance.locks import Belonging, Unit, entities_under
from orchestration.ingest.run_state import current_as_of
from orchestration.ingest.sql import column_list, quote_literal, quote_relation
from orchestration.publication.snapshot import (
    CURRENT,
    HASH_DIGITS,
    SNAPSHOTS,
    Snapshot,
    SnapshotError,
    read_current,
    read_snapshot,
    verify,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb

READINGS = "kpi.fct_kpi_readings"
JUDGEMENTS = "kpi.fct_kpi_judgements"
PUBLICATION = "governance.kpi_publication"
LINES = "scorecard.dim_card_lines"
FORECASTS = "kpi.fct_forecast_record"
CARDS = {"leader": "scorecard.rpt_leader_scorecard", "site": "scorecard.rpt_site_scorecard"}
KEY = ("kpi_id", "entity_kind", "entity_id", "period_kind", "period_start_date")

_HELD = "is_locked boolean not null, is_withheld boolean not null, stands_by_act_seq bigint"
# What acts did to a reading, and to its levels.
_BY_ACTS = """
    computed_value double, override_act_seq bigint, annotation_count bigint,
    newest_cause_code varchar, previous_value double
"""
_LEVELS = """
    target_act_seq bigint, original_target_level double, is_target_changed boolean,
    previous_target_level double, previous_band varchar, previous_score double
"""
_CARD = """
    template_id varchar, template_version bigint, title varchar, template_hash varchar,
    position bigint, kpi_id varchar
"""
DDL = f"""
create schema if not exists standing;
create or replace table standing.kpis (
    kpi_id varchar not null, withheld_since_date date not null, snapshot_hash varchar,
    as_of_date date, logic_hash varchar, kpi_name varchar, unit varchar, decimals bigint,
    direction varchar, definition_hash varchar
);
create or replace table standing.locked_entities (
    entity_kind varchar not null, entity_id varchar not null, first_date date not null,
    last_date date not null, act_seq bigint not null, snapshot_hash varchar not null,
    as_of_date date not null
);
create or replace table standing.readings (
    kpi_id varchar, entity_kind varchar, entity_id varchar, period_kind varchar,
    period_start_date date, period_end_date date, unit varchar, numerator decimal(38, 6),
    denominator decimal(38, 6), n bigint, reading_value double, finality varchar,
    trust_state varchar, trust_reason varchar, final_on_date date, definition_version bigint,
    definition_hash varchar, {_BY_ACTS}, is_excluded boolean, was_excluded_when_final boolean,
    {_HELD}
);
create or replace table standing.judgements (
    kpi_id varchar, entity_kind varchar, entity_id varchar, period_kind varchar,
    period_start_date date, finality varchar, threshold_level double, target_level double,
    stretch_level double, target_version bigint, band varchar, variation varchar,
    assurance varchar, score double,
    chart_kind varchar, charted_value double, centre double, lower_limit double,
    upper_limit double, sigma_z double, is_trial boolean, rule_set varchar, signal_rules integer,
    signal_rule varchar, signal_side integer, chart_note varchar, phase_start_date date,
    phase_act_seq bigint, limits_changed_on_date date, {_LEVELS}
);
create or replace table standing.card_lines (
    subject_kind varchar not null, subject_id varchar not null, period_start_date date, {_CARD},
    kpi_name varchar, unit varchar, decimals bigint, direction varchar, definition_hash varchar,
    weight decimal(9, 6), reading_value double, n bigint, finality varchar, trust_state varchar,
    trust_reason varchar, threshold_level double, target_level double, stretch_level double,
    band varchar, variation varchar, assurance varchar, score double,
    measured_weight decimal(38, 6), total_score double, {_BY_ACTS}, {_LEVELS}, {_HELD}
);
create or replace table standing.card_lines_begun (
    subject_kind varchar, period_kind varchar, period_start_date date, {_CARD},
    weight decimal(9, 6)
);
create or replace table standing.forecasts (
    kpi_id varchar, entity_kind varchar, entity_id varchar, last_month_date date,
    said_on_date date, forecast_method varchar, expected_value double, low_value double,
    high_value double
);
"""


class StandingError(RuntimeError):
    """Rows that must stand cannot be found; the message names the act and the cure."""


@dataclass(frozen=True)
class Standing:
    """How many rows stand, and of how many KPIs and locks."""

    readings: int
    withheld_kpis: int
    locks: int


@dataclass(frozen=True)
class _Lock:
    act_seq: int
    org_unit_id: str
    period: str
    first: dt.date
    last: dt.date
    snapshot_hash: str


@dataclass(frozen=True)
class _LastPublished:
    """In which snapshot a KPI's own figures were last published, and since when they stand."""

    snapshot_hash: str | None
    as_of: dt.date | None
    logic_hash: str | None
    withheld_since: dt.date | None


def write_standing(con: duckdb.DuckDBPyConnection, published: Path) -> Standing:
    """Replace the tables of schema `standing` by what must stand as of the run in progress.

    Parameters
    ----------
    con : DuckDBPyConnection
        The warehouse, with its readings, judgements and registers of acts built.
    published : Path
        Holds the snapshots.

    Raises
    ------
    StandingError
        If the snapshot of a lock or of a withheld KPI is missing or damaged: the figures that
        should stand are then not known, and nothing may be published in their place.
    SnapshotError
        If the current snapshot is damaged.
    """
    con.begin()
    try:
        con.execute(DDL)
        written = _write(con, published)
    except BaseException:
        con.rollback()
        raise
    con.commit()
    return written


def _write(con: duckdb.DuckDBPyConnection, published: Path) -> Standing:
    previous = _Source(read_current(published)) if (published / CURRENT).is_dir() else None
    locks = [
        _Lock(*row)
        for row in con.execute(
            "select act_seq, org_unit_id, period_label, first_date, last_date, snapshot_hash "
            "from intermediate.int_locks__in_force order by act_seq"
        ).fetchall()
    ]
    for lock in locks:
        because = f"Period {lock.period} of {lock.org_unit_id} is locked by act {lock.act_seq}"
        _stand_locked(con, lock, _found(published, lock.snapshot_hash, because))
    _note_withheld(con, previous)
    for kpi, act, snapshot_hash in con.execute(
        "select standing.kpi_id, decided.approved_by_act_seq, standing.snapshot_hash "
        "from standing.kpis as standing "
        "inner join intermediate.int_kpis__publication as decided "
        "on standing.kpi_id = decided.kpi_id "
        "where standing.snapshot_hash is not null order by standing.kpi_id"
    ).fetchall():
        because = f"The logic of {kpi} is not the one that act {act} approved, so its figures stand"
        _stand_withheld(con, kpi, act, _found(published, snapshot_hash, because))
    if previous is not None and previous.has(LINES):
        _insert(con, "standing.card_lines_begun", previous, LINES, where="true")
    if previous is not None and previous.has(FORECASTS):
        # What was said later than a day that is run again was not known on it.
        known = f"source.said_on_date <= date {quote_literal(current_as_of(con).isoformat())}"
        _insert(con, "standing.forecasts", previous, FORECASTS, where=known)
    return Standing(
        readings=_count(con, "standing.readings"),
        withheld_kpis=_count(con, "standing.kpis"),
        locks=len(locks),
    )


def snapshots_to_keep(con: duckdb.DuckDBPyConnection) -> set[str]:
    """Return the content hashes of the snapshots that are never forgotten.

    Those that a lock has ever named, released or not: the act refers to them for good. And those
    that hold the last figures of withheld KPIs.
    """
    known = {
        name
        for (name,) in con.execute(
            "select table_schema || '.' || table_name from information_schema.tables"
        ).fetchall()
    }
    kept: set[str] = set()
    for relation, column in (
        ("governance.reg_period_lock", "snapshot"),
        ("standing.kpis", "snapshot_hash"),
    ):
        if relation in known:
            rows = con.execute(f"select distinct {column} from {quote_relation(relation)}")
            kept |= {row[0] for row in rows.fetchall() if row[0]}
    return kept


def find_snapshot(published: Path, content_hash: str) -> Snapshot | None:
    """Return a retained snapshot by its content hash; None if there is none that can be read."""
    for folder in sorted((published / SNAPSHOTS).glob(f"????-??-??-{content_hash[:HASH_DIGITS]}*")):
        try:
            snapshot = read_snapshot(folder)
        except SnapshotError:
            continue
        if snapshot.content_hash == content_hash:
            return snapshot
    return None


class _Source:
    """A snapshot to take rows from; each of its files is checked before it is read."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._checked: dict[str, str] = {}

    def has(self, relation: str) -> bool:
        return any(table.relation == relation for table in self.snapshot.tables)

    def sql(self, relation: str) -> str:
        """Return SQL that reads a published table."""
        if relation not in self._checked:
            name = f"{relation}.parquet"
            if verify(self.snapshot, [name]):
                raise StandingError(
                    f"{self.snapshot.folder / name} is missing or not what was published, and "
                    "figures stand on it: copy it from a backup."
                )
            path = quote_literal(str(self.snapshot.folder / name))
            self._checked[relation] = f"read_parquet({path})"
        return self._checked[relation]


def _found(published: Path, content_hash: str, because: str) -> _Source:
    snapshot = find_snapshot(published, content_hash)
    if snapshot is None:
        raise StandingError(
            f"{because} on the snapshot {content_hash[:HASH_DIGITS]}, which is not in "
            f"{published / SNAPSHOTS} or is damaged: copy its folder from a backup."
        )
    return _Source(snapshot)


def _stand_locked(con: duckdb.DuckDBPyConnection, lock: _Lock, source: _Source) -> None:
    """Add what a lock makes stand; what an earlier lock holds already stays as it is."""
    entities = _covered(con, lock, source)
    if not entities:
        return
    con.execute("create or replace temp table _covered (entity_kind varchar, entity_id varchar)")
    con.executemany("insert into _covered values (?, ?)", sorted(entities))
    days = f"between date '{lock.first}' and date '{lock.last}'"
    open_row = (
        "exists (select 1 from _covered where _covered.entity_kind = {kind} "
        "and _covered.entity_id = {id}) and {start} " + days + " and {end} " + days + " "
        "and not exists (select 1 from standing.locked_entities as held "
        "where held.entity_kind = {kind} and held.entity_id = {id} "
        "and {start} >= held.first_date and {end} <= held.last_date)"
    )
    where = open_row.format(
        kind="source.entity_kind",
        id="source.entity_id",
        start="source.period_start_date",
        end="source.period_end_date",
    )
    held = {"is_locked": "true", "stands_by_act_seq": str(lock.act_seq)}
    _insert(con, "standing.readings", source, READINGS, where=where, given=held)
    for kind, relation in CARDS.items():
        where = open_row.format(
            kind=quote_literal(kind),
            id=f"source.{kind}_id",
            start="source.period_start_date",
            end=(
                f"(select max(periods.period_end_date) from {source.sql(LINES)} as lines "
                f"inner join {source.sql('core.dim_periods')} as periods "
                "on lines.period_kind = periods.period_kind "
                "and lines.period_start_date = periods.period_start_date "
                f"where lines.subject_kind = {quote_literal(kind)} "
                "and lines.template_id = source.template_id "
                "and lines.period_start_date = source.period_start_date)"
            ),
        )
        subject = {"subject_kind": quote_literal(kind), "subject_id": f"source.{kind}_id"}
        _insert(con, "standing.card_lines", source, relation, where=where, given=held | subject)
    _stand_judged(con, source, f"standing_row.stands_by_act_seq = {lock.act_seq}")
    con.execute(
        "insert into standing.locked_entities "
        "select entity_kind, entity_id, ?::date, ?::date, ?, ?, ?::date from _covered",
        [lock.first, lock.last, lock.act_seq, lock.snapshot_hash, source.snapshot.as_of],
    )


def _covered(con: duckdb.DuckDBPyConnection, lock: _Lock, source: _Source) -> set[tuple[str, str]]:
    """Return the entities that a lock covers.

    By the tree of its snapshot: a correction of the tree that comes later does not open a card.
    Only an entity that the snapshot did not know is placed by the present tree.
    """

    def under(units: str, belongings: str) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
        rows = con.execute(
            f"select entity_kind, entity_id, org_unit_id, valid_from, valid_to from {belongings}"
        ).fetchall()
        tree = con.execute(
            f"select org_unit_id, parent_id, valid_from, valid_to from {units}"
        ).fetchall()
        covered = entities_under(
            lock.org_unit_id,
            lock.first,
            lock.last,
            units=[Unit(*row) for row in tree],
            belongings=[Belonging(*row) for row in rows],
        )
        return covered, {(row[0], row[1]) for row in rows}

    if not source.has("core.bridge_entity_units"):
        raise StandingError(
            f"The snapshot {lock.snapshot_hash[:HASH_DIGITS]} that act {lock.act_seq} names was "
            "published before periods could be locked: publish again and lock the new snapshot."
        )
    then, known = under(source.sql("core.dim_org_units"), source.sql("core.bridge_entity_units"))
    now, _ = under("core.dim_org_units", "core.bridge_entity_units")
    return then | (now - known)


def _note_withheld(con: duckdb.DuckDBPyConnection, previous: _Source | None) -> None:
    """Enter the withheld KPIs, each with the snapshot in which it was last published."""
    as_of = current_as_of(con)
    last = {} if previous is None else _last_published(con, previous)
    for (kpi,) in con.execute(
        "select kpi_id from intermediate.int_kpis__publication where is_withheld order by kpi_id"
    ).fetchall():
        known = last.get(kpi, _LastPublished(None, None, None, None))
        con.execute(
            "insert into standing.kpis (kpi_id, withheld_since_date, snapshot_hash, as_of_date, "
            "logic_hash) values (?, ?, ?, ?, ?)",
            [
                kpi,
                known.withheld_since or as_of,
                known.snapshot_hash,
                known.as_of,
                known.logic_hash,
            ],
        )


def _last_published(con: duckdb.DuckDBPyConnection, previous: _Source) -> dict[str, _LastPublished]:
    """Return where the last figures of each KPI are: in the last snapshot, or where it says."""
    snapshot = previous.snapshot
    as_of = dt.date.fromisoformat(snapshot.as_of)
    if not previous.has(PUBLICATION):
        # Published before there was change control: under which logic is not known.
        kpis = con.execute(f"select kpi_id from {previous.sql('registry.kpis')}").fetchall()
        return {kpi: _LastPublished(snapshot.content_hash, as_of, None, None) for (kpi,) in kpis}
    rows = con.execute(
        "select kpi_id, is_withheld, stands_from_snapshot_hash, stands_as_of_date, "
        "stands_under_logic_hash, withheld_since_date, logic_hash "
        f"from {previous.sql(PUBLICATION)} where is_published"
    ).fetchall()
    return {
        kpi: _LastPublished(*stands)
        if is_withheld
        else _LastPublished(snapshot.content_hash, as_of, logic_hash, None)
        for kpi, is_withheld, *stands, logic_hash in rows
    }


def _stand_withheld(con: duckdb.DuckDBPyConnection, kpi: str, act: int, source: _Source) -> None:
    """Add the last published rows of a withheld KPI, but for those in locked periods."""
    where = (
        f"source.kpi_id = {quote_literal(kpi)} and not exists ("
        "select 1 from standing.locked_entities as held "
        "where held.entity_kind = source.entity_kind and held.entity_id = source.entity_id "
        "and source.period_start_date >= held.first_date "
        "and source.period_end_date <= held.last_date)"
    )
    held = {"is_locked": "false", "is_withheld": "true", "stands_by_act_seq": str(act)}
    _insert(con, "standing.readings", source, READINGS, where=where, given=held)
    _stand_judged(
        con, source, f"standing_row.kpi_id = {quote_literal(kpi)} and not standing_row.is_locked"
    )
    con.execute(
        "update standing.kpis set kpi_name = source.kpi_name, unit = source.unit, "
        "decimals = source.decimals, direction = source.direction, "
        "definition_hash = source.definition_hash "
        f"from {source.sql('registry.kpis')} as source "
        "where kpis.kpi_id = source.kpi_id and kpis.kpi_id = ?",
        [kpi],
    )


def _stand_judged(con: duckdb.DuckDBPyConnection, source: _Source, which: str) -> None:
    """Add the judgements that the standing readings of a snapshot were published with."""
    same = " and ".join(f"standing_row.{column} = source.{column}" for column in KEY)
    where = f"exists (select 1 from standing.readings as standing_row where {which} and {same})"
    _insert(con, "standing.judgements", source, JUDGEMENTS, where=where)


def _insert(
    con: duckdb.DuckDBPyConnection,
    target: str,
    source: _Source,
    relation: str,
    *,
    where: str,
    given: dict[str, str] | None = None,
) -> None:
    """Add rows of a published table; a column that it did not have yet stays empty.

    `is_withheld` is false where the snapshot does not say: there was no change control yet.
    """
    wanted = _columns(con, quote_relation(target))
    there = set(_columns(con, source.sql(relation)))
    values = {name: f"source.{name}" for name in wanted if name in there}
    values |= given or {}
    if "is_withheld" in wanted and "is_withheld" not in values:
        values["is_withheld"] = "false"
    con.execute(
        f"insert into {quote_relation(target)} ({column_list(list(values))}) "
        f"select {', '.join(values.values())} from {source.sql(relation)} as source "
        f"where {where}"
    )


def _columns(con: duckdb.DuckDBPyConnection, relation: str) -> Sequence[str]:
    return [row[0] for row in con.execute(f"describe select * from {relation}").fetchall()]


def _count(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    counted: int = con.execute(f"select count(*) from {quote_relation(relation)}").fetchall()[0][0]
    return counted
