"""What a whole run publishes, held against hand calculation."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import duckdb
import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def readings(tiny_home: Path) -> str:
    return f"'{tiny_home}/demo/published/current/kpi.fct_kpi_readings.parquet'"


def test_the_newest_day_of_an_american_plant_has_its_late_shift(readings):
    # Joliet runs three shifts of eight hours without breaks on seven machines. The late ones end
    # on the next day in UTC, which is the as-of itself for the newest production day.
    found = duckdb.execute(
        f"""
        select period_start_date::varchar, denominator
        from {readings}
        where kpi_id = 'KPI008' and entity_kind = 'site' and entity_id = 'US01'
            and period_kind = 'day' and period_start_date >= date '2026-10-01'
        order by 1
        """
    ).fetchall()

    full = Decimal(3 * 480 * 7)
    assert found == [("2026-10-01", full), ("2026-10-02", full), ("2026-10-03", full)]


def test_the_enterprise_is_the_sum_of_its_sites(readings):
    # Numerators and denominators add up; the ratio of the enterprise is no mean of ratios.
    found = duckdb.execute(
        f"""
        select
            kpi_id,
            period_start_date,
            sum(numerator) filter (where entity_kind = 'site') as sites_numerator,
            sum(denominator) filter (where entity_kind = 'site') as sites_denominator,
            sum(numerator) filter (where entity_kind = 'enterprise') as numerator,
            sum(denominator) filter (where entity_kind = 'enterprise') as denominator,
            max(reading_value) filter (where entity_kind = 'enterprise') as reading_value
        from {readings}
        where kpi_id in ('KPI006', 'KPI008', 'KPI015', 'KPI016', 'KPI037', 'KPI049')
            and period_kind = 'month'
            and period_start_date between date '2026-06-01' and date '2026-09-01'
        group by kpi_id, period_start_date
        """
    ).fetchall()

    assert len(found) == 6 * 4
    for kpi, month, sites_top, sites_bottom, top, bottom, value in found:
        assert (sites_top, sites_bottom) == (top, bottom), (kpi, month)
        # Ten digits are stored.
        assert value == pytest.approx(float(top) / float(bottom), abs=1e-9), (kpi, month)
