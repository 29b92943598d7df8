"""What is published on changes and on pay follows from published readings, and names nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def published(tiny_home: Path):
    """Ask the published files, by the names of their marts."""
    folder = tiny_home / "demo" / "published" / "current"
    con = duckdb.connect()
    for mart in ("kpi.fct_kpi_bridge", "kpi.fct_kpi_readings", "kpi.fct_payout_simulations"):
        con.execute(f"create view {mart.split('.')[1]} as from '{folder}/{mart}.parquet'")
    return lambda sql: con.execute(sql).fetchall()


def test_the_parts_of_each_change_lead_from_one_published_reading_to_the_other(published):
    found = published(
        """
        with whole as (
            select
                kpi_id, entity_id, period_start_date, compared_start_date, comparison,
                sum(contribution_value) as parts
            from fct_kpi_bridge
            group by all
        )
        select count(*), max(abs(
            now.reading_value - before.reading_value - whole.parts
        )), count(*) filter (where now.finality = 'provisional')
        from whole
        left join fct_kpi_readings as now
            on now.kpi_id = whole.kpi_id and now.entity_id = whole.entity_id
            and now.entity_kind = 'site' and now.period_kind = 'month'
            and now.period_start_date = whole.period_start_date
        left join fct_kpi_readings as before
            on before.kpi_id = whole.kpi_id and before.entity_id = whole.entity_id
            and before.entity_kind = 'site' and before.period_kind = 'month'
            and before.period_start_date = whole.compared_start_date
        """
    )

    ((changes, largest_miss, provisional),) = found
    # No override in this company: what is shown is what was computed.
    assert changes > 0
    assert largest_miss < 1e-9
    assert provisional == 0


def test_of_ratios_of_lines_the_mix_is_told_and_of_whole_sites_it_is_not(published):
    parts = dict(
        published(
            """
            select kpi_id, string_agg(distinct part, ' ' order by part)
            from fct_kpi_bridge
            where part not like 'driver.%'
            group by kpi_id
            """
        )
    )

    assert parts["KPI006"] == "mix site unexplained"
    assert parts["KPI037"] == "unexplained"
    # A product of ratios is not the sum of its lines.
    assert "KPI007" not in parts


def test_two_sites_are_too_few_to_take_a_driver_out_and_the_row_says_so(published):
    said = published(
        """
        select distinct not_told from fct_kpi_bridge
        where kpi_id = 'KPI006' and part = 'unexplained'
        """
    )

    assert len(said) == 1
    assert "drivers: 2 units have drivers, at least 4 are needed" in said[0][0]


def test_no_published_part_is_that_of_a_leader(published):
    assert published("select count(*) from fct_kpi_bridge where part = 'leader'") == [(0,)]


def test_four_months_are_too_few_to_simulate_a_plan(published):
    found = published(
        "select plan_id, refusal, luck_share from fct_payout_simulations order by all"
    )

    assert len(found) == 12
    assert {plan for plan, _, _ in found} == {"line_bonus", "site_bonus"}
    for _, refusal, luck in found:
        assert refusal.endswith("final months, at least 12 are needed")
        assert luck is None
