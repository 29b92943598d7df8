"""A goal falls back to its floor while its KPI is volatile, and returns when that has expired."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from orchestration.governance.goals import score_goals

CALM = [50.0, 52.0] * 12
RULE = {
    "window_months": 6, "baseline_months": 24, "least_ratio": 2.0, "alpha": 0.01,
    "lasts_months": 3,
}  # fmt: skip


def goal(values, *, begins=24, **changes):
    months = pd.period_range("2023-01", periods=len(values), freq="M").to_timestamp()
    levels = {"floor_level": 45.0, "target_level": 50.0, "stretch_level": 56.0}
    frame = pd.DataFrame(
        {
            "goal_id": "G-1",
            "entity_kind": "site",
            "entity_id": "DE01",
            "kpi_id": "KPI006",
            "direction": "higher",
            "period_start_date": months,
            "computed_value": values,
            **levels,
            **RULE,
        }
        | changes
    )
    frame.loc[: begins - 1, list(levels)] = np.nan
    return frame


def test_only_months_of_the_goals_period_are_scored_between_its_levels():
    found = score_goals(goal([*CALM, 50, 47.5, 53, 60, 45], least_ratio=100.0))
    assert list(found["score"]) == pytest.approx([8, 6.5, 9, 10, 5])
    assert set(found["scored_against"]) == {"target"}
    assert found["fallback_until_date"].isna().all()


def test_a_volatile_month_switches_three_and_leaves_evidence_and_expiry():
    # One month far out: its six scatter about five times as wide. Seven calm ones follow.
    found = score_goals(goal([*CALM, 50, 52, 30, *[50, 52] * 4]))
    first = found[found["scored_against"] == "floor"].iloc[0]
    assert first["period_start_date"] == pd.Timestamp("2025-03-01")
    assert first["fallback_from_date"] == dt.date(2025, 3, 1)
    assert first["fallback_until_date"] == dt.date(2025, 5, 31)
    assert (first["recent_count"], first["before_count"]) == (6, 21)
    assert first["spread_ratio"] > 5
    assert first["p_value"] < 0.001
    # The month stays among the newest six until August; the fallback ends two months later.
    volatile = found[found["is_volatile"].astype(bool)]["period_start_date"]
    assert list(volatile) == list(pd.date_range("2025-03-01", periods=6, freq="MS"))
    assert list(found["scored_against"]) == ["target"] * 2 + ["floor"] * 8 + ["target"]
    assert found["fallback_until_date"].dropna().max() == dt.date(2025, 10, 31)


def test_in_the_fallback_the_floor_earns_what_the_target_does_otherwise():
    values = [*CALM, 20, 45, 50, 40]
    found = score_goals(goal(values))
    assert list(found["scored_against"]) == ["floor"] * 4
    # As far below the floor as the target lies above it is worth 5.
    assert list(found["score"]) == pytest.approx([0, 8, 10, 5])


def test_without_floor_or_rule_nothing_falls_back():
    values = [*CALM, 20, 45, 50, 40]
    bare = score_goals(goal(values, floor_level=np.nan))
    assert set(bare["scored_against"]) == {"target"}
    assert bare["is_volatile"].all()
    assert bare["score"].isna().all()
    without = score_goals(goal(values, **dict.fromkeys(RULE, np.nan)))
    assert set(without["scored_against"]) == {"target"}
    assert without["refusal"].str.startswith("no_rule").all()


def test_a_short_history_says_so_and_does_not_switch():
    found = score_goals(goal([50.0, 52.0] * 4 + [20, 80], begins=6))
    assert found["refusal"].str.startswith("too_few_readings").all()
    assert set(found["scored_against"]) == {"target"}


def test_no_goal_is_no_row():
    assert score_goals(goal(CALM).iloc[:0]).empty
