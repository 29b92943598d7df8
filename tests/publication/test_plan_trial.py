"""A plan is tried on published readings: against laws of normal noise, and by hand."""

import datetime as dt
import math

import duckdb
import numpy as np
import pandas as pd
import pytest

from orchestration.publication.plan_trial import try_plan
from orchestration.publication.snapshot import publish
from orchestration.registry.load import pay_plan_rows
from orchestration.registry.model import PayPlan

MONTHS = 24
LINES = 30


def plan(**changed):
    declared = {
        "id": "bonus", "version": 1, "title": "Bonus", "subject_kind": "line", "cap": 3,
        "items": [{"kpi": "KPI006", "weight": 1, "pay_at": [0, 1, 2]}],
    }  # fmt: skip
    return pd.DataFrame(pay_plan_rows(PayPlan.model_validate(declared | changed)))


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    """Thirty lines alike about their target, whose months differ by a tenth of the scale."""
    rng = np.random.default_rng(4)
    months = pd.period_range("2024-01", periods=MONTHS, freq="M").to_timestamp()
    readings = pd.DataFrame(
        {
            "kpi_id": "KPI006",
            "entity_kind": "line",
            "entity_id": np.tile([f"L{at:02d}" for at in range(LINES)], MONTHS),
            "period_kind": "month",
            "period_start_date": np.repeat(months, LINES),
            "computed_value": rng.normal(50, 5, MONTHS * LINES),
            "finality": "final",
        }
    )
    levels = readings.iloc[:, :5].assign(
        threshold_level=0.0, target_level=50.0, stretch_level=100.0
    )
    keys = ("kpi_id", "entity_kind", "entity_id", "period_kind", "period_start_date")
    with duckdb.connect() as con:
        con.execute("create schema kpi")
        con.register("readings", readings)
        con.register("levels", levels)
        con.execute("create table kpi.fct_published_readings as select * from readings")
        con.execute("create table kpi.fct_published_judgements as select * from levels")
        return publish(
            con,
            tmp_path_factory.mktemp("published"),
            company="c",
            as_of=dt.date(2026, 1, 1),
            relations={"kpi.fct_kpi_readings": keys, "kpi.fct_kpi_judgements": keys},
            keep_days=7,
        )


def test_cost_is_that_of_all_participants_in_money_and_spreads_by_the_noise_of_their_mean(snapshot):
    month, quarter, year = try_plan(snapshot, plan(), pay_on_target=1000, budget=30_000)

    # Pay is linear, 1 at 50 and 0 at 0: thirty readings about 50 cost 30 x 1000, give or take
    # 1.645 x 5 / 50 x sqrt(30) x 1000.
    assert month.participant_count == LINES
    assert month.month_count == MONTHS
    assert month.cost == pytest.approx(30_000, rel=0.02)
    half = 1.645 * 5 / 50 * math.sqrt(LINES) * 1000
    assert (month.cost_high - month.cost_low) / 2 == pytest.approx(half, rel=0.35)
    assert (year.cost_high - year.cost_low) < (month.cost_high - month.cost_low)
    assert quarter.window_months == 3


def test_the_odds_of_the_budget_are_the_share_of_draws_that_cost_more(snapshot):
    def odds(budget):
        return [
            trial.over_budget_odds
            for trial in try_plan(snapshot, plan(), pay_on_target=1000, budget=budget)
        ]

    assert odds(20_000) == [1, 1, 1]
    assert odds(40_000) == [0, 0, 0]
    assert odds(None) == [None, None, None]
    middle = try_plan(snapshot, plan(), pay_on_target=1000)[0].cost_high
    assert odds(middle)[0] == pytest.approx(0.05, abs=0.02)


def test_where_nobody_differs_all_differences_in_pay_are_luck(snapshot):
    month = try_plan(snapshot, plan(), pay_on_target=1)[0]

    # Means of 24 months still differ a little, and are drawn in.
    assert month.luck_share > 0.9


def test_a_plan_on_a_kpi_that_nobody_has_is_refused_for_each_window(snapshot):
    items = [{"kpi": "KPI016", "weight": 1, "pay_at": [0, 1, 2]}]
    trials = try_plan(snapshot, plan(items=items), pay_on_target=1)

    assert [trial.refusal for trial in trials] == [
        "no_value: there is no final reading of KPI016"
    ] * 3
    assert {trial.cost for trial in trials} == {None}
