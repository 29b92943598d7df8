"""The odds of any level, from the three levels of a published forecast."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from orchestration.governance.feasibility import Forecast, is_beyond, odds_of_level
from orchestration.governance.outlook import foresee


def forecast(nine_in_ten, even, one_in_ten):
    return Forecast(dt.date(2026, 9, 1), nine_in_ten, even, one_in_ten, tested=33, held=28)


def test_the_odds_of_the_levels_of_a_forecast_are_those_that_they_name():
    for levels in ((0.60, 0.65, 0.68), (0.030, 0.020, 0.015)):
        found = [odds_of_level(forecast(*levels), level) for level in levels]
        assert found == pytest.approx([0.9, 0.5, 0.1], abs=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
def test_beyond_them_the_odds_are_those_of_a_normal_distribution(sign):
    normal = forecast(*(50 + sign * norm.ppf([0.1, 0.5, 0.9])))
    for shift in (-2.5, -1.0, 0.3, 2.0, 4.0):
        assert odds_of_level(normal, 50 + sign * shift) == pytest.approx(norm.sf(shift), abs=1e-9)


def test_where_nothing_varies_a_level_is_met_or_not():
    sure = forecast(0.7, 0.7, 0.7)
    assert [odds_of_level(sure, level) for level in (0.7,)] == [0.5]
    skewed = forecast(0.6, 0.7, 0.7)
    assert odds_of_level(skewed, 0.71) == 0.0


@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_the_odds_are_those_that_the_outlook_states_of_its_target(direction):
    rng = np.random.default_rng(8)
    months = pd.period_range("2023-01", periods=36, freq="M").to_timestamp()
    frame = pd.concat(
        pd.DataFrame(
            {
                "kpi_id": "KPI006",
                "entity_kind": "site",
                "entity_id": f"S{number}",
                "period_start_date": months,
                "computed_value": 50 + 2 * rng.standard_normal(36),
                "target_level": 50 + number / 4,
                "direction": direction,
            }
        )
        for number in range(-6, 7)
    )
    rows = foresee(frame).rows
    found = [
        odds_of_level(
            Forecast(
                row.last_month_date, row.nine_in_ten_level, row.even_odds_level,
                row.one_in_ten_level, row.tested_count, row.held_count,
            ),
            row.target_level,
        )
        for row in rows.itertuples()
    ]  # fmt: skip

    # Ten thousand drawn futures know odds to half a point; the rest is their form.
    assert found == pytest.approx(list(rows["odds_next_quarter"]), abs=0.015)
    assert max(found) - min(found) > 0.5
    # Twelve origins of one to three months, and those that the last month ends: 12 + 11 + 10.
    assert set(rows["tested_count"]) == {33}
    assert 0.6 < rows["held_count"].sum() / rows["tested_count"].sum() < 0.95


def test_beyond_a_bound_is_on_its_better_side():
    assert is_beyond(1.01, 1.0, "higher")
    assert not is_beyond(1.0, 1.0, "higher")
    assert is_beyond(-0.01, 0.0, "lower")
    assert not is_beyond(0.01, 0.0, "lower")
