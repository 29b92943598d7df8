"""A trial is judged by what was declared before it, and by lines that it did not touch."""

import numpy as np
import pandas as pd
import pytest

from orchestration.demo.pilot_draws import MONTHS, draw_pilot
from orchestration.governance.trials import COLUMNS, judge_trials
from orchestration.statistics.experiments.difference import panel, two_way_fixed_effects
from orchestration.statistics.experiments.staggered import imputed_effects

KEY = ["trial_id", "method", "part_id"]


def row(found, method, part="*"):
    (only,) = found[(found["method"] == method) & (found["part_id"] == part)].to_dict("records")
    return only


def test_two_waves_are_judged_by_imputation_and_one_by_two_way_effects():
    waves, one = draw_pilot(1), draw_pilot(1, starts=(12,))
    in_waves, at_once = judge_trials(waves), judge_trials(one)

    made = panel(
        waves["computed_value"],
        (waves["period_start_date"] >= waves["starts_on_date"]).astype(float),
        waves["line_id"],
        waves["period_start_date"],
    )
    direct = imputed_effects(made)
    decision = row(in_waves, "decision")
    assert decision["estimate"] == pytest.approx(direct.effect, abs=1e-9)
    assert decision["low_value"] == pytest.approx(direct.low, abs=1e-9)
    assert (decision["n_treated"], decision["n_compared"], decision["n"]) == (12, 28, 960)
    assert row(in_waves, "two_way")["refusal"].startswith("no_comparison: 2 waves")
    assert set(in_waves["method"]) == {
        *("decision", "two_way", "permutation", "imputation", "pre_trend", "drift", "selection")
    }

    made = panel(
        one["computed_value"],
        (one["period_start_date"] >= one["starts_on_date"]).astype(float),
        one["line_id"],
        one["period_start_date"],
    )
    direct = two_way_fixed_effects(made)
    decision = row(at_once, "decision")
    assert decision["estimate"] == pytest.approx(direct.coefficient[0], abs=1e-9)
    assert decision["freedom"] == pytest.approx(direct.freedom[0], abs=1e-9)
    # All months but the last before the start, which the others are measured from.
    study = at_once[at_once["method"] == "event_study"]
    assert len(study) == MONTHS - 1
    assert "month 2024-12" not in set(study["part_id"])


def test_planted_effects_are_found_and_none_is_invented():
    found = [judge_trials(draw_pilot(seed)) for seed in range(12)]
    none = [judge_trials(draw_pilot(seed, effect=0)) for seed in range(12)]
    effects = [row(one, "decision") for one in found]

    assert np.mean([one["estimate"] for one in effects]) == pytest.approx(0.02, abs=0.002)
    assert sum(one["low_value"] <= 0.02 <= one["high_value"] for one in effects) >= 10
    said = [one["verdict"] for one in effects]
    assert said.count("worth_it") + said.count("too_small") + said.count("not_comparable") == 12
    assert said.count("worth_it") >= 9
    # At most one in twenty finds an effect, and one in ten calls the lines not comparable.
    invented = [row(one, "decision")["verdict"] for one in none]
    assert invented.count("no_effect_shown") >= 9


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ({"effect": 0.03}, "worth_it"),
        ({"effect": 0.03, "smallest_effect": 0.08}, "too_small"),
        ({"effect": 0.0}, "no_effect_shown"),
        ({"effect": -0.03}, "harm"),
        ({"effect": -0.03, "direction": "lower"}, "worth_it"),
        ({"effect": 0.03, "direction": "lower"}, "harm"),
    ],
)
def test_an_effect_is_held_against_what_was_declared(facts, verdict):
    found = judge_trials(draw_pilot(3, **facts))

    assert row(found, "decision")["verdict"] == verdict


def test_lines_that_drifted_apart_before_are_not_comparable():
    readings = draw_pilot(3, effect=0)
    month = readings["period_start_date"].dt.month + 12 * readings["period_start_date"].dt.year
    drift = 0.003 * (month - month.min()) * readings["starts_on_date"].notna()
    found = judge_trials(readings.assign(computed_value=readings["computed_value"] + drift))

    assert row(found, "decision")["verdict"] == "not_comparable"
    assert row(found, "drift")["estimate"] == pytest.approx(0.003, abs=0.001)


def test_lines_chosen_for_a_slump_are_not_comparable():
    readings = draw_pilot(3, effect=0)
    is_dip = readings["starts_on_date"].notna() & (readings["period_start_date"] == "2024-12-01")
    found = judge_trials(readings.assign(computed_value=readings["computed_value"] - 0.05 * is_dip))

    assert row(found, "selection")["verdict"] == "chosen_for_it"
    assert row(found, "selection")["estimate"] == pytest.approx(-0.05, abs=0.015)
    assert row(found, "decision")["verdict"] == "not_comparable"


@pytest.mark.parametrize(
    ("readings", "reason"),
    [
        (lambda: draw_pilot(1, treated=3, starts=(12,)), "too_few_clusters"),
        (
            lambda: draw_pilot(1).assign(starts_on_date=pd.NaT),
            "no_comparison: nobody was treated",
        ),
        (lambda: draw_pilot(1).assign(computed_value=0.3), "no_variation: the outcome follows"),
        (
            lambda: draw_pilot(1).assign(direction="neutral"),
            "no_comparison: the KPI has no better side",
        ),
        (
            lambda: draw_pilot(1).iloc[:1].assign(line_id=None),
            "no_value: the KPI has no final monthly reading of a line",
        ),
    ],
)
def test_a_trial_that_cannot_be_judged_says_why(readings, reason):
    decision = row(judge_trials(readings()), "decision")

    assert decision["refusal"].startswith(reason)
    assert pd.isna(decision["verdict"])


def test_one_trial_that_is_refused_stops_no_other():
    good, bad = draw_pilot(1), draw_pilot(1, treated=2)
    found = judge_trials(pd.concat([bad.assign(trial_id="a"), good.assign(trial_id="b")]))

    assert not found.duplicated(KEY).any()
    assert row(found[found["trial_id"] == "a"], "decision")["refusal"].startswith("too_few")
    assert row(found[found["trial_id"] == "b"], "decision")["verdict"] == "worth_it"


def test_without_trials_there_are_the_columns_and_no_row():
    found = judge_trials(draw_pilot(1).iloc[:0])

    assert list(found.columns) == list(COLUMNS)
    assert found.empty
