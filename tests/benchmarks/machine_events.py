"""Machine events through states, measures and readings, beside hand-written SQL.

    python -m tests.benchmarks.machine_events [events ...]

The demo's 200 machines over three years, each number of events spread over them; the events are
put into the raw table as the guard would leave them, so that only models are timed: the eight that
carry events, and the three KPIs that rest on the minutes of machines alone. Beside it, in the same
run and the same file, the same figures by hand-written SQL: the states table with reasons, the
minutes of each machine and day less breaks and planned stops, and the three KPIs by machine, line,
site and enterprise over days, weeks and months. All 71,129 readings must agree. Then one further
day arrives, with all 97 models that readings rest on. Figures of the last run, in CPU seconds on
two free cores, DuckDB limited to 6 GB:

    events          models and readings    by hand    times    a further day    highest memory
      1.1 million                   6.5        2.3      2.8              4.4            1.0 GB
     10.1 million                  15.0       10.6      1.4              4.8            2.2 GB
    100.0 million                 104.6      108.7      1.0              5.3            6.3 GB

By the clock the peer is 2.9, 2.0 and 1.3 times as fast: the table is filled quarter by quarter,
which does not fill two cores. A day's increment costs a fifth more at a hundred million events of
history than at one million. It was twice as much while the five weeks in which readings may turn
final by time alone made machine tables be replaced too (`int_touched__production`).

Before, the benchmark built all KPIs for the sake of these three and left them without a figure, as
the log of deliveries did not know of the events; it said 3.5 times for ten million.

Of the 0.7 s a million, in `fct_machine_states`: 0.3 to write its 13 columns, half of that for five
texts, 0.15 the sort and its neighbours (half of a quarter's statement), 0.08 the join with shifts,
0.04 the dates that a stretch reaches, 0.1 all other steps. Tried at 0.9 and at 8.6 million events a
quarter, and within what the same statement differs from run to run: a shorter sort key, a join by
plain comparisons, whole days as numbers, the windows of the quarter alone by a subquery, years in
the place of quarters; shift windows as a table were dearer, their texts being read again. In the
sums by machine and day, to group by state before codes are looked up gained nothing.
"""

from __future__ import annotations

import datetime as dt
import json
import resource
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from orchestration.demo import DemoSize, generate
from orchestration.ingest.pipeline import ingest_feed, prepare
from orchestration.ingest.run_state import begin_run, finish_run
from orchestration.ledger.definitions import load_act_types
from orchestration.registry.load import Registers, load_registers
from orchestration.registry.logic import logics
from orchestration.registry.store import store_logics, store_registers
from orchestration.resources.dbt_models import DbtModels
from orchestration.resources.warehouse import Warehouse
from orchestration.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import duckdb

MASTER_FEEDS = (
    "mes_equipment",
    "mes_shift_calendar",
    "mes_reason_codes",
    "hr_org_units",
    "hr_assignments",
    "hr_employees",
)
SIZE = DemoSize(events_per_machine_day=0.1, orders_per_machine_day=0.05, daily_deliveries=4)
LAST_HISTORY_DAY, FURTHER_DAY = dt.date(2026, 10, 1), dt.date(2026, 10, 2)
MEMORY_LIMIT = "6GB"
READINGS = "model.steelyard.fct_kpi_readings"
EVENTS_SOURCE = "source.steelyard.raw.mes_machine_states"

# Round the clock from the first production day on; state and reason follow from a fixed mixture.
EVENTS = """
insert into raw.mes_machine_states
    (site, machine_id, sequence, start_ts_utc, state_raw, state, reason_code, _delivery_date)
select
    machines.site,
    machines.machine_id,
    events.number as sequence,
    cast(days.day as timestamp)
        + to_milliseconds(86400000 * events.number // $per_day + machines.number * 997 % 30000),
    'Execute',
    ['producing', 'producing', 'planned_stop', 'setup', 'idle', 'producing', 'down', 'producing'][
        place
    ],
    case
        when place = 3 and events.number % 4 > 0 then machines.break_code
        when place = 5 and date_part('day', days.day) % 2 = 0 then machines.no_order_code
    end,
    $delivered
from (
    select
        machines.site,
        machines.machine_id,
        row_number() over (order by machines.machine_id) as number,
        max(codes.reason_code) filter (where codes.enterprise_code = 'BREAK') as break_code,
        max(codes.reason_code) filter (where codes.enterprise_code = 'NO_ORDERS') as no_order_code
    from raw.mes_equipment as machines
    left join raw.mes_reason_codes as codes using (site)
    where machines.level = 'work_unit'
    group by machines.site, machines.machine_id
) as machines
cross join (
    select unnest(range($first::date, $last::date + 1, interval 1 day))::date as day
) as days
cross join range($per_day) as events(number),
    lateral (
        select 1 + (
            events.number * 5 + machines.number * 3 + date_part('dayofyear', days.day)
        ) % 8 as place
    ) as mixture
order by days.day, machines.machine_id, events.number
"""

# The same figures by hand: repeats are one stretch, but there are no ranges to replace, no
# calendars of single machines, no orders, no delivery dates, no trust, no leaders.
BY_HAND = (
    """
    create or replace table by_hand_windows as
    select equipment.machine_id, equipment.parent_id as line_id, equipment.site,
        calendar.shift_date, calendar.shift_id, calendar.start_utc, calendar.end_utc,
        epoch(calendar.end_utc - calendar.start_utc) as open_seconds, calendar.break_minutes
    from raw.mes_equipment as equipment
    inner join raw.mes_shift_calendar as calendar
        on calendar.line_or_machine = equipment.parent_id and calendar.working
    where equipment.level = 'work_unit' and calendar.shift_date < $as_of::date
    """,
    """
    create or replace table by_hand_states as
    with changes as (
        select site, machine_id, state, coalesce(reason_code, '') as reason, start_ts_utc,
            end_ts_utc, sequence,
            lag(state) over machine_time as previous_state,
            lag(coalesce(reason_code, '')) over machine_time as previous_reason
        from raw.mes_machine_states
        window machine_time as (partition by machine_id order by start_ts_utc, sequence)
    ),
    closed as (
        select machine_id, state, reason, start_ts_utc,
            least(end_ts_utc, coalesce(
                lead(start_ts_utc) over (partition by machine_id order by start_ts_utc, sequence),
                $as_of::date + interval 12 hour
            )) as end_ts_utc
        from changes
        where previous_state is distinct from state or previous_reason is distinct from reason
    ),
    by_date as (
        select *, start_ts_utc::date as utc_date from closed
        union all
        select *, end_ts_utc::date as utc_date from closed
        where end_ts_utc::date > start_ts_utc::date
    ),
    windows as (
        select *, start_utc::date as utc_date, start_utc::date as first_date from by_hand_windows
        union all
        select *, end_utc::date as utc_date, start_utc::date as first_date from by_hand_windows
        where end_utc::date > start_utc::date
    )
    select windows.machine_id, windows.line_id, windows.site, windows.shift_date, windows.shift_id,
        by_date.state, by_date.reason,
        greatest(by_date.start_ts_utc, windows.start_utc) as started_at,
        least(by_date.end_ts_utc, windows.end_utc) as ended_at
    from by_date inner join windows using (machine_id, utc_date)
    where by_date.start_ts_utc < windows.end_utc and by_date.end_ts_utc > windows.start_utc
        and utc_date = greatest(by_date.start_ts_utc::date, windows.first_date)
    """,
    """
    create or replace table by_hand_days as
    with codes as (
        select distinct site, reason_code as reason, enterprise_code as code
        from raw.mes_reason_codes where enterprise_code in ('BREAK', 'NO_ORDERS')
    ),
    reported as (
        select machine_id, shift_date, state, code, epoch(ended_at - started_at) as seconds
        from by_hand_states left join codes using (site, reason)
    ),
    sums as (
        select machine_id, shift_date,
            sum(seconds) filter (where state = 'producing') as producing,
            sum(seconds) filter (where state = 'setup') as setup,
            sum(seconds) filter (
                where state in ('down', 'idle') and code is distinct from 'NO_ORDERS'
            ) as delay,
            sum(seconds) filter (where state = 'planned_stop' and code = 'BREAK') as breaks,
            sum(seconds) filter (
                where state = 'planned_stop' and code is distinct from 'BREAK'
            ) as stops
        from reported group by all
    ),
    planned as (
        select machine_id, line_id, site, shift_date, sum(open_seconds) as open,
            sum(break_minutes) * 60 as planned_breaks
        from by_hand_windows group by all
    )
    select *, greatest(
        open - greatest(planned_breaks, coalesce(breaks, 0)) - coalesce(stops, 0), 0
    ) as busy
    from planned left join sums using (machine_id, shift_date)
    """,
    """
    create or replace table by_hand_readings as
    with sums as (
        select kind as period_kind, period as period_start_date,
            coalesce(machine_id, line_id, site, 'ALL') as entity_id,
            sum(busy) as busy, sum(producing) as producing,
            sum(coalesce(producing, 0) + coalesce(setup, 0) + coalesce(delay, 0)) as allocated,
            sum(coalesce(producing, 0) + coalesce(delay, 0)) as asked
        from by_hand_days,
            (values ('day'), ('week'), ('month')) as kinds(kind),
            lateral (select date_trunc(kind, shift_date)::date as period)
        group by grouping sets
            ((kind, period, machine_id), (kind, period, line_id), (kind, period, site),
            (kind, period))
    )
    select *, unnest(['KPI004', 'KPI008', 'KPI012']) as kpi_id,
        unnest([allocated / busy, producing / busy, producing / asked]) as value
    from sums
    """,
)
# Equal figures say that the peer did the same work; leaders it does not know.
COMPARED = """
select
    count(*) as readings,
    count(*) filter (where by_hand.value is null) as unknown_by_hand,
    max(abs(ours.reading_value - by_hand.value)) as farthest
from kpi.fct_kpi_readings as ours
left join by_hand_readings as by_hand
    on
        ours.kpi_id = by_hand.kpi_id
        and ours.period_kind = by_hand.period_kind
        and ours.period_start_date = by_hand.period_start_date
        and by_hand.entity_id
        = case when ours.entity_kind = 'enterprise' then 'ALL' else ours.entity_id end
where ours.reading_value is not null and ours.entity_kind <> 'leader'
"""
# What rests on the minutes of machines alone; all else has no figures here, and no share in them.
KPIS = ("KPI004", "KPI008", "KPI012")
# The events came, as far as trust is concerned: a feed that never came gives no figures.
DELIVERED = """
insert into ops.delivery_log
select * replace ('events' as attempt_id, 'mes_machine_states' as feed)
from ops.delivery_log where feed = 'mes_equipment'
"""

console = Console(highlight=False)


def main() -> None:
    """Measure every number of events asked for and print a table."""
    counts = [int(text) for text in sys.argv[1:]] or [1_000_000, 10_000_000]
    with tempfile.TemporaryDirectory() as folder:
        landing = generate(Path(folder) / "landing", size=SIZE).landing
        for events in counts:
            _measure(Path(folder), landing, events)


def _measure(folder: Path, landing: Path, events: int) -> None:
    home = folder / f"home_{events}"
    settings = Settings.from_environment(
        {
            "STEELYARD_HOME": str(home),
            "STEELYARD_LANDING": str(landing),
            "STEELYARD_MEMORY_LIMIT": MEMORY_LIMIT,
        }
    )
    warehouse = Warehouse(settings.company_home, memory_limit=MEMORY_LIMIT)
    dbt = DbtModels(settings.dbt_project, folder / "dbt", settings.environment())
    graph = json.loads(dbt.manifest_path.read_text(encoding="utf-8"))
    # Registers, what is judged and reports come after the readings, or beside them.
    models = {name for name in _reached(graph["parent_map"], READINGS) if "model." in name}
    carrying = models & _reached(graph["child_map"], EVENTS_SOURCE)

    prepare(warehouse, settings.company, as_of=LAST_HISTORY_DAY, run_id="first")
    for feed in MASTER_FEEDS:
        ingest_feed(
            warehouse,
            settings.company,
            feed,
            landing,
            as_of=LAST_HISTORY_DAY,
            run_id="first",
        )
    per_day = max(1, round(events / (SIZE.machines * (SIZE.cut - SIZE.first_day + 1))))
    with warehouse.connect() as con:
        _write(con, per_day, "2023-10-01", "2026-09-30", LAST_HISTORY_DAY)
        con.execute(DELIVERED)
        rows = con.execute("select count(*) from raw.mes_machine_states").fetchall()[0][0]
    console.print(f"{rows:,} events, {per_day} a machine and day")

    before = models - carrying
    _build(settings, warehouse, dbt, before, LAST_HISTORY_DAY, "calendar, people, other feeds")
    _build(settings, warehouse, dbt, carrying, LAST_HISTORY_DAY, "states, measures, readings")
    with warehouse.connect() as con:
        with _timed("the same by hand"):
            for statement in BY_HAND:
                values = {"as_of": LAST_HISTORY_DAY} if "$as_of" in statement else {}
                con.execute(statement, values).fetchall()
        readings, unknown, farthest = con.execute(COMPARED).fetchall()[0]
        if not readings or unknown or farthest > 1e-6:
            raise RuntimeError(
                f"Of {readings} readings {unknown} are unknown by hand; the farthest differs "
                f"by {farthest}."
            )
        console.print(f"           {readings:,} readings, all as by hand")
        _write(con, per_day, "2026-10-01", "2026-10-01", FURTHER_DAY)
        con.execute(
            "insert into ops.touched (run_id, feed, from_date, to_date) "
            "values ('second', 'mes_machine_states', date '2026-10-01', date '2026-10-01')"
        )
    # A view stands as it was, and the product makes none anew on such a day.
    tables = [name for name in models if graph["nodes"][name]["config"]["materialized"] != "view"]
    _build(settings, warehouse, dbt, tables, FURTHER_DAY, "a further day")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    console.print(
        f"           peak memory {peak:.1f} GB, file {warehouse.path.stat().st_size / 1e9:.1f} GB"
    )


def _write(
    con: duckdb.DuckDBPyConnection, per_day: int, first: str, last: str, delivered: dt.date
) -> None:
    """Put events into the raw table, a month at a time, as deliveries would bring them."""
    month = dt.date.fromisoformat(first)
    end = dt.date.fromisoformat(last)
    while month <= end:
        following = (month.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
        con.execute(
            EVENTS,
            {
                "per_day": per_day,
                "first": month,
                "last": min(end, following - dt.timedelta(days=1)),
                "delivered": delivered,
            },
        ).fetchall()
        month = following


def _build(
    settings: Settings,
    warehouse: Warehouse,
    dbt: DbtModels,
    models: Collection[str],
    as_of: dt.date,
    title: str,
) -> None:
    with warehouse.connect() as con:
        folders = settings.register_folders
        every = load_registers(folders)
        registers = Registers(every.measures, {kpi: every.kpis[kpi] for kpi in KPIS}, ())
        store_registers(con, settings.company, registers, load_act_types(folders))
        store_logics(con, logics(registers, dbt.read_manifest()))
        plan = begin_run(con, run_id=title, as_of=as_of, definition_hash="same")
    with _timed(title):
        results = dbt.build(sorted(models), full_refresh=plan.is_full, report=lambda _: None)
    for result in results:
        if result.status != "success":
            raise RuntimeError(f"{result.unique_id}: {result.message}")
    for result in sorted(results, key=lambda one: -one.seconds)[:6]:
        console.print(f"           {result.seconds:6.1f}  {result.unique_id.split('.')[2]}")
    with warehouse.connect() as con:
        finish_run(con, content_hash=None)


@contextmanager
def _timed(title: str) -> Iterator[None]:
    """Print seconds by the clock, and of both cores together: others may be at work here too."""
    began, worked = time.perf_counter(), time.process_time()
    yield
    clock, cores = time.perf_counter() - began, time.process_time() - worked
    console.print(f"  {clock:6.1f} s, {cores:6.1f} CPU s  {title}")


def _reached(edges: dict[str, list[str]], node: str) -> set[str]:
    found, todo = {node}, [node]
    while todo:
        further = set(edges.get(todo.pop(), [])) - found
        todo += further
        found |= further
    return found


if __name__ == "__main__":
    main()
