"""How final a reading is and how far it can be trusted follows from the deliveries alone."""

from __future__ import annotations

import csv
import datetime as dt

import pytest

from orchestration.registry.load import load_registers

from .conftest import FIRST_DAY, House

DAY = dt.timedelta(days=1)
STATES, COUNTS = "mes_machine_states", "mes_production_counts"
BLOCKED_DAY, RELEASED_DAY, RESUMED_DAY = (FIRST_DAY + n * DAY for n in (1, 2, 3))
RESTATED = dt.date(2026, 9, 18)


def trust(house, kpi, *, ends_from):
    return set(
        house.query(
            "select trust_state, trust_reason from kpi.fct_kpi_readings "
            "where kpi_id = ? and period_end_date >= ? and reading_value is not null",
            [kpi, ends_from],
        )
    )


def rows_of(path):
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def blocked(first_day, tmp_path_factory) -> House:
    """The second delivery: states of which one in seven runs backwards, and a late correction."""
    house = first_day.copy(tmp_path_factory.mktemp("blocked"))
    (path,) = (p for p in house.delivered(STATES) if p.parent.name == str(BLOCKED_DAY))
    rows = rows_of(path)
    write(path.with_name("whole.kept"), rows)
    for row in rows[::7]:
        row["end_ts"] = row["start_ts"].replace("2026-10-01", "2026-09-30")
    write(path, rows)
    old = next(
        row
        for path in house.delivered(COUNTS)
        for row in rows_of(path)
        if row["event_ts"].startswith(f"{RESTATED}T10")
    )
    crafted = house.landing / f"mes/{COUNTS}/{BLOCKED_DAY}/crafted.csv"
    write(crafted, [old | {"good_qty": str(int(old["good_qty"]) + 1)}])
    house.run(BLOCKED_DAY, days=[BLOCKED_DAY])
    house.restated_line = old["machine_id"].rsplit("-", 1)[0]
    return house


@pytest.fixture(scope="module")
def released(blocked, tmp_path_factory) -> House:
    """The third delivery: the states whole, and no counts."""
    house = blocked.copy(tmp_path_factory.mktemp("released"))
    kept = house.landing / f"mes/{STATES}/{BLOCKED_DAY}/whole.kept"
    write(house.landing / f"mes/{STATES}/{RELEASED_DAY}/mended.csv", rows_of(kept))
    for path in house.delivered(COUNTS):
        if path.parent.name == str(RELEASED_DAY):
            path.unlink()
    house.run(RELEASED_DAY, days=[RELEASED_DAY])
    return house


def test_a_refused_delivery_marks_what_needs_it_and_nothing_else(blocked):
    (found,) = trust(blocked, "KPI008", ends_from=FIRST_DAY)
    state, reason = found

    assert state == "blocked_input"
    assert reason.startswith(f"Refused: {STATES} (")
    assert "state_does_not_run_backwards" in reason
    # Scrap is counted and needs no states; what ended before the feed stood still is whole.
    assert trust(blocked, "KPI016", ends_from=FIRST_DAY) == {("ok", None)}
    ended = blocked.query(
        "select distinct trust_state from kpi.fct_kpi_readings where kpi_id = 'KPI008' "
        "and period_end_date < ? and reading_value is not null",
        [FIRST_DAY],
    )
    assert ended == [("ok",)]


def test_nothing_of_a_refused_delivery_is_visible(blocked):
    assert blocked.query(
        f"select count(*) from raw.{STATES} where _delivery_date >= ?", [BLOCKED_DAY]
    ) == [(0,)]


def test_a_blocked_reading_is_not_judged(blocked):
    assert blocked.query(
        "select distinct score, band from kpi.fct_kpi_judgements "
        "where trust_state = 'blocked_input'"
    ) == [(None, "not_measured")]


def test_a_good_delivery_releases_the_readings(released):
    assert trust(released, "KPI008", ends_from=FIRST_DAY) == {("ok", None)}


def test_a_feed_that_misses_its_day_makes_its_readings_late(released):
    assert trust(released, "KPI016", ends_from=BLOCKED_DAY) == {("late_input", f"Late: {COUNTS}.")}
    before = released.query(
        "select distinct trust_state from kpi.fct_kpi_readings where kpi_id = 'KPI016' "
        "and period_end_date < ? and reading_value is not null",
        [BLOCKED_DAY],
    )
    assert before == [("ok",)]


def test_a_feed_that_may_have_nothing_to_say_is_not_late(released):
    silent = dict(
        released.query(
            "select feed, feed_state from intermediate.int_feeds__status "
            "where last_accepted_date < ?",
            [RELEASED_DAY],
        )
    )

    # No accident since the first delivery; weekly and monthly feeds are not due.
    assert silent.pop(COUNTS) == "late"
    assert "ehs_incidents" in silent
    assert set(silent.values()) == {"ok"}


@pytest.fixture(scope="module")
def resumed(released, tmp_path_factory) -> House:
    """The fourth delivery: everything is whole again, but for the counts of the third."""
    house = released.copy(tmp_path_factory.mktemp("resumed"))
    for path in house.delivered(COUNTS):
        if path.parent.name == str(RESUMED_DAY) and str(RESUMED_DAY - DAY).replace("-", "") not in (
            path.name
        ):
            path.unlink()
    house.run(RESUMED_DAY, days=[RESUMED_DAY])
    return house


def test_a_day_that_never_came_is_not_forgotten_when_the_next_one_is_good(resumed):
    assert resumed.query(
        "select feed_state from intermediate.int_feeds__status where feed = ?", [COUNTS]
    ) == [("ok",)]

    missing = f"Missing: {COUNTS} lacks {BLOCKED_DAY} (no delivery)."
    said = resumed.query(
        "select period_kind, period_start_date, trust_state, "
        "coalesce(regexp_extract(trust_reason, 'Missing.*'), '') from kpi.fct_kpi_readings "
        "where kpi_id = 'KPI016' and entity_id = 'US01' and period_kind in ('day', 'month') "
        "and period_end_date >= ? order by all",
        [FIRST_DAY],
    )
    assert said == [
        ("day", FIRST_DAY, "ok", ""),
        ("day", BLOCKED_DAY, "not_computable", missing),
        ("day", RELEASED_DAY, "ok", ""),
        ("month", FIRST_DAY, "late_input", missing),
    ]


def test_a_delivery_that_speaks_of_a_missing_day_fills_it(resumed, tiny_landing, tmp_path):
    house = resumed.copy(tmp_path)
    (late,) = (tiny_landing / f"mes/{COUNTS}").glob(f"*/*{BLOCKED_DAY:%Y%m%d}_repaired.csv")
    day = RESUMED_DAY + DAY
    house.deliver(COUNTS, day, late.read_text("utf-8"), name="late")

    house.run(day, days=[day])

    assert house.query("select * from intermediate.int_feeds__gaps") == []
    assert trust(house, "KPI016", ends_from=BLOCKED_DAY) == {("ok", None)}
    other = house.copy(tmp_path / "other")
    other.rebuild(day)
    assert house.differences(other) == ""


def test_trust_after_a_release_is_that_of_a_build_from_nothing(released, tmp_path):
    other = released.copy(tmp_path)

    other.rebuild(RELEASED_DAY)

    assert released.differences(other) == ""


def test_a_reading_is_provisional_until_the_slowest_of_its_feeds_is_complete(first_day):
    registers = load_registers(first_day.settings.register_folders)
    latency = {
        kpi.id: max(
            first_day.company.canonical[feed].delivery.latency_days
            for measure in kpi.measures()
            for feed in registers.measures[measure].feeds
        )
        for kpi in registers.kpis.values()
    }

    rows = first_day.query(
        "select distinct kpi_id, period_end_date, finality from kpi.fct_kpi_readings"
    )

    assert {finality for *_, finality in rows} == {"provisional", "final"}
    for kpi, end, finality in rows:
        still_open = end + dt.timedelta(days=latency[kpi]) >= FIRST_DAY
        assert (finality == "provisional") == still_open, (kpi, end)


def test_a_change_after_the_latency_is_a_restatement_and_before_it_is_none(blocked):
    restated = blocked.query(
        "select kpi_id, entity_kind, entity_id, period_start_date from kpi.fct_kpi_readings "
        "where finality = 'restated' and period_kind = 'day' order by all"
    )

    # Counts are complete after three days, planned times after seven: all had passed.
    kpis = ("KPI006", "KPI009", "KPI010", "KPI015", "KPI016", "KPI017")
    site = blocked.restated_line.partition("-")[0]
    assert restated == [
        (kpi, kind, entity, RESTATED)
        for kpi in kpis
        for kind, entity in (("line", blocked.restated_line), ("site", site))
    ]
    # September had not passed its latency, so its month is provisional and not restated.
    assert blocked.query(
        "select distinct finality from kpi.fct_kpi_readings where kpi_id = 'KPI016' "
        "and period_kind = 'month' and period_start_date = '2026-09-01'"
    ) == [("provisional",)]
