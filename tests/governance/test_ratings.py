"""Ratings of a company, normalised: rows, refusals, and the same for the same rows."""

import numpy as np
import pandas as pd
import pytest

from orchestration.demo.rating_draws import RatingPlants, draw_ratings
from orchestration.governance.ratings import COLUMNS, normalise_ratings


@pytest.fixture(scope="module")
def ratings():
    drawn = draw_ratings(11, RatingPlants(bias_logit=0, biased_rater_sd=0), cycles=4)
    own = drawn.ratings[drawn.ratings["stage_code"] == "proposed"]
    own = own.drop_duplicates(["cycle_id", "employee_id"]).reset_index(drop=True)
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(
        {
            "cycle_id": own["cycle_id"],
            "employee_id": own["employee_id"],
            "rater_id": own["rater_id"],
            "org_unit_id": own["function_id"],
            "stage_code": "proposed",
            "rating_points": own["rating_points"].astype(float),
            "machine_count": 0,
            "level_code": "L1",
            "tenure_years": rng.gamma(2, 3, len(own)),
            "least_ratees": 5,
            "outlier_residual": 2.5,
        }
    )
    sizes = rows.groupby(["cycle_id", "org_unit_id"])["employee_id"].transform("size")
    return drawn.severity, rows.assign(unit_size=sizes)


def test_what_severe_raters_took_off_is_given_back(ratings):
    severity, rows = ratings
    found = normalise_ratings(rows)
    of_raters = found.dropna(subset=["rater_points"]).groupby("rater_id")["rater_points"].mean()

    assert of_raters.corr(-severity[of_raters.index]) > 0.9
    assert set(found["raw_points"].isna()) == {False}
    shown = found["verdict"].notna()
    assert (shown ^ found["refusal"].notna()).all()
    assert found.loc[shown, "verdict"].str.startswith("outlier").mean() < 0.03


def test_raw_ratings_are_kept_where_nothing_can_be_said(ratings):
    _, rows = ratings
    found = normalise_ratings(rows[rows["rater_id"] == rows["rater_id"].iloc[0]])

    assert found["raw_points"].notna().all()
    assert found["normalised_points"].isna().all()
    assert found["refusal"].str.startswith("no_comparison").all()


def test_the_order_of_rows_changes_nothing_and_no_rows_give_none(ratings):
    _, rows = ratings
    pd.testing.assert_frame_equal(
        normalise_ratings(rows), normalise_ratings(rows.sample(frac=1, random_state=5))
    )
    assert list(normalise_ratings(rows.iloc[:0]).columns) == list(COLUMNS)
