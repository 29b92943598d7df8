"""A real plant's production log, in two copies, from the files to the published snapshot.

The expected figures are pandas and plain Python over the same files.
"""

import datetime as dt
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import pytest

from orchestration.contracts.load import load_company
from orchestration.ingest.guard import judge_file

FILES = Path(__file__).parents[3] / "shared" / "data" / "production_log"
ZONE = ZoneInfo("Europe/Tallinn")
MARKS = ["Start", "End"]

pytestmark = pytest.mark.skipif(
    not FILES.is_dir(), reason="the production log is not beside the checkout"
)


def read(name):
    return pd.read_csv(FILES / name, dtype=str, keep_default_na=False)


def in_zone(text, zone=ZONE):
    """Return the instant of a wall clock time."""
    local = dt.datetime.strptime(text, "%Y/%m/%d %H:%M:%S.%f").replace(tzinfo=zone)
    return local.astimezone(dt.UTC)


def reports():
    """Return the reports of work, those equal in every column once."""
    rows = read("Production.csv").drop_duplicates()
    rows = rows[~rows["Activity"].isin(MARKS)]
    return rows.assign(
        start=rows["Start Timestamp"].map(in_zone), end=rows["Complete Timestamp"].map(in_zone)
    )


def busy_seconds_per_day():
    """Return (resource, day) to the seconds with any work, each second once."""
    minutes = defaultdict(set)
    for row in reports().itertuples():
        # Every time of the log is a whole minute.
        minute, end = row.start, row.end
        while minute < end:
            minutes[row.Resource, minute.astimezone(ZONE).date()].add(minute)
            minute += dt.timedelta(minutes=1)
    return {key: 60 * len(value) for key, value in minutes.items()}


# ------------------------------------------------------------------------------------ two copies


def instants_by_offset():
    rows = read("Production.utc_offset_variant.csv")
    columns = ["case:concept:name", "Activity", "@@startevent_Resource"]
    times = ["start_timestamp", "time:timestamp"]
    return Counter(
        (*names, *(dt.datetime.fromisoformat(text).astimezone(dt.UTC) for text in both))
        for names, both in zip(
            rows[columns].itertuples(index=False), rows[times].itertuples(index=False), strict=True
        )
    )


def instants_by_zone(zone):
    rows = read("Production.csv")
    return Counter(
        (row[0], row[1], row[2], in_zone(row[3], zone), in_zone(row[4], zone))
        for row in rows.itertuples(index=False, name=None)
    )


def test_the_offsets_of_one_copy_are_the_declared_zone_of_the_other_in_all_rows():
    assert instants_by_zone(ZONE) == instants_by_offset()
    assert instants_by_offset().total() == 4_953


def test_a_zone_with_another_clock_change_would_not_fit():
    there = instants_by_zone(ZoneInfo("Asia/Jerusalem"))

    # Between the European change of 2012-03-25 and the Israeli one of 2012-03-30.
    assert (instants_by_offset() - there).total() > 300


@pytest.fixture(scope="module")
def copies():
    """Both files as the guard leaves them, and the verdict on each."""
    company = load_company("production_log")
    forms = company.feeds["mes_machine_states"].sources["report"].forms
    found = {}
    with duckdb.connect() as con:
        for form in forms:
            verdict = judge_file(
                con,
                form.contract,
                FILES / form.files,
                received_at=dt.datetime(2012, 4, 1, 12, tzinfo=dt.UTC),
            )
            rows = con.execute(
                "select order_id, activity, resource, started_at_utc, ended_at_utc from judged"
            ).fetchall()
            found[form.files] = (verdict, rows)
    return found


def test_the_guard_gives_both_copies_the_same_instants(copies):
    (_, naive), (_, offsets) = copies.values()

    assert set(naive) == set(offsets)
    assert {row[3:] for row in naive} == {
        tuple(instant.replace(tzinfo=None) for instant in row[3:]) for row in instants_by_offset()
    }


def test_rows_equal_in_every_column_are_taken_once_and_counted(copies):
    (naive, rows), (offsets, _) = copies.values()
    repeated = int(read("Production.csv").duplicated().sum())

    assert naive.records == offsets.records == 4_953
    assert len(rows) == naive.rows_ok == 4_953 - repeated
    assert [finding.code for finding in naive.findings] == ["EXACT_DUPLICATE"]
    assert naive.findings[0].count == repeated == 23


# --------------------------------------------------------------------------------------- figures


@pytest.fixture(scope="module")
def built(build):
    return build("production_log", FILES)


@pytest.mark.slow
def test_artificial_rows_are_no_work_of_any_resource(built):
    made = read("Production.csv")["Activity"].isin(MARKS).sum()
    counts = built.rows("select count(*), count(distinct order_id) from raw.mes_production_counts")

    assert made == 450
    assert counts == [(4_953 - 23 - 450, 225)]
    assert built.rows("select machine_id from raw.mes_equipment where machine_id in ?", MARKS) == []


@pytest.mark.slow
def test_machine_time_counts_overlapping_work_of_a_resource_once(built):
    ours = {
        (resource, day): seconds
        for resource, day, seconds in built.rows(
            "select machine_id, production_date, sum(duration_seconds) "
            "from core.fct_machine_states where state_code = 'producing' group by all"
        )
    }
    expected = busy_seconds_per_day()
    every = reports()
    twice = (every["end"] - every["start"]).sum().total_seconds()

    assert ours == expected
    # Added up report by report the same work would be a quarter more.
    assert twice / sum(expected.values()) == pytest.approx(1.24, abs=0.01)


@pytest.mark.slow
def test_the_day_of_the_clock_change_has_23_hours(built):
    hours = built.rows(
        "select production_date::varchar, sum(duration_seconds) / 3600 "
        "from core.fct_machine_states where machine_id = 'ID4932' "
        "and production_date between date '2012-03-24' and date '2012-03-26' "
        "group by all order by 1"
    )

    assert hours == [("2012-03-24", 24), ("2012-03-25", 23), ("2012-03-26", 24)]


@pytest.fixture(scope="module")
def units():
    """Month of the report to completed, rejected and reworked units, and to busy hours."""
    rows = reports()
    rows["month"] = rows["end"].map(lambda end: f"{end.astimezone(ZONE):%Y-%m}")
    found = {}
    for month, of_month in rows.groupby("month"):
        completed = of_month["Qty_Completed"].astype(int)
        found[month] = {
            "completed": int(completed.sum()),
            "rejected": int(of_month["Qty_Rejected"].astype(int).sum()),
            "reworked": int(completed[of_month["Rework"] == "Y"].sum()),
            "busy_minutes": sum(
                seconds // 60
                for (_, day), seconds in busy_seconds_per_day().items()
                if f"{day:%Y-%m}" == month
            ),
        }
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kpi", "numerator", "denominator"),
    [
        ("KPI016", lambda u: u["rejected"], lambda u: u["completed"] + u["rejected"]),
        ("KPI010", lambda u: u["completed"], lambda u: u["completed"] + u["rejected"]),
        ("KPI017", lambda u: u["reworked"], lambda u: u["completed"] + u["rejected"]),
        (
            "KPI015",
            lambda u: u["completed"] - u["reworked"],
            lambda u: u["completed"] + u["rejected"],
        ),
        (
            "PL_UNITS_PER_BUSY_HOUR",
            lambda u: u["completed"] + u["rejected"],
            lambda u: u["busy_minutes"],
        ),
    ],
)
def test_figures_of_a_month_are_those_of_the_file(built, units, kpi, numerator, denominator):
    ours = {
        month: (above, below)
        for month, above, below in built.published(
            "select strftime(period_start_date, '%Y-%m'), numerator, denominator "
            "from kpi.fct_kpi_readings where kpi_id = ? and entity_kind = 'site' "
            "and period_kind = 'month' and trust_state = 'ok'",
            kpi,
        )
    }

    assert ours == {
        month: (Decimal(numerator(of_month)), Decimal(denominator(of_month)))
        for month, of_month in units.items()
    }
    assert len(ours) == 3


@pytest.mark.slow
def test_no_figure_is_made_of_a_resource_because_it_may_be_a_person(built):
    kinds = built.published(
        "select distinct entity_kind from kpi.fct_kpi_readings where trust_state = 'ok'"
    )

    assert sorted(kinds) == [("line",), ("site",)]


@pytest.mark.slow
def test_figures_that_need_orders_or_a_plan_say_so(built):
    said = dict(
        built.published(
            "select distinct kpi_id, trust_reason from kpi.fct_kpi_readings "
            "where kpi_id in ('KPI003', 'KPI008', 'KPI037')"
        )
    )

    assert said["KPI003"].startswith("Never delivered: erp_production_orders")
    assert said["KPI008"].startswith("No shift calendar was recorded")
    assert said["KPI037"] == "Never delivered: erp_production_orders."
