"""Checks that all statistics share: what is infinite, and what belongs nowhere."""

import numpy as np
import pytest

from orchestration.statistics.experiments.handovers import find_handovers, mean_of_changes
from orchestration.statistics.experiments.lagged import lagged_effects
from orchestration.statistics.refusal import refuse_infinite, refuse_labels


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
