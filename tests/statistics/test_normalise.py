"""Ratings without the rater's part: planted truth, laws, and where nothing can be said."""

import numpy as np
import pytest

from orchestration.statistics.calibration.normalise import normalise
from orchestration.statistics.mixed.linear import fit_linear


def panel(rng, *, cycles=3, units=30, size=12, severity_sd=0.3):
    """Units whose rater changes every cycle; who is rated stays."""
    unit, person, cycle = (
        one.ravel() for one in np.meshgrid(range(units), range(size), range(cycles), indexing="ij")
    )
    rater = (unit + 7 * cycle) % units
    severity = rng.normal(0, severity_sd, units)
    severity -= severity.mean()
    tenure = rng.gamma(2, 3, (units, size))[unit, person]
    merit = rng.normal(0, 0.5, (units, size))[unit, person]
    noise = rng.normal(0, 0.15, unit.size)
    points = 3 + merit - severity[rater] + 0.05 * tenure + noise
    keys = {
        "rater": np.array([f"R{one:02d}" for one in rater]),
        "unit": np.array([f"U{one:02d}" for one in unit]),
        "person": np.array([f"P{u:02d}{p:02d}" for u, p in zip(unit, person, strict=True)]),
        "period": np.array([f"C{one}" for one in cycle]),
    }
    return points, keys, {"tenure": tenure}, merit, severity[rater]


@pytest.fixture(scope="module")
def drawn():
    return panel(np.random.default_rng(8))


def test_normalised_points_are_merit_and_raw_ones_merit_and_severity(drawn):
    points, keys, covariates, merit, severity = drawn
    found = normalise(points, **keys, covariates=covariates)
    fair = points + severity - 0.05 * (covariates["tenure"] - covariates["tenure"].mean())

    assert np.corrcoef(found.normalised, merit)[0, 1] > np.corrcoef(points, merit)[0, 1] + 0.1
    # A severity is known from 36 ratings of persons whom two others rated too.
    assert np.sqrt(np.mean((found.normalised - fair) ** 2)) < 0.1
    assert np.corrcoef(found.of_rater, -severity)[0, 1] > 0.95
    held = (found.low <= fair) & (fair <= found.high)
    # Thirty severities: the standard error of 95 % is 4 points.
    assert 0.85 < held.mean() <= 1


def test_parts_add_up_to_the_rating_and_agree_with_the_model_by_its_formula(drawn):
    points, keys, covariates, *_ = drawn
    found = normalise(points, **keys, covariates=covariates)
    table = keys | {"points": points, "tenure": covariates["tenure"]}
    model = fit_linear("points ~ tenure + period + (1 | rater) + (1 | unit) + (1 | person)", table)
    slope = dict(zip(model.names, model.fixed, strict=True))["tenure"]
    tenure = covariates["tenure"] - covariates["tenure"].mean()

    assert found.model.log_likelihood == pytest.approx(model.log_likelihood, abs=1e-6)
    assert found.of_covariates == pytest.approx(slope * tenure, abs=1e-5)
    assert found.normalised + found.of_rater + found.of_covariates == pytest.approx(points)
    assert found.expected + found.residual == pytest.approx(points)


def test_a_rating_far_out_is_an_outlier_and_about_as_many_others_as_chance_has(drawn):
    points, keys, covariates, *_ = drawn
    found = normalise(points, **keys, covariates=covariates)
    moved = points.copy()
    moved[100] += 3
    again = normalise(moved, **keys, covariates=covariates)

    assert again.verdict[100] == "outlier_high"
    others = sum(one != "in_line" for one in found.verdict)
    # 1,080 ratings of 360 persons: 1.2 % of the persons, each up to three times.
    assert others < 1080 * 0.035


def test_few_ratings_and_raters_apart_are_insufficient_and_get_no_figure(drawn):
    points, keys, covariates, *_ = drawn
    few = (keys["rater"] == "R05") & (keys["period"] == "C1")
    left = ~few | (np.cumsum(few) <= 3)
    found = normalise(
        points[left],
        **{name: one[left] for name, one in keys.items()},
        covariates={"tenure": covariates["tenure"][left]},
    )
    said = np.array(found.verdict)
    place = few[left]

    assert set(said[place]) == {"insufficient"}
    assert np.isnan(found.normalised[place]).all()
    assert (found.n_of_rater[place] == 3).all()
    lonely = {name: np.append(one, [f"new {name}"] * 6) for name, one in keys.items()}
    lonely["person"][-6:] = [f"X{n}" for n in range(6)]
    lonely["period"][-6:] = "C1"
    apart = normalise(
        np.append(points, np.linspace(1, 4, 6)),
        **lonely,
        covariates={"tenure": np.append(covariates["tenure"], np.ones(6))},
    )
    assert set(apart.verdict[-6:]) == {"not_separable"}
    assert np.isnan(apart.z[-6:]).all()


def test_what_is_missing_has_no_verdict_and_what_says_nothing_is_left_out(drawn):
    points, keys, covariates, *_ = drawn
    some, tenure = points.copy(), covariates["tenure"].copy()
    some[0], tenure[1] = np.nan, np.nan
    found = normalise(
        some, **keys, covariates={"tenure": tenure, "same": np.ones(points.size),
                                  "cycle": keys["period"]},
    )  # fmt: skip

    assert found.verdict[:2] == ("none", "none")
    assert found.covariates == ("tenure",)
    assert found.left_out == ("same", "cycle")


def test_all_points_higher_change_no_verdict(drawn):
    points, keys, covariates, *_ = drawn
    found = normalise(points, **keys, covariates=covariates)
    higher = normalise(points + 10, **keys, covariates=covariates)

    assert higher.verdict == found.verdict
    assert higher.normalised == pytest.approx(found.normalised + 10, abs=1e-5)


def test_one_rater_and_endless_points_are_refused_by_name(drawn):
    points, keys, covariates, *_ = drawn
    one = normalise(points, **keys | {"rater": ["R"] * points.size}, covariates=covariates)
    broken = normalise(np.where(points > 4, np.inf, points), **keys, covariates=covariates)

    assert one.reason == "no_comparison"
    assert broken.reason == "infinite_value"
