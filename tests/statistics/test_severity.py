"""Severity of raters: REML by another solver, teams that mislead, laws, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.demo.rating_draws import RatingPlants, draw_ratings
from orchestration.statistics.calibration.severity import rater_severity
from orchestration.statistics.mixed.linear import fit_linear
from orchestration.statistics.refusal import (
    INFINITE_VALUE,
    NO_COMPARISON,
    NO_VALUE,
    NO_VARIATION,
    TOO_FEW_READINGS,
)


def changing(rng, *, raters=10, team=12, cycles=3, team_sd=0.0):
    """Points of teams whose ratees change raters one by one."""
    ratees = raters * team
    severity, talent = rng.normal(0, 0.4, raters), rng.normal(0, 0.5, ratees)
    rater = np.repeat(np.arange(raters), team)
    talent += team_sd * rng.normal(size=raters)[rater]
    rows = []
    for cycle in range(cycles):
        points = 3 + 0.2 * cycle + talent - severity[rater] + rng.normal(0, 0.2, ratees)
        rows.append((points, rater.copy(), np.arange(ratees), np.full(ratees, cycle)))
        moving = rng.random(ratees) < 0.2
        rater[moving] = rng.integers(raters, size=moving.sum())
    return tuple(np.concatenate(column) for column in zip(*rows, strict=True)), severity


def test_variances_and_severities_are_those_of_the_mixed_model():
    (points, rater, ratee, cycle), _ = changing(np.random.default_rng(2))
    found = rater_severity(points, rater, ratee, cycle, fewest=1)
    # The same model by the general solver: a dummy for each ratee, raters random.
    table = {
        "y": -points,
        "ratee": np.char.mod("E%03d", ratee),
        "cycle": np.char.mod("C%d", cycle),
        "rater": np.char.mod("R%d", rater),
    }
    oracle = fit_linear("y ~ ratee + cycle + (1|rater)", table)
    of_raters = oracle.effects[0]

    assert (found.between, found.residual) == pytest.approx(
        (oracle.components[0].value, oracle.residual_variance), rel=1e-5
    )
    assert [f"R{name}" for name in found.raters] == list(of_raters.levels)
    assert found.severity == pytest.approx(of_raters.effect[:, 0], abs=1e-5)
    assert found.sd == pytest.approx(of_raters.sd[:, 0], rel=1e-4)


def test_a_weak_team_is_no_severe_rater():
    errors, raw_errors, held = [], [], []
    for seed in range(10):
        rows, severity = changing(np.random.default_rng(seed), team_sd=0.6)
        found = rater_severity(*rows, fewest=1)
        true = severity - severity.mean()
        points, rater = rows[:2]
        raw = np.array([-points[rater == one].mean() for one in range(severity.size)])
        errors.append(np.corrcoef(found.severity, true)[0, 1])
        raw_errors.append(np.corrcoef(raw, true)[0, 1])
        held.append(np.mean((found.low <= true) & (true <= found.high)))

    assert np.mean(errors) > 0.97
    assert np.mean(raw_errors) < 0.85
    assert np.mean(held) > 0.9


def test_of_a_rater_whose_ratees_never_change_nothing_is_said():
    (points, rater, ratee, cycle), _ = changing(np.random.default_rng(3))
    alone = np.arange(20)
    found = rater_severity(
        np.append(points, 1.0 + 0.1 * (alone % 7)),
        np.append(rater, np.full(20, 99)),
        np.append(ratee, 900 + alone % 10),
        np.append(cycle, alone // 10),
    )
    at = list(found.raters).index("99")

    assert found.verdict[at] == "not_separable"
    assert np.isnan([found.severity[at], found.sd[at], found.low[at], found.high[at]]).all()
    assert (found.n[at], found.shared[at]) == (10, 0)
    # Nor do the ratings of such a team move those of the others.
    rest = rater_severity(points, rater, ratee, cycle)
    assert np.delete(found.severity, at) == pytest.approx(rest.severity, abs=0.05, nan_ok=True)


def test_severe_and_lenient_raters_are_named_and_the_mean_ones_are_not():
    plants = RatingPlants(bias_logit=0, biased_rater_sd=0, severity_sd=0.1, severe_points=0.8)
    ratings = draw_ratings(7, plants, cycles=4).ratings
    own = ratings[ratings["stage_code"] == "proposed"]
    found = rater_severity(
        own["rating_points"], own["rater_id"], own["employee_id"], own["cycle_id"]
    )
    verdict = dict(zip(found.raters.tolist(), found.verdict, strict=True))

    assert verdict["R01"] == "severe"
    assert verdict["R02"] == "lenient"
    at = list(found.raters).index("R01")
    assert found.severity[at] == pytest.approx(0.8, abs=0.25)


@settings(max_examples=20, deadline=None)
@given(st.floats(-5, 5), st.floats(0.1, 10), st.integers(0, 5))
def test_shift_changes_nothing_and_scale_scales(shift, scale, seed):
    (points, rater, ratee, cycle), _ = changing(np.random.default_rng(seed), raters=5, team=6)
    one = rater_severity(points, rater, ratee, cycle, fewest=1)
    other = rater_severity(shift + scale * points, rater, ratee, cycle, fewest=1)
    order = np.random.default_rng(seed).permutation(points.size)
    mixed = rater_severity(points[order], rater[order], ratee[order], cycle[order], fewest=1)

    assert other.severity == pytest.approx(
        scale * one.severity, rel=1e-4, abs=1e-6 * scale, nan_ok=True
    )
    assert mixed.severity == pytest.approx(one.severity, rel=1e-4, abs=1e-6, nan_ok=True)
    assert mixed.verdict == one.verdict


@pytest.mark.parametrize(
    ("points", "rater", "ratee", "reason"),
    [
        ([np.nan, np.nan], "ab", "xy", NO_VALUE),
        ([np.inf, 1, 2], "aab", "xyx", INFINITE_VALUE),
        ([1, 2, 3], "aaa", "xyz", NO_COMPARISON),
        ([1, 2, 3, 4], "aabb", "wxyz", NO_COMPARISON),
        ([1, 2], "ab", "xx", TOO_FEW_READINGS),
        ([1, 2, 1, 2, 1, 2], "ababab", "xxyyzz", NO_VARIATION),
    ],
)
def test_what_cannot_be_told_is_refused(points, rater, ratee, reason):
    period = np.zeros(len(points))

    assert rater_severity(points, list(rater), list(ratee), period).reason == reason


def test_columns_of_other_lengths_are_an_error():
    with pytest.raises(ValueError, match="differ in shape"):
        rater_severity([1, 2], ["a"], ["x", "y"], [0, 0])


def test_raters_who_differ_no_more_than_chance_have_no_interval_that_looks_certain():
    # Every ratee is given the same whole points once more by each rater, in turn: no severity.
    ratee, rater = (part.ravel() for part in np.meshgrid(np.arange(12), np.arange(3)))
    points = 3.0 + ratee % 3 + 0.5 * ((ratee + rater) % 3 == 0)
    found = rater_severity(points, rater, ratee, np.zeros(36))

    assert found.singular
    assert found.between == 0
    assert found.severity.tolist() == [0.0] * 3
    assert np.isnan([found.sd, found.low, found.high]).all()
    assert found.verdict == ("not_distinguishable",) * 3
