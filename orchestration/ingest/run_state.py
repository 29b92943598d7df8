"""What a run is about: its as-of, and which production days it must replace.

Feeds enter the days that their changed rows touch. This module adds what time alone changes and
what changed definitions change, and forgets the ranges once the marts have been published, so that
a run that failed half way leaves its work to the next.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

EVERYTHING = dt.date(1, 1, 1)

DDL = """
create schema if not exists ops;
create table if not exists ops.run_parameters (
    run_id varchar not null, as_of_date date not null, definition_hash varchar not null,
    is_full boolean not null, previous_first_date date
);
create table if not exists ops.run_history (
    run_id varchar not null, as_of_date date not null, definition_hash varchar not null,
    is_full boolean not null, started_at_utc timestamp not null, published_at_utc timestamp,
    unsettled_since date, content_hash varchar
);
create table if not exists ops.published_gaps (
    feed varchar not null, production_date date not null, gap_kind varchar not null,
    reason varchar not null
);
"""

# Feeds that readings may not trust, as `int_feeds__status` sees them; what was never delivered is
# told by the feed's first delivery, which touches every day.
_UNSETTLED = """
select min(coalesce(states.last_accepted_delivery_date, date '0001-01-01'))
from ops.feed_state as states
inner join registry.feeds as feeds on states.feed = feeds.feed
where
    feeds.moves_readings
    and (
        states.state in ('blocked', 'rejected', 'late')
        or (
            feeds.cadence = 'daily' and not feeds.may_be_empty
            and states.last_accepted_delivery_date < ?
        )
    )
"""


@dataclass(frozen=True)
class PublishedRun:
    """The last run that was published, and whether no later one has begun.

    ``definition_hash`` is None where a later run with other definitions has begun: it may have
    built some of them before it failed. ``unsettled_since`` is the last accepted delivery before
    which no feed was late or blocked.
    """

    as_of: dt.date
    definition_hash: str | None
    is_latest: bool
    unsettled_since: dt.date | None


@dataclass(frozen=True)
class PastRun:
    """A published run; ``content_hash`` is None where an earlier version did not note it."""

    run_id: str
    as_of: dt.date
    definition_hash: str
    content_hash: str | None
    published_at_utc: dt.datetime


@dataclass(frozen=True)
class RunPlan:
    """What a run replaces.

    Attributes
    ----------
    as_of : date
        Day up to which deliveries are known: it never moves back, so a run over an older delivery
        day loads what is new of that day and builds the present anew.
    is_full : bool
        Whether everything is built anew: the first run, or one whose definitions changed.
    touched_from : date
        First production day of which time alone may have changed a reading.
    new_from : date
        First of those that the last published run did not have, or may not have had whole.
    """

    as_of: dt.date
    is_full: bool
    touched_from: dt.date
    new_from: dt.date


def plan_run(
    *,
    as_of: dt.date,
    definition_hash: str,
    previous_as_of: dt.date | None,
    previous_definition_hash: str | None,
    longest_latency_days: int,
    unsettled_since: dt.date | None,
) -> RunPlan:
    """Decide what a run replaces beside the days that changed rows touch.

    Parameters
    ----------
    as_of, previous_as_of : date
        Of this run and of the last that published; None before the first.
    definition_hash, previous_definition_hash : str
        Over models and registers.
    longest_latency_days : int
        Readings of periods that ended so long ago may turn final by time alone.
    unsettled_since : date or None
        Last accepted delivery of a feed that is late or blocked, or was at the run before: trust
        of all later readings may have changed.
    """
    if previous_as_of is not None:
        as_of = max(as_of, previous_as_of)
    if previous_as_of is None or definition_hash != previous_definition_hash:
        return RunPlan(as_of, is_full=True, touched_from=EVERYTHING, new_from=EVERYTHING)
    # A period of length one day that ended `latency` days before the last as-of was still open.
    touched_from = previous_as_of - dt.timedelta(days=longest_latency_days + 1)
    if unsettled_since is not None:
        touched_from = min(touched_from, unsettled_since)
    # What was counted after the last shift of the last day may go to the day that follows.
    new_from = previous_as_of - dt.timedelta(days=1)
    return RunPlan(as_of, is_full=False, touched_from=touched_from, new_from=new_from)


def first_day_to_load(
    published: Iterable[dt.date], day: dt.date, first_delivery: dt.date
) -> dt.date:
    """Return the first delivery day that was not published before ``day``, however long ago."""
    last = max((one for one in published if one < day), default=None)
    return first_delivery if last is None else last + dt.timedelta(days=1)


def last_published(con: duckdb.DuckDBPyConnection) -> PublishedRun | None:
    """Return the last run that was published; None before the first."""
    con.execute(DDL)
    rows = con.execute(
        "with published as (select * from ops.run_history where published_at_utc is not null "
        "order by started_at_utc desc limit 1), "
        "later as (select runs.definition_hash from ops.run_history as runs, published "
        "where runs.started_at_utc > published.started_at_utc) "
        "select as_of_date, "
        "case when definition_hash = all (select definition_hash from later) "
        "then definition_hash end, "
        "not exists (select 1 from later), unsettled_since from published"
    ).fetchall()
    return PublishedRun(*rows[0]) if rows else None


def published_by(con: duckdb.DuckDBPyConnection, day: dt.date) -> PastRun | None:
    """Return the last run that published with an as-of up to a day; None if none had."""
    return _past_run(con, "as_of_date <= ? order by as_of_date desc, published_at_utc desc", day)


def published_before(con: duckdb.DuckDBPyConnection, run: PastRun) -> PastRun | None:
    """Return the run that had published last before another one did; None before the first."""
    return _past_run(
        con, "published_at_utc < ? order by published_at_utc desc", run.published_at_utc
    )


def _past_run(
    con: duckdb.DuckDBPyConnection, which: str, value: dt.date | dt.datetime
) -> PastRun | None:
    con.execute(DDL)
    rows = con.execute(
        "select run_id, as_of_date, definition_hash, content_hash, published_at_utc "
        f"from ops.run_history where published_at_utc is not null and {which} limit 1",
        [value],
    ).fetchall()
    return PastRun(*rows[0]) if rows else None


def are_views_current(con: duckdb.DuckDBPyConnection, definition_hash: str) -> bool:
    """Return whether the views of the models stand as these definitions say.

    A view does not change with the data, and two of five models are views.
    """
    published = last_published(con)
    return published is not None and published.definition_hash == definition_hash


def begin_run(
    con: duckdb.DuckDBPyConnection, *, run_id: str, as_of: dt.date, definition_hash: str
) -> RunPlan:
    """Enter a run's as-of and what it replaces; needs the registers and the delivery log."""
    previous = last_published(con)
    latency = con.execute(
        "select coalesce(max(latency_days), 0) from registry.feeds where moves_readings"
    ).fetchall()
    unsettled = con.execute(_UNSETTLED, [as_of]).fetchall()[0][0]
    # What a feed that has recovered leaves behind must be replaced once more.
    since = [unsettled, previous.unsettled_since if previous else None]
    plan = plan_run(
        as_of=as_of,
        definition_hash=definition_hash,
        previous_as_of=previous.as_of if previous else None,
        previous_definition_hash=previous.definition_hash if previous else None,
        longest_latency_days=latency[0][0],
        unsettled_since=min((day for day in since if day is not None), default=None),
    )
    con.begin()
    con.execute("delete from ops.run_parameters")
    row = [run_id, plan.as_of, definition_hash, plan.is_full]
    con.execute("insert into ops.run_parameters values (?, ?, ?, ?, ?)", [*row, _first_date(con)])
    con.execute(
        "insert into ops.run_history values (?, ?, ?, ?, now()::timestamp, null, ?, null)",
        [*row, unsettled],
    )
    con.execute(
        "insert into ops.touched (run_id, feed, from_date, to_date) "
        "values ($run, 'time', $touched, $as_of), ($run, 'new_days', $new, $as_of)",
        {
            "run": run_id,
            "touched": plan.touched_from,
            "new": plan.new_from,
            "as_of": plan.as_of,
        },
    )
    con.commit()
    return plan


def _first_date(con: duckdb.DuckDBPyConnection) -> dt.date | None:
    """Return the first production day that the marts know; None before they are built."""
    built = con.execute(
        "select 1 from duckdb_tables() where schema_name = 'core' and table_name = 'dim_days'"
    ).fetchall()
    if not built:
        return None
    first: dt.date | None = con.execute("select min(calendar_date) from core.dim_days").fetchall()[
        0
    ][0]
    return first


def finish_run(con: duckdb.DuckDBPyConnection, *, content_hash: str | None) -> None:
    """Enter what a run published; what it touched needs no one any more.

    Days that lack a delivery are kept as the published readings know them, so that the next run
    finds the readings of which one was filled or has opened.
    """
    con.begin()
    con.execute(
        "update ops.run_history set published_at_utc = now()::timestamp, content_hash = ? "
        "where run_id = ?",
        [content_hash, current_run(con)],
    )
    con.execute("delete from ops.touched")
    con.execute("delete from ops.published_gaps")
    con.execute(
        "insert into ops.published_gaps by name "
        "select feed, production_date, gap_kind, reason from intermediate.int_feeds__gaps"
    )
    con.commit()


def is_full_run(con: duckdb.DuckDBPyConnection) -> bool:
    """Return whether the last planned run builds everything anew.

    Dagster builds the staging views before the plan, as they do not need it: nothing is planned
    then in a new warehouse, and a view is always built anew.
    """
    con.execute(DDL)
    planned = con.execute("select is_full from ops.run_parameters").fetchall()
    return bool(planned and planned[0][0])


def current_as_of(con: duckdb.DuckDBPyConnection) -> dt.date:
    """Return the as-of of the run that planned last."""
    as_of: dt.date = con.execute("select as_of_date from ops.run_parameters").fetchall()[0][0]
    return as_of


def current_run(con: duckdb.DuckDBPyConnection) -> str:
    """Return the id of the run that planned last; a retry of it has another id in Dagster."""
    return str(con.execute("select run_id from ops.run_parameters").fetchall()[0][0])
