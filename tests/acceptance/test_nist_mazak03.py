"""A real lathe from its MTConnect log to the published snapshot.

The expected figures are plain Python over the same files: no contract, no profile, no SQL.
"""

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from orchestration.contracts.load import load_company, load_contract

ROOT = Path(__file__).parents[2]
FILES = ROOT.parent / "shared" / "data" / "nist_mazak03"
DAY_BEGINS = dt.timedelta(hours=5)
STATES = {
    "ACTIVE": "producing",
    "READY": "idle",
    "INTERRUPTED": "idle",
    "STOPPED": "down",
    "UNAVAILABLE": "no_data",
}

pytestmark = pytest.mark.skipif(
    not FILES.is_dir(), reason="the log of NIST's lathe is not beside the checkout"
)


def observations(item):
    """Return time and value of every observation of one item, in the order of the files."""
    found = []
    for path in sorted(FILES.glob("Mazak03-*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            time, name, value, *_ = line.split("|")
            if name == item:
                found.append((dt.datetime.fromisoformat(time), value))
    return found


def seconds_per_day_and_state():
    """Return (day, word) to seconds: each word holds until the next, days change at 05:00Z."""
    seen = observations("execution")
    end = dt.datetime(2016, 5, 9, 5, tzinfo=dt.UTC)
    micros = defaultdict(int)
    for (start, value), (stop, _) in pairwise([*seen, (end, "")]):
        day = (start - DAY_BEGINS).date()
        # At every cut all items are written again, so nothing lasts beyond its day.
        assert (stop - DAY_BEGINS - dt.timedelta(microseconds=1)).date() <= day
        micros[day, value] += (stop - start) // dt.timedelta(microseconds=1)
    return {key: Decimal(value) / 1_000_000 for key, value in micros.items() if value}


def test_the_part_counter_of_the_lathe_is_not_used_so_no_count_is_delivered():
    assert {value for _, value in observations("PartCountAct")} == {"0", "UNAVAILABLE"}
    assert "mes_production_counts" not in load_company("nist_mazak03").feeds


def test_only_the_longest_shift_differs_from_the_standard_contract():
    standard = load_contract(ROOT / "expectations" / "feeds" / "mes" / "mes_shift_calendar.yml")
    own = load_company("nist_mazak03").canonical["mes_shift_calendar"]
    expected = [
        rule.model_copy(update={"kwargs": rule.kwargs | {"max_value": 1440}})
        if rule.id == "shift_fits_in_a_day"
        else rule
        for rule in standard.rules
    ]

    assert own.model_dump(exclude={"rules"}) == standard.model_dump(exclude={"rules"})
    assert list(own.rules) == expected


@pytest.fixture(scope="module")
def built(build):
    return build("nist_mazak03", FILES)


@pytest.mark.slow
def test_every_file_is_taken_on_the_day_on_which_it_was_cut(built):
    deliveries = built.rows(
        "select delivery_date, file_name, records, rows_quarantined from ops.delivery_log "
        "where feed = 'mes_machine_states' and source is not null order by 1"
    )
    lines = [
        len(path.read_text(encoding="utf-8").splitlines())
        for path in sorted(FILES.glob("Mazak03-*.txt"))
    ]

    assert [day for day, *_ in deliveries] == [dt.date(2016, 5, day) for day in range(3, 10)]
    assert [records for *_, records, _ in deliveries] == lines
    assert {aside for *_, aside in deliveries} == {0}


@pytest.mark.slow
def test_seconds_in_each_execution_state_per_day_are_those_of_the_log_to_the_microsecond(built):
    rows = built.rows(
        "select production_date, reason_code, state_code, sum(duration_seconds) "
        "from core.fct_machine_states group by all"
    )
    expected = seconds_per_day_and_state()

    assert {(day, word): seconds for day, word, _, seconds in rows} == expected
    assert {word: state for _, word, state, _ in rows} == STATES
    assert len(expected) == 27


@pytest.mark.slow
def test_every_day_of_the_week_has_86400_seconds_and_the_weekend_is_without_data(built):
    rows = built.rows(
        "select production_date, sum(duration_seconds), "
        "sum(duration_seconds) filter (where state_code = 'no_data') "
        "from core.fct_machine_states group by 1 order by 1"
    )

    assert [day.day for day, *_ in rows] == list(range(2, 9))
    assert {total for _, total, _ in rows} == {86_400}
    assert [silent for *_, silent in rows[-2:]] == [86_400, 86_400]


@pytest.mark.slow
def test_a_local_time_is_that_of_maryland_in_summer(built):
    first = built.rows(
        "select min(start_ts_utc)::varchar, min(start_ts_local)::varchar "
        "from raw.mes_machine_states"
    )

    assert first == [("2016-05-02 05:00:00", "2016-05-02 01:00:00")]


@pytest.fixture(scope="module")
def readings(built):
    return built.published(
        "select kpi_id, entity_kind, period_kind, period_start_date, reading_value, "
        "trust_state, trust_reason from kpi.fct_kpi_readings"
    )


@pytest.mark.slow
def test_the_running_ratio_is_of_the_time_in_which_the_lathe_could_be_heard(readings):
    ours = {
        day: value
        for kpi, kind, period, day, value, *_ in readings
        if (kpi, kind, period) == ("NIST_RUNNING", "work_unit", "day") and value is not None
    }
    seconds = seconds_per_day_and_state()
    known = defaultdict(Decimal)
    for (day, word), length in seconds.items():
        known[day] += length if word != "UNAVAILABLE" else 0

    # Minutes are stored with six decimals, which is 1e-9 of a day's known time.
    assert ours == pytest.approx(
        {day: float(seconds[day, "ACTIVE"] / total) for day, total in known.items() if total},
        abs=1e-8,
    )
    assert len(ours) == 5


@pytest.mark.slow
def test_availability_is_not_claimed_without_a_plan(readings):
    found = {(value, state, why) for kpi, *_, value, state, why in readings if kpi == "KPI008"}

    assert [(value, state) for value, state, _ in found] == [(None, "not_computable")]
    assert "No shift calendar was recorded" in next(iter(found))[2]
