"""One small month, calculated by hand."""

from __future__ import annotations

import datetime as dt

import pytest

from .conftest import Bare, instant, line, machine, shift

AS_OF = "2026-05-04"
BERLIN, CHICAGO = "Europe/Berlin", "America/Chicago"
PART = (
    "Nothing measured for this part of the period; a figure that exists only for the whole "
    "period is not split."
)


def unit(name, parent, leader, *, kind="line", site="DE01", since="2020-01-01", until=None):
    return {
        "org_unit_id": name, "name": name, "parent_id": parent, "kind": kind,
        "leader_id": leader, "site": site, "valid_from": since, "valid_to": until,
    }  # fmt: skip


def state(number, start, end, code, *, reason=None):
    return {
        "site": "DE01", "machine_id": "M1", "sequence": number, "state": code,
        "reason_code": reason, **instant("start_ts", BERLIN, f"2026-04-10 {start}"),
        **instant("end_ts", BERLIN, f"2026-04-10 {end}" if end else None),
    }  # fmt: skip


def count(event, machine_id, at, *, good, scrap, rework=0, site="DE01", zone=BERLIN):
    return {
        "event_id": event, "site": site, "machine_id": machine_id, "order_id": "O1",
        **instant("event_ts", zone, at), "good_qty": good, "scrap_qty": scrap,
        "rework_qty": rework, "count_kind": "delta",
    }  # fmt: skip


def hours(site, worked):
    return {"site": site, "period": "2026-04-01", "person_kind": "employee", "hours": worked}


@pytest.fixture(scope="module")
def plant(tmp_path_factory, parsed):
    as_of = dt.date.fromisoformat(AS_OF)
    house = Bare(tmp_path_factory.mktemp("plant"), parsed, as_of)
    house.begin(as_of)
    house.accept(*(feed for feed in house.company.canonical if feed != "leader_plans"), on=AS_OF)
    house.write(
        "hr_org_units",
        unit("ENT", None, "R", kind="enterprise", site=None),
        # The site's leader changes in the middle of the month; the line's does not.
        unit("S-DE01", "ENT", "P1", kind="site", until="2026-04-15"),
        unit("S-DE01", "ENT", "P2", kind="site", since="2026-04-16"),
        unit("U-L1", "S-DE01", "Q"),
        # The same leader before and after a change of name is one reign.
        unit("S-IN01", "ENT", "S", kind="site", site="IN01", until="2026-04-15"),
        unit("S-IN01", "ENT", "S", kind="site", site="IN01", since="2026-04-16"),
    )
    house.write(
        "mes_equipment",
        *(
            {"machine_id": site, "site": site, "level": "site", "name": site,
             "org_unit_id": f"S-{site}", "valid_from": "2020-01-01"}
            for site in ("DE01", "IN01")
        ),
        line("L1", unit="U-L1"), machine("M1", "L1"), machine("M2", "L1"),
        line("W1", site="US01"), machine("W1M", "W1", site="US01"),
    )  # fmt: skip
    house.write(
        "mes_shift_calendar",
        shift("L1", "2026-04-10", "06:00", "14:00", break_minutes=30),
        shift("L1", "2026-04-11", "06:00", "14:00", break_minutes=30),
        # On the second day M1 rests by a calendar of its own.
        shift("M1", "2026-04-11", "06:00", "14:00", working=False),
        shift("W1", "2026-05-03", "23:00", "07:00", site="US01"),
    )
    house.write(
        "mes_machine_states",
        state(1, "06:00", "11:00", "producing"),
        # A repeat, and an end 40 minutes after the next state began.
        state(2, "10:00", "11:40", "producing"),
        state(3, "11:00", "12:40", "down"),
        state(4, "12:40", None, "planned_stop", reason="MAINT"),
        state(5, "13:30", "14:30", "idle"),
    )
    house.write(
        "mes_production_counts",
        count("E1", "M1", "2026-04-10 10:00", good=60, scrap=4, rework=10),
        count("E2", "M1", "2026-04-10 13:59", good=40, scrap=6),
        # 06:30 in Chicago on the as-of is the night shift of the last production day.
        count("E3", "W1M", "2026-05-04 06:30", good=90, scrap=10, site="US01", zone=CHICAGO),
    )
    house.write("erp_production_orders", {
        "production_order_id": "O1", "plant": "DE01", "product_id": "PA", "good_qty": 0,
        "scrap_qty": 0, "due_date": "2026-04-30", "status": "released",
    })  # fmt: skip
    house.write("erp_routings", *(
        {"product_id": "PA", "operation_no": "0010", "work_centre": name,
         "planned_run_time_s_per_unit": 120, "valid_from": "2020-01-01"}
        for name in ("M1", "W1M")
    ))  # fmt: skip
    house.write("ehs_hours_worked", hours("DE01", 40_000), hours("IN01", 50_000),
                hours("US01", 10_000))  # fmt: skip
    house.write(
        "ehs_incidents",
        # Called first aid at first, then corrected: one case.
        *(
            {"incident_id": "I1", "version": version, "site": "DE01", "case_class": case,
             "person_kind": "employee", **instant("occurred_ts", BERLIN, "2026-04-20 09:00")}
            for version, case in ((1, "first_aid"), (2, "dafw"))
        ),
    )  # fmt: skip
    house.build_with_parents("fct_kpi_readings")
    return house


def reading(plant, kpi, kind, entity, *, day=None):
    rows = plant.query(
        "select reading_value, numerator::double, denominator::double, trust_state, trust_reason "
        "from kpi.fct_kpi_readings where kpi_id = ? and entity_kind = ? and entity_id = ? "
        "and period_kind = ? and period_start_date = ?",
        [kpi, kind, entity, "day" if day else "month", day or "2026-04-01"],
    )
    assert len(rows) == 1, rows
    return rows[0]


# M1, 10 April: 480 minutes less 30 of breaks and 50 of maintenance are 400 busy, 300 producing.
# 100 units right the first time, 10 reworked and 10 scrapped at two minutes each: 240 planned
# minutes, 220 of them good.
@pytest.mark.parametrize(
    ("kpi", "value"),
    [
        ("KPI008", 300 / 400),
        ("KPI009", 240 / 300),
        ("KPI010", 110 / 120),
        ("KPI006", 220 / 400),
        ("KPI015", 100 / 120),
        ("KPI016", 10 / 120),
        ("KPI017", 10 / 120),
    ],
)
def test_a_machines_month_is_what_a_pencil_gives(plant, kpi, value):
    assert reading(plant, kpi, "work_unit", "M1")[0] == pytest.approx(value, abs=1e-10)


def test_oee_is_the_product_of_its_three_factors_where_one_product_was_made(plant):
    oee, availability, effectiveness, quality = (
        reading(plant, kpi, "work_unit", "M1")[0]
        for kpi in ("KPI006", "KPI008", "KPI009", "KPI010")
    )

    assert oee == pytest.approx(availability * effectiveness * quality, abs=1e-9)


def test_a_silent_machine_was_not_measured_but_its_planned_time_counts(plant):
    # M2 sends nothing on two working days of 450 minutes; M1 rests on the second.
    assert reading(plant, "KPI008", "work_unit", "M2") == (
        None, None, 900, "not_computable",
        "No numerator: its measures have no rows in this period.",
    )  # fmt: skip
    assert reading(plant, "KPI008", "line", "L1")[1:3] == (300, 400 + 450 + 450)


def test_the_night_shift_of_the_last_production_day_is_whole(plant):
    assert reading(plant, "KPI016", "line", "W1", day="2026-05-03")[:3] == (0.1, 10, 100)
    assert reading(plant, "KPI008", "line", "W1", day="2026-05-03")[2] == 8 * 60


def test_a_rate_of_incidents_counts_each_case_once(plant):
    assert reading(plant, "KPI039", "site", "DE01")[:3] == (200_000 / 40_000, 1, 40_000)
    # Nobody was hurt in hours that were worked: that is a measured zero.
    assert reading(plant, "KPI039", "site", "IN01")[:3] == (0, 0, 50_000)


def test_too_few_hours_give_no_rate(plant):
    value, *_, trust, why = reading(plant, "KPI039", "site", "US01")

    assert (value, trust) == (None, "not_computable")
    assert why == "Too little exposure: a rate of so few would be noise."


@pytest.mark.parametrize("leader", ["P1", "P2"])
def test_who_led_a_site_for_part_of_a_month_gets_no_rate_and_is_told_why(plant, leader):
    assert reading(plant, "KPI039", "leader", leader) == (
        None, None, None, "not_computable",
        PART,
    )  # fmt: skip


def test_who_led_all_month_gets_the_rate_of_all_they_led(plant):
    assert reading(plant, "KPI039", "leader", "S")[:3] == (0, 0, 50_000)
    # R leads the two sites that have a unit; Joliet has none and is nobody's.
    rate = pytest.approx(200_000 / 90_000, abs=1e-10)
    assert reading(plant, "KPI039", "leader", "R")[:3] == (rate, 1, 90_000)


def test_a_leader_answers_for_the_days_they_led(plant):
    # P1 led both working days, P2 none; each leads the line once though two levels below.
    assert reading(plant, "KPI008", "leader", "P1")[1:3] == (300, 1300)
    assert reading(plant, "KPI008", "leader", "Q")[1:3] == (300, 1300)
    assert reading(plant, "KPI008", "leader", "P2")[3] == "not_computable"


def test_a_feed_that_never_came_is_named(plant):
    assert reading(plant, "KPI062", "enterprise", "ENT") == (
        None, None, None, "not_computable", "Never delivered: leader_plans.",
    )  # fmt: skip
