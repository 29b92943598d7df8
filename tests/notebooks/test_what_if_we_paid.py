"""The page on pay plans agrees with probability and with what is published."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import duckdb
import pytest

from tests.notebooks.pages import charts_of, execute, said

if TYPE_CHECKING:
    from pathlib import Path

    from nbformat import NotebookNode

NAME = "06_what_if_we_paid_on_this"
pytestmark = pytest.mark.slow

# Two years like the newest month of each series, so that there is something to simulate.
PLANS = 'plans = {plan_id: rows for plan_id, rows in items.groupby("plan_id")}'
TWO_YEARS = f"""
newest = (
    readings.sort_values("period_start_date")
    .groupby(["kpi_id", "entity_kind", "entity_id"]).tail(1)
    .assign(period_start_date=readings["period_start_date"].max())
)
years = np.random.default_rng(1)
readings = pd.concat([
    newest.assign(
        period_start_date=newest["period_start_date"] - pd.DateOffset(months=back),
        computed_value=newest["computed_value"] * (1 + 0.05 * years.standard_normal(len(newest))),
    )
    for back in range(24)
])
{PLANS}
"""
THEN = """
from orchestration.governance.payouts import simulate_plans
print(tried.to_json(orient="records"))
print(simulate_plans(readings, items).to_json(orient="records"))
"""


@pytest.fixture(scope="module")
def executed(tiny_home: Path) -> NotebookNode:
    return execute(NAME, tiny_home)


def test_the_simulator_agrees_with_probability_on_two_units(executed):
    lines = said(executed, "two_units").splitlines()

    pairs = [re.findall(r"([\d.]+)% by formula, ([\d.]+)% simulated", line)[0] for line in lines]
    assert [formula for formula, _ in pairs] == ["7.9", "24.0", "36.2", "43.0"]
    for formula, drawn in pairs:
        # Four standard errors of 20,000 draws are 1.4 points.
        assert float(drawn) == pytest.approx(float(formula), abs=1.4)


def test_four_months_are_said_to_be_too_few_and_nothing_is_guessed(executed):
    assert said(executed, "plans").count("too little history") == 2
    assert said(executed, "luck").count("not simulated: too_few_readings") == 2
    assert "no plan can be tried" in said(executed, "variants")
    assert charts_of(executed, "bullets") == charts_of(executed, "variants") == []


def test_a_change_is_drawn_with_the_parts_that_are_published(executed, tiny_home):
    mart = tiny_home / "demo" / "published" / "current" / "kpi.fct_kpi_bridge.parquet"
    ((kpi, site),) = re.findall(r"^(.+?) of (\w+), ", said(executed, "change"), re.MULTILINE)
    parts = duckdb.execute(
        f"""
        select distinct part from '{mart}'
        where entity_id = ? and comparison = 'previous_month' and kpi_id in (
            select kpi_id from '{mart.with_name("registry.kpis.parquet")}' where kpi_name = ?
        )
        """,
        [site, kpi],
    ).fetchall()
    (drawn,) = charts_of(executed, "change")

    assert len(parts) >= 3
    for (part,) in parts:
        assert part in drawn


def test_with_two_years_the_page_tries_the_plans_as_the_product_does(tiny_home):
    page = execute(NAME, tiny_home, then=THEN, instead=(PLANS, TWO_YEARS))
    tried, product = map(json.loads, said(page, "then").splitlines())

    assert {one["plan_id"] for one in tried} == {"line_bonus", "site_bonus"}
    as_published = {
        (one["plan_id"], one["window_months"]): one for one in product if not one["is_drawn_in"]
    }
    by_variant = {(one["plan_id"], one["variant"], one["months"]): one for one in tried}
    for (plan, months), one in as_published.items():
        here = by_variant[plan, "as it is", months]
        assert here["luck_share"] == pytest.approx(one["luck_share"], abs=1e-6)
        assert here["overpaid"] == pytest.approx(one["overpaid"], abs=1e-6)
        # A plan without a jump has no cliff.
        assert by_variant[plan, "ramp", months]["cliff_share"] <= here["cliff_share"]
    assert len(charts_of(page, "variants")) == 2
    (levels,) = charts_of(page, "bullets")
    assert "US01" in levels or "DE01" in levels
