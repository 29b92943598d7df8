"""The clock of a zone from a list of its changes is the engine's clock, at every quarter hour."""

from __future__ import annotations

import datetime as dt

import duckdb
import pytest

from orchestration.ingest.zone_changes import local_clock, zone_changes

at = dt.datetime.fromisoformat
FIRST, LAST = at("2015-01-01"), at("2026-12-31")
ZONES = (
    "Europe/Berlin",
    "America/Chicago",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    # Half an hour of summer time.
    "Australia/Lord_Howe",
    # Out of summer time for the month of Ramadan, four changes a year.
    "Africa/Casablanca",
    # Gave summer time up, moved its standard time by half an hour, crossed the date line before.
    "Asia/Tehran",
    "Asia/Pyongyang",
    "Asia/Almaty",
    "Pacific/Apia",
    # Two hours of summer time.
    "Antarctica/Troll",
)


@pytest.fixture(scope="module")
def con():
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        yield con


def test_berlin_changes_its_clocks_at_one_in_utc_on_the_last_sundays(con):
    changes = zone_changes(con, ["Europe/Berlin"], at("2026-01-01"), at("2026-12-31"))

    hour = 3_600_000_000
    assert changes == {
        "Europe/Berlin": (
            (at("2026-01-01"), hour),
            (at("2026-03-29 01:00"), 2 * hour),
            (at("2026-10-25 01:00"), hour),
            (at("2026-12-31"), None),
        )
    }


@pytest.mark.parametrize("zone", ZONES)
def test_wall_clocks_are_those_of_the_engine_before_within_and_after_the_list(con, zone):
    told = local_clock("zone", "moment", zone_changes(con, ZONES, FIRST, LAST))

    wrong = con.execute(
        "select moment from (select ? as zone, unnest(generate_series(timestamp '2014-06-01', "
        "timestamp '2027-06-01', interval 15 minute)) as moment) "
        f"where {told} is distinct from timezone(zone, timezone('UTC', moment)) limit 5",
        [zone],
    ).fetchall()

    assert wrong == []


def test_a_zone_that_is_not_listed_is_asked_of_the_engine(con):
    told = local_clock("'Asia/Tokyo'", "timestamp '2026-01-01'", {})

    assert con.execute(f"select {told}").fetchall() == [(at("2026-01-01 09:00"),)]
