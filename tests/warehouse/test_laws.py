"""What must hold between readings, whatever the company: sums, shares, completeness."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal

import pytest

from orchestration.governance.questions import QUESTIONS
from orchestration.registry.load import load_registers

from .conftest import LAST_DAY

MACHINE_KPIS = ("KPI006", "KPI008", "KPI009", "KPI010", "KPI015", "KPI016", "KPI017")


def sums(house, where):
    """Numerator and denominator by KPI, period and whatever the entities of a kind belong to."""
    return dict(
        house.query(
            "select (r.kpi_id, r.period_start_date, e.site_id), "
            "(coalesce(sum(numerator), 0), coalesce(sum(denominator), 0)) "
            "from kpi.fct_kpi_readings as r inner join core.dim_entities as e "
            "on r.entity_kind = e.entity_kind and r.entity_id = e.entity_id "
            f"where r.kpi_id in {MACHINE_KPIS} and {where} group by all "
            "having sum(numerator) is not null or sum(denominator) is not null"
        )
    )


@pytest.mark.parametrize("period", ["day", "month"])
def test_a_site_is_the_sum_of_its_lines(day_by_day, period):
    sites = sums(day_by_day, f"r.entity_kind = 'site' and period_kind = '{period}'")

    assert len(sites) > 50
    assert sites == sums(day_by_day, f"r.entity_kind = 'line' and period_kind = '{period}'")


def test_a_site_is_the_sum_of_its_machines(day_by_day):
    sites = sums(day_by_day, "r.entity_kind = 'site' and period_kind = 'month'")

    assert sites == sums(day_by_day, "r.entity_kind = 'work_unit' and period_kind = 'month'")


def test_a_month_is_the_sum_of_its_days(day_by_day):
    def monthly(period):
        total = defaultdict(lambda: [Decimal(0), Decimal(0)])
        rows = sums(day_by_day, f"r.entity_kind = 'line' and period_kind = '{period}'")
        for (kpi, day, site), parts in rows.items():
            for position, part in enumerate(parts):
                total[kpi, day.replace(day=1), site][position] += part
        return dict(total)

    assert monthly("month") == monthly("day")


@pytest.mark.parametrize("kpi", [*MACHINE_KPIS, "KPI003", "KPI037", "KPI039", "KPI049"])
def test_the_enterprise_is_the_sum_of_its_sites(day_by_day, kpi):
    by_kind = {
        kind: day_by_day.query(
            "select period_start_date, sum(numerator), sum(denominator) from kpi.fct_kpi_readings "
            "where kpi_id = ? and entity_kind = ? and period_kind = 'month' group by 1 order by 1",
            [kpi, kind],
        )
        for kind in ("enterprise", "site")
    }

    assert by_kind["enterprise"] == by_kind["site"]
    assert any(denominator for _, _, denominator in by_kind["site"])


def test_a_ratio_is_its_parts(day_by_day):
    wrong = day_by_day.query(
        "select r.* from kpi.fct_kpi_readings as r inner join registry.kpis as k using (kpi_id) "
        "where reading_value is not null and k.has_denominator and "
        "abs(reading_value - numerator::double * k.multiplier::double / denominator::double) "
        # Readings are rounded to ten digits, and a double has not sixteen of its own.
        "> 0.5000001e-10 + 4e-16 * abs(reading_value)"
    )

    assert wrong == []


def test_oee_is_availability_times_effectiveness_times_quality_in_planned_time(day_by_day):
    """OEE = A x E x Q holds exactly when Q weighs units with their planned run time.

    KPI010 counts units, as ISO 22400 does, so a mix of products with different run times and
    scrap ratios puts it a little beside; it is equal where a machine made one kind of product.
    """
    rows = day_by_day.query(
        """
        with parts as (
            select entity_kind, entity_id, period_kind, period_start_date,
                max(component_value::double) filter (measure_id = 'standard_minutes_good') as good,
                max(component_value::double) filter (measure_id = 'standard_minutes_produced')
                    as produced
            from kpi.fct_reading_components group by all
        ),
        wide as (
            select entity_kind, entity_id, period_kind, period_start_date,
                max(reading_value) filter (kpi_id = 'KPI006') as oee,
                max(reading_value) filter (kpi_id = 'KPI008') as availability,
                max(reading_value) filter (kpi_id = 'KPI009') as effectiveness,
                max(reading_value) filter (kpi_id = 'KPI010') as quality
            from kpi.fct_kpi_readings group by all
        )
        select oee, availability * effectiveness * good / produced,
            availability * effectiveness * quality
        from wide inner join parts
            using (entity_kind, entity_id, period_kind, period_start_date)
        where oee is not null and availability is not null and effectiveness is not null
            and quality is not null
        """
    )

    assert len(rows) > 500
    assert all(abs(oee - product) < 1e-9 for oee, product, _ in rows)
    # Scrap ratios of the demo's products lie within a few percent of each other.
    assert all(abs(oee - in_units) < 0.01 for oee, _, in_units in rows)


# ------------------------------------------------------------------------------------- leaders


def led_on(units, unit, day):
    """Everyone who leads the unit or a unit above it on a day, walking up the tree."""
    leaders = set()
    while unit is not None:
        version = next(v for v in units[unit] if v["from"] <= day <= v["to"])
        leaders.add(version["leader"])
        unit = version["parent"]
    return leaders


def test_a_leaders_month_is_the_sum_of_the_days_and_machines_they_led(day_by_day):
    units = defaultdict(list)
    for unit, parent, leader, first, last in day_by_day.query(
        "select org_unit_id, parent_id, leader_id, valid_from, valid_to from raw.hr_org_units"
    ):
        version = {"parent": parent, "leader": leader, "from": first, "to": last or dt.date.max}
        units[unit].append(version)
    unit_of = dict(
        day_by_day.query(
            "select machine_id, org_unit_id from raw.mes_equipment where level = 'line'"
        )
    )
    expected = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for line, day, producing, busy in day_by_day.query(
        "select line_id, production_date, sum(producing_minutes), sum(planned_busy_minutes) "
        "from intermediate.int_measures__machine_days group by all"
    ):
        for leader in led_on(units, unit_of[line], day):
            expected[leader, day.replace(day=1)][0] += producing
            expected[leader, day.replace(day=1)][1] += busy

    found = {
        (leader, month): [numerator, denominator]
        for leader, month, numerator, denominator in day_by_day.query(
            "select entity_id, period_start_date, numerator, denominator from "
            "kpi.fct_kpi_readings where kpi_id = 'KPI008' and entity_kind = 'leader' "
            "and denominator is not null"
        )
    }

    # In July two lines swapped their leaders.
    changes = [version for versions in units.values() for version in versions[1:]]
    assert changes
    assert found == dict(expected)


# -------------------------------------------------------------------------------- completeness


def test_every_expected_reading_is_there_exactly_once(day_by_day):
    intervals = expected_entities(day_by_day)
    last = LAST_DAY - dt.timedelta(days=1)
    # The history begins in June, but the first receipts are of May.
    first = dt.date(2026, 5, 1)
    expected = set()
    kpis = load_registers(day_by_day.settings.register_folders).kpis.values()
    for kpi in kpis:
        for kind, periods in kpi.grain.items():
            for period in periods:
                for start, end in periods_between(period, first, last):
                    expected |= {
                        (kpi.id, kind, entity, period, start)
                        for entity, valid_from, valid_to in intervals[kind]
                        if valid_from <= min(end, last) and valid_to >= start
                    }

    rows = day_by_day.query(
        "select kpi_id, entity_kind, entity_id, period_kind, period_start_date "
        "from kpi.fct_kpi_readings"
    )

    assert len(rows) == len(set(rows))
    assert set(rows) == expected


def expected_entities(house):
    forever = (dt.date.min, dt.date.max)
    facts = house.company.facts
    raw = {
        "work_unit": "machine_id, valid_from, valid_to from raw.mes_equipment "
        "where level = 'work_unit'",
        "line": "machine_id, valid_from, valid_to from raw.mes_equipment where level = 'line'",
        "org_unit": "org_unit_id, valid_from, valid_to from raw.hr_org_units",
        "leader": "leader_id, valid_from, valid_to from raw.hr_org_units",
        "supplier": "supplier_id, min(order_date), null::date from raw.erp_purchase_order_lines "
        "group by supplier_id",
    }
    return {
        "enterprise": [(facts.enterprise.id, *forever)],
        "site": [(site, *forever) for site in facts.sites],
        **{
            kind: [(name, first, last or dt.date.max) for name, first, last in house.query(sql)]
            for kind, sql in ((kind, f"select {sql}") for kind, sql in raw.items())
        },
    }


def periods_between(kind, first, last):
    """First and last days of the periods that hold a day of the range."""
    day, found = first, {}
    while day <= last:
        if kind == "day":
            found[day] = day
        elif kind == "week":
            monday = day - dt.timedelta(days=day.weekday())
            found[monday] = monday + dt.timedelta(days=6)
        else:
            months = {"month": 1, "quarter": 3, "year": 12}[kind]
            month = (day.month - 1) // months * months
            after = month + months
            start = day.replace(month=month + 1, day=1)
            found[start] = dt.date(day.year + after // 12, after % 12 + 1, 1) - dt.timedelta(days=1)
        day += dt.timedelta(days=1)
    return sorted(found.items())


def test_a_reading_without_a_value_says_why_and_is_never_zero(day_by_day):
    states = day_by_day.query(
        "select trust_state, reading_value is null, trust_reason is null, count(*) "
        "from kpi.fct_kpi_readings group by all order by all"
    )

    assert {state for state, *_ in states} <= {"ok", "late_input", "not_computable"}
    for state, has_no_value, has_no_reason, _ in states:
        assert has_no_value == (state == "not_computable")
        assert has_no_reason == (state == "ok")


def test_what_nobody_measured_is_missing(day_by_day):
    # Four of the six sites of the company file deliver nothing.
    silent = day_by_day.query(
        "select distinct reading_value, numerator, denominator, trust_state, trust_reason "
        "from kpi.fct_kpi_readings where entity_kind = 'site' and entity_id in "
        "('GB01', 'IN01', 'JP01', 'DE02')"
    )

    assert silent == [(None, None, None, "not_computable", "Nothing measured in this period.")]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one.name)
def test_an_answer_has_the_column_by_which_it_is_counted(day_by_day, question):
    columns = {column for (column, *_) in day_by_day.query(f"describe statistics.{question.name}")}

    assert question.said in columns


def test_every_row_of_an_answer_has_the_version_that_the_register_names(day_by_day):
    register = dict(
        day_by_day.query("select question_id, method_version from governance.rpt_methods")
    )

    assert set(register) == {question.name for question in QUESTIONS}
    for name, version in register.items():
        versions = {one for (one,) in day_by_day.query(f"select version from statistics.{name}")}
        assert versions <= {version}, name
