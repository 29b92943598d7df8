"""What people enter at the machines agrees with the machines, the roster and the planted truth."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections import defaultdict
from pathlib import Path

import pytest

from orchestration.demo import DemoSize

from .conftest import made

# Enough people for shares of sickness, and a whole year of them.
STAFFED = DemoSize(
    plants=2, lines=6, machines=12, employees=400, leaders=12, history_months=12,
    daily_deliveries=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def staffed(tmp_path_factory):
    return made(tmp_path_factory.mktemp("staffed"), size=STAFFED)


def corrected(rows, key, replaces):
    """Rows by key, without those whose place another one takes."""
    found = {row[key]: row for row in rows}
    gone = {row[replaces] for row in rows if row[replaces]}
    return [row for name, row in found.items() if name not in gone], gone


def read(made, feed):
    """Rows of a feed by the names of its columns."""
    rows = made.rows(feed, "select to_json(t) from t")
    return [json.loads(row) for (row,) in rows]


# ------------------------------------------------------------------------------------------ stops


def test_every_entered_stop_is_one_that_the_machine_reported(tiny):
    reported = {
        (machine, start[:16])
        for machine, start in tiny.rows(
            "mes_machine_states",
            "select machine_id, start_ts from t where state in ('FAULT', 'PLANNED_STOP')",
            files=tiny.files("mes_machine_states", planted=True),
        )
    }
    entered = read(tiny, "mes_downtime_events")

    assert len(entered) > 1_000
    assert {(row["machine_id"], row["start_ts"][:16]) for row in entered} <= reported


def test_after_corrections_breakdowns_are_those_that_the_truth_counts(tiny):
    entries, gone = corrected(read(tiny, "mes_downtime_events"), "downtime_id", "supersedes")
    found = defaultdict(list)
    for row in entries:
        if row["start_ts"] < "2026-09-20" and row["planned"] == "false":
            found[row["machine_id"][:4]].append(row)
    known = {row["downtime_id"] for row in read(tiny, "mes_downtime_events")}

    assert len(gone) > 20
    assert gone <= known
    for site, truth in tiny.truth["breakdowns_of_history"].items():
        # The last days of the history may still be corrected; before them nothing is wrong but
        # what is called a jam for ever.
        share = 111 / 122
        assert len(found[site]) == pytest.approx(share * truth["count"], rel=0.1)
        jams = [row for row in found[site] if row["reason_code"].endswith("22")]
        assert len(jams) <= truth["called_a_jam"]
        assert all(row["end_ts"] for row in found[site])


def test_machines_of_a_class_break_down_as_often_as_the_truth_says(tiny):
    stops = dict.fromkeys(tiny.truth["breakdown_share_of_stops"], (0, 0))
    for machine, broken, waiting in tiny.rows(
        "mes_machine_states",
        """select machine_id, count(*) filter (state = 'FAULT'), count(*) filter (state = 'WAIT')
           from t where reason_code[2:] <> '23' and reason_code[2:] <> '20' group by 1""",
    ):
        stops[machine] = broken, waiting
    by_share = defaultdict(lambda: [0, 0])
    for machine, share in tiny.truth["breakdown_share_of_stops"].items():
        by_share[share][0] += stops[machine][0]
        by_share[share][1] += stops[machine][1]

    assert len(by_share) == 3
    for share, (broken, waiting) in by_share.items():
        # Of three kinds of waiting one (for material) is left out above, with those of a shock.
        whole = broken + waiting * 3 / 2
        error = math.sqrt(share * (1 - share) / whole)
        assert broken / whole == pytest.approx(share, abs=4 * error)


def test_a_work_order_names_a_stop_of_its_machine_and_lies_within_it(tiny):
    stops = {row["downtime_id"]: row for row in read(tiny, "mes_downtime_events")}
    rows = _orders(tiny)
    corrective = [row for row in rows if row["WO_TYPE"] == "CM"]

    assert len(corrective) > 100
    for row in corrective:
        stop = stops[row["STOP_NO"]]
        assert stop["machine_id"] == row["EQUIPMENT"]
        begin = dt.datetime.fromisoformat(stop["start_ts"]).replace(tzinfo=None)
        assert begin <= row["REPORTED"] <= row["STARTED"]
    for row in rows:
        assert not row["FINISHED"] or row["STARTED"] <= row["FINISHED"]


def _orders(made):
    rows = []
    for name in made.files("cmms_work_orders"):
        head, *lines = Path(name).read_text().splitlines()
        for line in lines:
            row = dict(zip(head.split(";"), line.split(";"), strict=True))
            for column in ("REPORTED", "STARTED", "FINISHED"):
                text = row[column]
                row[column] = _clock(text) if text else None
            rows.append(row)
    return rows


def _clock(text):
    """Return the instant of `31.12.2026 23:59`."""
    return dt.datetime.fromisoformat(f"{text[6:10]}-{text[3:5]}-{text[:2]}T{text[11:]}")


# ------------------------------------------------------------------------------------- time at work


def test_whoever_a_machine_names_has_attended_that_day(tiny):
    entries, _ = corrected(read(tiny, "hr_time_entries"), "Time_Block", "Replaces")
    attended = {
        (row["Employee_ID"], row["Reported_Date"]): float(row["Reported_Hours"]) for row in entries
    }
    named = tiny.rows(
        "mes_production_counts",
        """select distinct 'E' || (substr(operator_id, 3)::int - 20000 + 100001),
             strptime(regexp_extract(event_id, '-([0-9]{8})-', 1), '%Y%m%d')::date::varchar
           from t where operator_id is not null""",
    )

    assert len(named) > 900
    for person, day in named:
        # A missing clock time may wait for its correction in the last days.
        assert attended[person, day] > 0 or day >= "2026-09-29", (person, day)


def test_sickness_follows_site_and_season(staffed):
    """Share of rostered hours by site over a year, and winter against summer."""
    truth = staffed.truth["sickness_share"]
    site = dict(
        staffed.rows(
            "hr_employees",
            "select Employee_ID, Location from t",
            files=staffed.files("hr_employees")[-1:],
        )
    )
    away = set()
    for row in read(staffed, "hr_absences"):
        if row["Absence_Type"] == "Sick_Leave":
            day = dt.date.fromisoformat(str(row["First_Day"])[:10])
            last = min(dt.date.fromisoformat(str(row["Last_Day"])[:10]), dt.date(2026, 10, 2))
            while day <= last:
                away.add((row["Employee_ID"], str(day)))
                day += dt.timedelta(days=1)
    rostered, sick = defaultdict(float), defaultdict(float)
    entries, _ = corrected(read(staffed, "hr_time_entries"), "Time_Block", "Replaces")
    for row in entries:
        person, day = row["Employee_ID"], row["Reported_Date"]
        half = "winter" if day[5:7] in ("11", "12", "01", "02", "03") else "rest"
        for key in (site[person], half):
            rostered[key] += float(row["Scheduled_Hours"])
            if (person, day) in away:
                sick[key] += float(row["Scheduled_Hours"])
    for code, share in truth.items():
        place = {"DE01": "AUG", "US01": "JOT"}[code]
        # About 190 people of a site and spells of five days: a relative error of 4 %.
        assert sick[place] / rostered[place] == pytest.approx(share, rel=0.15)
    winter, rest = (sick[half] / rostered[half] for half in ("winter", "rest"))
    assert winter / rest > 1.3


def test_hours_booked_on_orders_are_the_share_that_the_truth_says(staffed):
    truth = staffed.truth
    slow = truth["worker_efficiency_shift"]
    attended = {}
    for row in corrected(read(staffed, "hr_time_entries"), "Time_Block", "Replaces")[0]:
        attended[row["Employee_ID"], row["Reported_Date"]] = float(row["Reported_Hours"])
    booked = defaultdict(float)
    line_of = {}
    for row in read(staffed, "mes_labour_bookings"):
        day = dt.date.fromisoformat(row["booking_id"][1:9])
        person = f"E{int(row['employee_id'][2:]) - 20_000 + 100_001}"
        line_of[person, str(day)] = row["work_centre"][:8]
        if row["kind"] == "direct":
            booked[person, str(day)] += float(row["hours"])
    hours, direct = defaultdict(float), defaultdict(float)
    for (person, day), line in line_of.items():
        late = line == slow["line"] and day >= slow["from"]
        key = "slow" if late else line[:4]
        hours[key] += attended[person, day]
        direct[key] += booked[person, day]

    for site, share in truth["worker_efficiency"].items():
        assert direct[site] / hours[site] == pytest.approx(share, rel=0.01)
    expected = truth["worker_efficiency"][slow["line"][:4]] * slow["factor"]
    assert direct["slow"] / hours["slow"] == pytest.approx(expected, rel=0.01)


# ------------------------------------------------------------------------------------ measurements


def test_measurements_stand_on_the_steps_of_the_gauge_and_shift_where_planted(staffed):
    spread = staffed.truth["measured_spread_mm"]
    rows = read(staffed, "mes_quality_measurements")
    assert {round(float(row["value"]) * 1000) % 5 for row in rows} == {0}

    def mean(line, first, last):
        values = [
            float(row["value"]) - float(row["target"])
            for row in rows
            if row["machine_id"].startswith(line) and first <= row["measured_ts"][:10] <= last
        ]
        assert len(values) > 40
        return sum(values) / len(values) / spread

    cut = dt.date(2026, 9, 30)
    for shift in staffed.truth["measured_mean_shifts"]:
        # Forty and more days of five parts: a standard error below 0.08 spreads.
        assert mean(shift["line"], shift["from"], str(cut)) == pytest.approx(
            shift["spreads"], abs=0.3
        )
        assert mean(shift["line"], "2025-11-01", "2026-05-31") == pytest.approx(0, abs=0.2)
    drift = staffed.truth["gauge_drift"]
    calibrated = dt.date.fromisoformat(drift["calibrated_after"])
    days = (calibrated - dt.date.fromisoformat(drift["from"])).days
    last_fortnight = mean(drift["line"], str(calibrated - dt.timedelta(days=13)), str(calibrated))
    assert last_fortnight == pytest.approx(drift["spreads_per_day"] * (days - 6), abs=0.4)
    after = str(calibrated + dt.timedelta(days=1))
    assert mean(drift["line"], after, "2026-10-02") == pytest.approx(0, abs=0.4)


def test_every_safety_walk_brings_one_observation(tiny):
    walks = tiny.rows(
        "leader_behaviour_events",
        "select leader_id, count(*) from t where kind = 'safety_walk' group by 1 order by 1",
    )
    seen = tiny.rows(
        "ehs_observations", "select observer_id, count(*) from t group by 1 order by 1"
    )

    assert seen == walks
