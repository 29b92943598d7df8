"""What is said of raters: severity only by changes, agreement only of several."""

import numpy as np
import pandas as pd
import pytest

from orchestration.demo.rating_draws import RatingPlants, draw_ratings
from orchestration.governance.raters import COLUMNS, judge_raters

KEY = ["source_code", "cycle_id", "relationship_code", "rater_id", "item_id", "method"]


def proposed(cycles):
    drawn = draw_ratings(11, RatingPlants(bias_logit=0, biased_rater_sd=0), cycles=cycles)
    own = drawn.ratings[drawn.ratings["stage_code"] == "proposed"]
    return drawn.severity, pd.DataFrame(
        {
            "source_code": "ratings",
            "cycle_id": own["cycle_id"],
            "ratee_id": own["employee_id"],
            "rater_id": own["rater_id"],
            "relationship_code": "manager",
            "item_id": "rating",
            "score": own["rating_points"],
        }
    )


def feedback(rng, *, subjects=150, raters=4, severity_sd=0.4):
    """Peers who each rate four leaders on six items."""
    skill, severity = rng.normal(0, 0.45, subjects), rng.normal(0, severity_sd, subjects)
    rows = [
        ("F-1", f"L{subject:03d}", f"T{(subject + step) % subjects:03d}", "peer", f"B{item}",
         np.clip(np.rint(3.0 + skill[subject] - severity[(subject + step) % subjects]
                         + 0.1 * (item - 2.5) + rng.normal(0, 0.8)), 1, 5))
        for subject in range(subjects) for step in range(1, raters + 1) for item in range(6)
    ]  # fmt: skip
    columns = ["cycle_id", "ratee_id", "rater_id", "relationship_code", "item_id", "score"]
    return pd.DataFrame(rows, columns=columns).assign(source_code="feedback_360")


def test_planted_severities_are_found_once_teams_change_managers():
    severity, ratings = proposed(cycles=5)
    found = judge_raters(ratings)
    of_raters = found[found["method"] == "severity"].set_index("rater_id")
    shown = of_raters[of_raters["estimate"].notna()]

    assert len(of_raters) == 40
    assert len(shown) >= 25
    assert shown["estimate"].corr(severity[shown.index]) > 0.95
    assert shown.loc["R01", "verdict"] == "severe"
    assert shown.loc["R02", "verdict"] == "lenient"
    assert (of_raters.loc[of_raters["estimate"].isna(), "n_shared"] < 5).all()
    # 0.35 of all raters, and the two who stand out.
    spread = found[found["method"] == "severity_spread"].iloc[0]
    assert spread["estimate"] == pytest.approx(0.4, abs=0.12)


def test_managers_who_differ_no_more_than_chance_have_no_figure_and_say_why():
    ratee, rater = (part.ravel() for part in np.meshgrid(np.arange(12), np.arange(3)))
    alike = proposed(cycles=1)[1].iloc[[0] * 36].reset_index(drop=True).assign(
        rater_id=[f"R{one}" for one in rater],
        ratee_id=[f"E{one}" for one in ratee],
        score=3.0 + ratee % 3 + 0.5 * ((ratee + rater) % 3 == 0),
    )  # fmt: skip
    found = judge_raters(alike)
    of_raters = found[found["method"] == "severity"]

    assert of_raters["n_shared"].tolist() == [12] * 3
    said = ["estimate", "sd", "low_value", "high_value", "verdict"]
    assert of_raters[said].isna().all(axis=None)
    assert of_raters["refusal"].str.startswith("singular: ").all()


def test_one_cycle_tells_severity_from_no_team():
    _, ratings = proposed(cycles=1)
    (row,) = judge_raters(ratings).to_dict("records")

    assert row["refusal"].startswith("no_comparison: nobody was rated by two raters")
    assert np.isnan(row["estimate"])


def test_spread_of_tokens_is_told_and_no_token_is_judged():
    found = judge_raters(feedback(np.random.default_rng(5)))
    spread = found[found["method"] == "severity_spread"].iloc[0]

    assert set(found["rater_id"]) == {"*"}
    assert spread["estimate"] == pytest.approx(0.4, abs=0.12)
    none = judge_raters(feedback(np.random.default_rng(5), severity_sd=0))
    assert none[none["method"] == "severity_spread"].iloc[0]["estimate"] < 0.1


def test_hard_items_are_hard_and_agreement_falls_with_severity():
    strict = judge_raters(feedback(np.random.default_rng(6), severity_sd=0.6))
    alike = judge_raters(feedback(np.random.default_rng(6), severity_sd=0))
    items = alike[alike["method"] == "partial_credit"].set_index("item_id")["estimate"]

    # Each item is scored higher than the one before, so that each is easier.
    assert list(items.index) == [f"B{item}" for item in range(6)]
    assert (items.diff().dropna() < 0).all()
    agreement = [
        one.loc[one["method"] == "agreement", "estimate"].iloc[0] for one in (strict, alike)
    ]
    assert agreement[0] < agreement[1]
    # Skill 0.45 against means of six scores with noise of 0.8 and rounding.
    # And items of which nobody used the lowest score have other steps than the others.
    few = judge_raters(feedback(np.random.default_rng(6), subjects=12))
    (refused,) = few[few["method"] == "partial_credit"].to_dict("records")
    assert "not every item was given every score" in refused["refusal"]
    assert agreement[1] == pytest.approx(0.2025 / (0.2025 + (0.64 + 1 / 12) / 6), abs=0.12)


def test_each_result_has_one_row_and_no_ratings_none():
    _, ratings = proposed(cycles=2)
    both = pd.concat([ratings, feedback(np.random.default_rng(1))], ignore_index=True)

    assert not judge_raters(both).duplicated(KEY).any()
    empty = judge_raters(both.iloc[:0])
    assert list(empty.columns) == list(COLUMNS)
    assert empty.empty
