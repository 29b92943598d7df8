"""Checks that all statistics share: what is infinite, and what belongs nowhere."""

import numpy as np
import pytest

from orchestration.statistics.calibration.many_facet import many_facet
from orchestration.statistics.experiments.clustered import fit_clustered
from orchestration.statistics.experiments.handovers import find_handovers, mean_of_changes
from orchestration.statistics.experiments.lagged import lagged_effects
from orchestration.statistics.refusal import Refusal, refuse_infinite, refuse_labels


def test_the_first_infinite_figure_is_named_with_its_place():
    table = np.ones((3, 4))
    table[1, 2] = -np.inf

    assert refuse_infinite(size=[1, np.nan], count=np.zeros(0)) is None
    assert refuse_infinite(size=[1], count=table).detail == "count: the figure at 2, 3 is infinite"


def test_a_missing_label_is_named_with_its_row():
    assert refuse_labels(["a", "b", ""], "group") is None
    assert refuse_labels([1, 2], "group") is None
    assert refuse_labels(["a", None], "group").detail == "the group of row 2 is unknown"
    assert refuse_labels([np.nan, 1.0], "part").detail == "the part of row 1 is unknown"


def by_line():
    rng = np.random.default_rng(1)
    led = np.arange(36) // 14 + 3 * np.arange(20)[:, None]
    return rng.normal(size=(20, 36)), rng.poisson(3, (20, 36)).astype(float), led


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_months_are_refused_where_missing_ones_are_left_out(value):
    outcome, behaviour, led = by_line()
    site, tenure = np.arange(20) // 4, np.arange(20)
    wrong = outcome.copy()
    wrong[3, 3] = value

    assert find_handovers(wrong, led, site).reason == "infinite_value"
    assert mean_of_changes(wrong[3], np.arange(36) // 6).reason == "infinite_value"
    assert lagged_effects(wrong, behaviour, tenure, site).reason == "infinite_value"
    assert lagged_effects(outcome, wrong, tenure, site).reason == "infinite_value"


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_regression_by_clusters_is_of_figures_that_are_there(at, value):
    rng = np.random.default_rng(1)
    given = [rng.normal(size=(24, 1)), rng.normal(size=(24, 1)), np.ones((24, 1))]
    assert not isinstance(fit_clustered(given[0][:, 0], *given[1:], np.arange(24) // 4), Refusal)
    given[at][5] = value
    found = fit_clustered(given[0][:, 0], *given[1:], np.arange(24) // 4)

    assert found.reason == "gap_in_series"


def test_a_score_far_off_the_scale_makes_no_million_of_categories():
    scores = np.array([1.0, 2, 3, 2, 1, 3, 10**12, 2])
    who, by = np.repeat(["a", "b", "c", "d"], 2), np.tile(["x", "y"], 4)

    assert many_facet(scores, {"ratee": who, "rater": by}).reason == "impossible_value"
