"""The score of a cell and of a card."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.governance.score import score

OEE = {"floor": 40.0, "threshold": 60.0, "target": 70.0, "stretch": 80.0, "direction": "higher"}
SCRAP = {"floor": 9.0, "threshold": 5.0, "target": 3.0, "stretch": 1.0, "direction": "lower"}
SPAN = {"floor": 0.0, "threshold": 4.0, "target": 6.0, "stretch": 8.0, "direction": "band"}


def test_the_score_is_0_5_8_and_10_at_the_levels_and_linear_between():
    values = [30, 40, 50, 60, 65, 70, 75, 80, 90]

    assert score(values, **OEE).tolist() == [0, 0, 2.5, 5, 6.5, 8, 9, 10, 10]


def test_the_score_is_mirrored_where_less_is_better():
    assert score([10, 9, 7, 5, 4, 3, 2, 1, 0], **SCRAP).tolist() == [
        0, 0, 2.5, 5, 6.5, 8, 9, 10, 10,
    ]  # fmt: skip


def test_a_band_scores_by_distance_from_its_ideal():
    assert score([0, 4, 6, 8, 10, 12, 16, 30], **SPAN).tolist() == [0, 5, 8, 10, 8, 5, 0, 0]


def test_without_a_floor_the_line_goes_on_to_zero():
    # 10 points of OEE are worth 3; so 5 are worth 16.67 points.
    levels = OEE | {"floor": np.nan}

    assert score([60 - 50 / 3, 50], **levels) == pytest.approx([0, 2])


def test_without_a_stretch_level_nothing_is_worth_more_than_the_target():
    assert score([70, 99], **OEE | {"stretch": np.nan}).tolist() == [8, 8]


def test_where_two_levels_are_one_reaching_it_earns_the_higher_score():
    assert score([69, 70, 80], **OEE | {"threshold": 70.0}).tolist() == [
        pytest.approx(29 / 30 * 5), 8, 10,
    ]  # fmt: skip
    assert score([69, 70], **OEE | {"stretch": 70.0}).tolist() == [pytest.approx(7.7), 10]


def test_levels_that_contradict_each_other_give_no_score():
    assert np.isnan(score([65, 65], **OEE | {"target": [50, 70]})).tolist() == [True, False]


@pytest.mark.parametrize(
    "missing",
    [{"threshold": np.nan}, {"target": np.nan}, {"direction": "neutral"}],
)
def test_a_cell_without_levels_has_no_score(missing):
    assert np.isnan(score(65, **OEE | missing)).all()


def test_an_unmeasured_cell_has_no_score():
    assert np.isnan(score(np.nan, **OEE)).all()


@given(st.floats(-200, 200), st.floats(-200, 200))
def test_a_better_value_never_scores_less(one, other):
    worse, better = sorted([one, other])

    assert score(worse, **OEE)[0] <= score(better, **OEE)[0]
