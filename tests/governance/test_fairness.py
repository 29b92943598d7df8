"""The audit of ratings says what the reference says, and of few people that they are few."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from orchestration.demo.rating_draws import NOTHING_PLANTED, RatingPlants, draw_ratings
from orchestration.governance.fairness import COLUMNS, audit_ratings

KEY = [
    *("audit_id", "cycle_id", "stage_code", "attribute_name"),
    *("group_code", "method", "stratum_name", "stratum_id"),
]
# Admitted and rejected men and women of Berkeley's six largest departments (Bickel 1975).
BERKELEY = {
    "A": [(512, 313), (89, 19)], "B": [(353, 207), (17, 8)], "C": [(120, 205), (202, 391)],
    "D": [(138, 279), (131, 244)], "E": [(53, 138), (94, 299)], "F": [(22, 351), (24, 317)],
}  # fmt: skip


def rated(tables, **facts):
    """Ratings of men and women at sites: favourable ones have 4 points, the others 3."""
    rows = [
        (site, group, points)
        for site, table in tables.items()
        for group, counts in zip(("male", "female"), table, strict=True)
        for points, count in zip((4.0, 3.0), counts, strict=True)
        for _ in range(count)
    ]
    frame = pd.DataFrame(rows, columns=["site_id", "group_code", "rating_points"])
    return frame.assign(
        **{
            "audit_id": "ratings",
            "attribute_name": "gender",
            "cycle_id": "R-1973",
            "stage_code": "proposed",
            "employee_id": [f"E{number:05d}" for number in range(len(frame))],
            "rater_id": None,
            "function_id": frame["site_id"],
            "level_code": None,
            "has_consent": True,
            "reference_group_code": "male",
            "favourable_points": 3.5,
            "ratio_cut": 0.8,
            "alpha": 0.05,
            "least_members": 10,
            "site_role": "legitimate",
            "level_role": None,
            **facts,
        }
    )


def only(found, **wanted):
    for column, value in wanted.items():
        found = found[found[column] == value]
    (row,) = found.to_dict("records")
    return row


def counted_out(reference, group):
    """Fisher's p-value and its mid-p, by counting out the tables with these margins."""
    good, first, second = reference[0] + group[0], sum(reference), sum(group)
    ways = [math.comb(first, k) * math.comb(second, good - k) for k in range(good + 1)]
    seen, among = ways[reference[0]], math.comb(first + second, good)
    as_unlikely = sum(way for way in ways if way <= seen)
    return as_unlikely / among, (2 * as_unlikely - seen) / (2 * among)


def test_berkeleys_ratio_is_adverse_and_its_departments_are_told_apart():
    found = audit_ratings(rated(BERKELEY))
    ratio = only(found, method="impact_ratio")

    # The ratio and its Fisher test as in R: 0.3035 of 1,835 against 0.4452 of 2,691.
    assert (ratio["n"], ratio["n_reference"]) == (1835, 2691)
    assert ratio["estimate"] == pytest.approx(0.681829843563068, abs=1e-9)
    # Rows are rounded to ten digits after the point.
    assert ratio["exact_p_value"] == pytest.approx(4.83590317933728e-22, abs=1e-10)
    assert (ratio["verdict"], ratio["is_turned_by_one"]) == ("adverse", False)
    # Departments disagree, so that no pooled odds ratio hides department A, where women are ahead.
    assert only(found, method="stratified")["refusal"].startswith("no_comparison: strata disagree")
    inside = found[found["method"] == "in_stratum"].set_index("stratum_id")
    assert list(inside.index) == list("ABCDEF")
    # R: 1 / fisher.test(department A)$estimate.
    assert inside.loc["A", "estimate"] == pytest.approx(2.8607, abs=1e-3)
    assert inside.loc["A", "verdict"] == "differs"
    for name, table in BERKELEY.items():
        fisher, mid = counted_out(*table)
        assert inside.loc[name, "exact_p_value"] == pytest.approx(fisher, abs=1e-9)
        assert inside.loc[name, "mid_p_value"] == pytest.approx(mid, abs=1e-9)


def test_every_group_is_compared_with_the_reference_by_ranks():
    tables = {"A": [(30, 20), (20, 30)]}
    ratings = rated(tables)
    third = rated({"A": [(0, 0), (45, 5)]}).assign(
        group_code="other", employee_id=[f"X{number}" for number in range(50)]
    )
    found = audit_ratings(pd.concat([ratings, third]))
    found = found[found["method"] == "wilcoxon"].set_index("group_code")

    # By hand: of 50 x 50 pairs, 20 x 20 women ahead and 20 x 30 + 30 x 20 ties; 45 x 20 and 45 x 30
    # + 5 x 20.
    assert list(found.index) == ["female", "other"]
    assert found["estimate"].tolist() == pytest.approx([0.4, (900 + 1450 / 2) / 2500])
    # Two outcomes: the square of the normal statistic is n - 1 over n of chi-square without
    # correction, 4 and 12 of 100.
    chi2_of_the_pairs = np.array([4.0, 100 * (45 * 20 - 5 * 30) ** 2 / (50 * 50 * 75 * 25)])
    expected = chi2.sf(0.99 * chi2_of_the_pairs, 1)
    assert found["p_value"].tolist() == pytest.approx(expected.tolist(), abs=1e-9)
    assert found["verdict"].tolist() == ["differs", "differs"]
    # Two tests: the larger p-value stays, the smaller is doubled unless it passes it.
    assert found.loc["other", "adjusted_p_value"] == pytest.approx(2 * expected[1], abs=1e-9)


def test_a_difference_that_lies_in_the_strata_alone_is_said_to_reverse():
    # Women are rated better at both sites, and most of them work where few are rated well.
    found = audit_ratings(rated({"A": [(160, 40), (17, 3)], "B": [(4, 16), (50, 150)]}))

    assert only(found, method="impact_ratio")["verdict"] == "adverse"
    assert only(found, method="stratified")["verdict"] == "reversed_within_strata"
    assert only(found, method="stratified")["estimate"] > 1


def test_a_stratum_that_may_be_tainted_explains_nothing_away():
    tables = {"A": [(160, 40), (80, 20)], "B": [(20, 80), (40, 160)]}
    found = audit_ratings(rated(tables, site_role="possibly_tainted"))

    assert only(found, method="stratified")["estimate"] == pytest.approx(1)
    assert only(found, method="stratified")["verdict"] == "beside_unstratified"
    assert only(found, method="impact_ratio")["verdict"] == "adverse"
    # And the regression is not held against it.
    assert "within sites" not in only(found, method="ordinal")["convention"]


def test_whoever_does_not_agree_to_the_audit_is_counted_for_coverage_alone():
    ratings = rated({"A": [(60, 40), (40, 60)]})
    silent = ratings.sample(n=80, random_state=1).index
    ratings.loc[silent, "has_consent"] = False
    betrayed = audit_ratings(ratings)
    ratings.loc[silent, "group_code"] = None
    found = audit_ratings(ratings)

    pd.testing.assert_frame_equal(found, betrayed)
    agreeing = ratings[ratings["has_consent"]]
    assert only(found, method="impact_ratio")["n"] == (agreeing["group_code"] == "female").sum()
    coverage = only(found, method="coverage", stratum_name="outcome", stratum_id="*")
    assert (coverage["n"], coverage["estimate"]) == (120, pytest.approx(0.6))


def test_of_a_group_below_the_least_size_there_is_no_figure():
    found = audit_ratings(rated({"A": [(50, 50), (1, 8)]}))
    of_group = found[found["group_code"] == "female"]

    assert len(of_group) == 1
    assert only(of_group, method="impact_ratio")["refusal"].startswith("too_few_readings")
    assert of_group["n"].tolist() == [0]
    assert only(found, group_code="*", method="impact_ratio")["refusal"].startswith("no_comparison")
    assert found.loc[found["attribute_name"] == "gender", "estimate"].isna().all()


def test_a_bias_that_everybody_shares_is_found_and_none_is_invented():
    found = [_women(draw_ratings(seed, RatingPlants(biased_rater_sd=0))) for seed in range(8)]
    none = [_women(draw_ratings(seed, NOTHING_PLANTED)) for seed in range(24)]

    # 465 women among 1,500: 0.7 is six standard errors, and the model is the company's, not the
    # regression's (points of normal spread, cut into five labels).
    slopes = [one.loc["ordinal", "estimate"] for one in found]
    assert np.mean(slopes) == pytest.approx(-0.7, abs=0.12)
    assert all(one.loc["ordinal", "verdict"] == "differs" for one in found)
    assert all(one.loc["impact_ratio", "verdict"] == "adverse" for one in found)
    # One in twenty is what was declared to be put up with (of 100 companies: 3 and 2 in a hundred).
    assert sum(one.loc["ordinal", "verdict"] == "differs" for one in none) <= 3
    assert sum(one.loc["impact_ratio", "verdict"] == "adverse" for one in none) <= 2


def _women(drawn):
    found = audit_ratings(drawn.ratings[drawn.ratings["stage_code"] == "proposed"])
    here = found[found["group_code"] == "female"]
    return here[here["method"].isin(["ordinal", "impact_ratio"])].set_index("method")


def test_one_biased_rater_is_named_and_raters_who_are_severe_to_all_are_not():
    plants = RatingPlants(bias_logit=0, biased_rater_sd=2.5)
    found = audit_ratings(draw_ratings(1, plants).ratings)
    here = found[found["stage_code"] == "proposed"]

    assert here.loc[here["method"] == "rater", "stratum_id"].tolist() == ["R00"]
    assert only(here, method="rater_interaction")["verdict"] == "differs"
    # 2.5 standard deviations of 0.57 points, with an error of 0.21.
    assert only(here, method="rater")["estimate"] == pytest.approx(-1.43, abs=0.6)


def test_a_stage_that_lifts_one_group_is_seen_at_that_stage():
    proposed = rated({"A": [(30, 70), (30, 70)]})
    calibrated = proposed.assign(stage_code="calibrated")
    women = calibrated["group_code"] == "female"
    below = calibrated["rating_points"] == 3.0
    calibrated.loc[calibrated[women & below].index[:30], "rating_points"] = 4.0
    men = calibrated[~women & ~below].index[:10]
    calibrated.loc[men, "rating_points"] = 3.0
    found = audit_ratings(pd.concat([proposed, calibrated], ignore_index=True))

    assert "stage_change" not in set(found.loc[found["stage_code"] == "proposed", "method"])
    moved = only(found, method="stage_change")
    # 30 raised of one group and 10 lowered of the other: 1 of C(40, 10) tables, two-sided.
    assert moved["exact_p_value"] == pytest.approx(1 / 847_660_528, abs=1e-10)
    assert moved["verdict"] == "differs"


def test_consent_that_goes_with_the_outcome_is_said_to_select():
    drawn = draw_ratings(3, RatingPlants(selective_logit=1.0), agree=0.4)
    found = audit_ratings(drawn.ratings)
    final = found[found["stage_code"] == "final"]
    everybody = drawn.ratings[drawn.ratings["stage_code"] == "final"]

    assert only(final, method="coverage", stratum_name="outcome", stratum_id="*")["verdict"] == (
        "selective"
    )
    share = only(final, method="favourable_share")
    true = (everybody["rating_points"] >= 3.5).mean()
    assert share["estimate"] > true
    assert share["low_value"] < true < share["high_value"]


def test_a_key_is_there_once_and_bad_input_stops_no_other_result():
    ratings = draw_ratings(5, agree=0.5).ratings
    ratings.loc[ratings["site_id"] == "US01", "site_id"] = None
    ratings.loc[ratings["site_id"] == "GB01", "rater_id"] = None
    ratings["function_id"] = None
    found = audit_ratings(ratings)

    assert not found.duplicated(KEY).any()
    assert (found["verdict"].notna() | found["refusal"].notna() | found["estimate"].notna()).all()
    assert only(
        found[found["stage_code"] == "final"], method="clustering", stratum_name="function"
    )["refusal"].startswith("too_few_readings")


def test_without_ratings_there_are_the_columns_and_no_row():
    found = audit_ratings(rated({}))

    assert list(found.columns) == list(COLUMNS)
    assert found.empty
