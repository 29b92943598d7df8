"""Reads one scorecard from the published snapshot, as people and machines want it."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from orchestration.publication.snapshot import DATABASE, SnapshotError

if TYPE_CHECKING:
    from orchestration.publication.snapshot import Snapshot

Subject = Literal["leader", "site"]


@dataclass(frozen=True)
class Outside:
    """A declared driver of a line, and what the value would be if the driver had been as usual.

    ``verdict`` is `taken_out`, `no_evidence` or `not_exogenous`: of the first alone the adjusted
    value of the line is freed. ``low`` and ``high`` are the ends of the 95 % interval.
    """

    factor_id: str
    role_code: str
    verdict: str
    value: float
    low: float
    high: float
    model_version: str


@dataclass(frozen=True)
class Line:
    """One line of a card; missing values are None and say why in `trust_reason`.

    ``value`` is what is shown; ``computed_value`` differs from it where it was overridden.
    ``previous_...`` is what stood there when the period became final, where an act has changed it
    since. ``lifecycle_state`` is that of the KPI, `grandfathered` where nobody has approved it;
    ``approval_due`` the day from which such a KPI leaves the cards, as something hangs on it.
    ``adjusted_value``, with its 95 % interval, stands beside ``computed_value`` and earns no score.
    """

    kpi_id: str
    kpi_name: str
    unit: str
    decimals: int
    weight: float
    value: float | None
    n: int | None
    finality: str
    trust_state: str
    trust_reason: str | None
    target: float | None
    band: str | None
    variation: str | None
    assurance: str | None
    score: float | None
    computed_value: float | None = None
    override_act_seq: int | None = None
    annotation_count: int = 0
    newest_cause_code: str | None = None
    original_target: float | None = None
    target_act_seq: int | None = None
    is_target_changed: bool = False
    previous_value: float | None = None
    previous_target: float | None = None
    previous_band: str | None = None
    previous_score: float | None = None
    lifecycle_state: str | None = None
    approval_due: str | None = None
    adjusted_value: float | None = None
    adjusted_low: float | None = None
    adjusted_high: float | None = None
    outside: tuple[Outside, ...] = ()


@dataclass(frozen=True)
class Scorecard:
    """One card: whose, when, by which template, its lines and its total."""

    subject_kind: Subject
    subject_id: str
    title: str
    template: str
    period_start: dt.date
    total_score: float | None
    measured_weight: float
    leads: tuple[str, ...]
    lines: tuple[Line, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the card as plain values."""
        return asdict(self) | {"period_start": self.period_start.isoformat()}


def read_scorecard(
    snapshot: Snapshot,
    kind: Subject,
    *,
    subject: str | None = None,
    month: dt.date | None = None,
) -> Scorecard:
    """Return one card of a snapshot.

    Parameters
    ----------
    snapshot : Snapshot
        Where to read.
    kind : {"leader", "site"}
        Whose card.
    subject : str, optional
        Id of the leader or site; by default the one with the most weight measured.
    month : date, optional
        First day of the month; by default the newest of those in which at least half as much
        weight is measured and no longer provisional as in the best. So neither a month that has
        just begun nor one after the last delivery of half the feeds is shown unasked. Where all
        is provisional, the newest with a figure.

    Raises
    ------
    SnapshotError
        If there is no such card, and the message says which there are; or the snapshot's
        database is not what was published.
    """
    table = f"scorecard.rpt_{kind}_scorecard"
    with duckdb.connect(str(snapshot.file(DATABASE)), read_only=True) as con:
        chosen = con.execute(
            f"""
            with cards as (
                select
                    {kind}_id,
                    period_start_date,
                    max(measured_weight) as measured_weight,
                    coalesce(
                        sum(weight) filter (
                            where score is not null and finality <> 'provisional'
                        ),
                        0
                    ) as settled_weight
                from {table}
                where
                    (?::varchar is null or {kind}_id = ?)
                    and (?::date is null or period_start_date = ?)
                group by all
            )
            select {kind}_id, period_start_date
            from cards
            order by
                settled_weight > 0 and settled_weight >= max(settled_weight) over () / 2 desc,
                measured_weight > 0 desc,
                period_start_date desc,
                measured_weight desc,
                {kind}_id
            limit 1
            """,
            [subject, subject, month, month],
        ).fetchall()
        if not chosen:
            raise SnapshotError(_no_such_card(con, table, kind, subject, month))
        subject_id, period_start = chosen[0]
        rows = con.execute(
            f"""
            select
                kpi_id, kpi_name, unit, decimals, weight::double as weight,
                reading_value as value, n, finality, trust_state, trust_reason,
                target_level as target, band, variation, assurance, score,
                computed_value, override_act_seq, annotation_count, newest_cause_code,
                original_target_level as original_target, target_act_seq, is_target_changed,
                previous_value, previous_target_level as previous_target, previous_band,
                previous_score,
                title, template_id || ' version ' || template_version as template,
                total_score, measured_weight::double as measured_weight
            from {table}
            where {kind}_id = ? and period_start_date = ?
            order by position
            """,
            [subject_id, period_start],
        )
        names = [column[0] for column in rows.description]
        records = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
        leads = _led_units(con, subject_id, period_start) if kind == "leader" else ()
        states = _states(con)
        outside = _outside(con, kind, subject_id, period_start)
    head = records[0]
    return Scorecard(
        subject_kind=kind,
        subject_id=subject_id,
        title=head["title"],
        template=head["template"],
        period_start=period_start,
        total_score=head["total_score"],
        measured_weight=head["measured_weight"],
        leads=leads,
        lines=tuple(
            Line(**{name: record[name] for name in record.keys() & Line.__dataclass_fields__})
            for record in (
                row | states.get(row["kpi_id"], {}) | outside.get(row["kpi_id"], {})
                for row in records
            )
        ),
    )


def _states(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str | None]]:
    """Return of each KPI whether it was approved; snapshots of earlier versions do not say it."""
    said = con.execute(
        "select count(*) from duckdb_columns() where schema_name = 'governance' "
        "and table_name = 'kpi_publication' and column_name = 'approval_due_date'"
    ).fetchall()
    if said == [(0,)]:
        return {}
    rows = con.execute(
        "select kpi_id, lifecycle_state, approval_due_date::varchar from governance.kpi_publication"
    ).fetchall()
    return {kpi: {"lifecycle_state": state, "approval_due": due} for kpi, state, due in rows}


def _outside(
    con: duckdb.DuckDBPyConnection, kind: Subject, subject: str, period_start: dt.date
) -> dict[str, dict[str, Any]]:
    """Return adjusted values and declared drivers of KPIs; earlier snapshots do not have them."""
    there = con.execute(
        "select count(*) from duckdb_tables() where schema_name = 'kpi' "
        "and table_name = 'fct_adjusted_readings'"
    ).fetchall()
    if there == [(0,)]:
        return {}
    found: dict[str, dict[str, Any]] = {}
    for kpi, adjusted, low, high, *driver in con.execute(
        """
        select
            kpi_id, adjusted_value, low_adjusted_value, high_adjusted_value,
            factor_id, role_code, verdict, without_value, low_without_value, high_without_value,
            model_version
        from kpi.fct_adjusted_readings
        where
            entity_kind = ? and entity_id = ? and period_kind = 'month' and period_start_date = ?
            and refusal is null
        order by kpi_id, factor_id
        """,
        [kind, subject, period_start],
    ).fetchall():
        line = found.setdefault(
            kpi,
            {
                "adjusted_value": adjusted,
                "adjusted_low": low,
                "adjusted_high": high,
                "outside": (),
            },
        )
        line["outside"] += (Outside(*driver),)
    return found


def _led_units(
    con: duckdb.DuckDBPyConnection, leader: str, period_start: dt.date
) -> tuple[str, ...]:
    """Return what a leader led in a month, with the days where it was not all of it."""
    last_day = (period_start + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
    rows = con.execute(
        """
        select units.org_unit_name, min(led.valid_from) as first_day, max(led.valid_to) as last_day
        from core.bridge_leadership as led
        inner join core.dim_org_units as units
            on led.org_unit_id = units.org_unit_id and led.valid_from = units.valid_from
        where led.leader_id = ? and led.valid_from <= ? and led.valid_to >= ?
        group by units.org_unit_name
        order by units.org_unit_name
        """,
        [leader, last_day, period_start],
    ).fetchall()
    return tuple(
        name
        if first <= period_start and last >= last_day
        else f"{name} ({max(first, period_start)} to {min(last, last_day)})"
        for name, first, last in rows
    )


def _no_such_card(
    con: duckdb.DuckDBPyConnection,
    table: str,
    kind: Subject,
    subject: str | None,
    month: dt.date | None,
) -> str:
    known, first, last = con.execute(
        f"select count(distinct {kind}_id), min(period_start_date), max(period_start_date) "
        f"from {table}"
    ).fetchall()[0]
    wanted = " ".join(filter(None, [subject, f"{month:%Y-%m}" if month else None])) or "any"
    if not known:
        return (
            f"No {kind} has a scorecard: no template for one was in force in any month with "
            f"figures, or there is no {kind}."
        )
    return (
        f"No scorecard for {kind} {wanted}. There are cards of {known} {kind}s "
        f"from {first:%Y-%m} to {last:%Y-%m}."
    )
