"""Another target moves the score of the months that were and the odds of those to come."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from orchestration.governance.target_impact import simulate

# 36 months of 50 +- 1 up to December 2025: mean 50, deviation 1.
STABLE = np.tile([49.0, 51.0, 51.0, 49.0], 9)


def asked(values, *, first="2023-01", label=("2026-01-01", "2026-12-31"), **changes):
    months = pd.period_range(first, periods=len(values), freq="M").to_timestamp()
    start, end = pd.to_datetime(list(label))
    return pd.DataFrame(
        {
            "act_seq": 7, "act_type": "target.change", "state_code": "waiting",
            "kpi_id": "KPI006", "org_unit_id": "S-DE01", "period_label": "2026",
            "entity_kind": "site", "entity_id": "DE01", "old_levels_code": "earlier",
            "label_start_date": start, "label_end_date": end,
            "direction": "higher", "floor_level": np.nan,
            "old_threshold_level": 48.0, "old_target_level": 51.0, "old_stretch_level": 53.0,
            "new_threshold_level": 46.0, "new_target_level": 49.0, "new_stretch_level": 53.0,
            "period_start_date": months, "computed_value": values,
        }
        | changes
    )  # fmt: skip


def only(frame):
    [row] = simulate(frame).to_dict("records")
    return row


def test_the_last_twelve_months_are_held_against_both_targets():
    row = only(asked(STABLE))

    # Six months of 49 and six of 51. Old: 49 is a third of the way from threshold (5) to target
    # (8), 6 points, and 51 meets it, 8. New: 49 meets it, 8; 51 half way to the stretch, 9.
    assert (row["month_count"], row["old_met_count"], row["new_met_count"]) == (12, 6, 12)
    assert (row["old_mean_score"], row["new_mean_score"]) == (7.0, 8.5)
    # The mean, 50, lies two thirds of the way to the old target and a quarter above the new one.
    assert row["old_expected_score"] == pytest.approx(7.0, abs=1e-6)
    assert row["new_expected_score"] == pytest.approx(8.5, abs=1e-6)


def test_the_odds_of_the_period_are_those_of_the_mean_of_its_months():
    row = only(asked(STABLE))

    assert (row["months_to_come"], row["refusal"]) == (12, None)
    assert row["old_odds_next_month"] < 0.3
    assert row["new_odds_next_month"] > 0.7
    # A mean of twelve months seldom lies a whole deviation from 50.
    assert row["old_odds_rest_of_period"] < 0.02
    assert row["new_odds_rest_of_period"] > 0.98
    # By symmetry around 50 the two odds are each other's complement, drawn from 10,000 futures.
    assert row["old_odds_next_month"] + row["new_odds_next_month"] == pytest.approx(1, abs=0.03)


def test_months_of_the_period_that_are_known_count_in_its_odds():
    # Nine months of 2026 at 60, after three years around 50: their mean alone decides.
    values = np.concatenate([STABLE, np.full(9, 60.0) + np.tile([-0.5, 0.5, 0.0], 3)])
    row = only(asked(values, new_target_level=52.0, new_threshold_level=50.0))

    assert row["months_to_come"] == 3
    # (9 * 60 + 3 * 28) / 12 = 52: the last three would have to fall below 28.
    assert row["new_odds_rest_of_period"] > 0.99


def test_a_period_that_begins_later_is_foreseen_without_the_months_before_it():
    rng = np.random.default_rng(20_261_121)
    values = 50 + rng.standard_normal(36)
    later = only(asked(values, label=("2027-01-01", "2027-01-31"), old_target_level=50.5))

    # One month, thirteen ahead; a stable process forgets: the odds are those of the next month.
    assert later["months_to_come"] == 1
    assert later["old_odds_rest_of_period"] == pytest.approx(later["old_odds_next_month"], abs=0.03)
    spread = values.std(ddof=1) * np.sqrt(1 + 1 / 36)
    # Never narrower than theory, so never further from one half than it says.
    theory = norm.sf((50.5 - values.mean()) / spread)
    assert abs(later["old_odds_rest_of_period"] - 0.5) <= abs(theory - 0.5) + 0.03


def test_a_kpi_that_is_better_when_lower_is_turned():
    levels = {
        "old_threshold_level": 52.0, "old_target_level": 49.0, "old_stretch_level": 47.0,
        "new_threshold_level": 54.0, "new_target_level": 51.0, "new_stretch_level": 47.0,
    }  # fmt: skip
    mirrored, plain = only(asked(STABLE, direction="lower", **levels)), only(asked(STABLE))

    names = ("old_met_count", "new_met_count", "old_mean_score", "new_mean_score")
    assert [mirrored[name] for name in names] == [plain[name] for name in names]


def test_the_floor_of_the_register_counts_where_it_lies_beyond_the_threshold():
    # 45 lies half way from the floor at 42 (0 points) to the threshold at 48 (5); without a floor
    # of the register it is that of the card, 45: as far below 48 as the target is above it.
    low = np.full(12, 45.0)
    assert only(asked(low, floor_level=42.0))["old_mean_score"] == 2.5
    assert only(asked(low))["old_mean_score"] == 0.0


def test_a_short_history_keeps_its_past_and_says_why_nothing_is_foreseen():
    row = only(asked(STABLE[:8]))

    assert (row["month_count"], row["old_met_count"]) == (8, 4)
    assert row["refusal"] == "too_few_readings: 8 months in a row, at least 24 are needed"
    assert np.isnan([row["old_odds_next_month"], row["new_odds_rest_of_period"]]).all()


def test_a_target_where_there_was_none_has_one_side_only():
    missing = {f"old_{name}_level": np.nan for name in ("threshold", "target", "stretch")}
    row = only(asked(STABLE, **missing))

    assert np.isnan([row["old_mean_score"], row["old_odds_next_month"]]).all()
    assert row["old_met_count"] == 0
    assert row["new_mean_score"] == 8.5


def test_nothing_asked_nothing_simulated():
    empty, full = simulate(asked([])), simulate(asked(STABLE))
    assert empty.empty
    assert list(empty.columns) == list(full.columns)
