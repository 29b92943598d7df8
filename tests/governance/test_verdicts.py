"""Meaning is given to a figure and to a signal only by the KPI's direction and target."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.governance.verdicts import assurance, band, variation

OEE = {"threshold": 60.0, "target": 70.0, "stretch": 80.0, "direction": "higher"}
SCRAP = {"threshold": 5.0, "target": 3.0, "stretch": 1.0, "direction": "lower"}
SPAN = {"threshold": 4.0, "target": 6.0, "stretch": 8.0, "direction": "band"}


@pytest.mark.parametrize(
    ("value", "levels", "expected"),
    [
        (59.9, OEE, "worse_than_threshold"),
        (60, OEE, "threshold"),
        (70, OEE, "target"),
        (80, OEE, "stretch"),
        (5.1, SCRAP, "worse_than_threshold"),
        (5, SCRAP, "threshold"),
        (3, SCRAP, "target"),
        (1, SCRAP, "stretch"),
        # Ideal 8; 6 to 10 meets the target, 4 to 12 the threshold.
        (3.9, SPAN, "worse_than_threshold"),
        (12, SPAN, "threshold"),
        (10, SPAN, "target"),
        (8, SPAN, "stretch"),
        (12.1, SPAN, "worse_than_threshold"),
    ],
)
def test_a_value_on_a_level_has_reached_it(value, levels, expected):
    assert band(value, **levels).tolist() == [expected]


@pytest.mark.parametrize(
    ("value", "levels", "expected"),
    [
        (np.nan, OEE, "not_measured"),
        (65, OEE | {"target": np.nan}, "no_target"),
        (65, OEE | {"direction": "neutral"}, "no_target"),
        (9, SPAN | {"stretch": np.nan}, "no_target"),
        (65, OEE | {"threshold": np.nan}, "worse_than_threshold"),
        (99, OEE | {"stretch": np.nan}, "target"),
    ],
)
def test_what_was_not_measured_or_has_no_target_says_so(value, levels, expected):
    assert band(value, **levels).tolist() == [expected]


def test_levels_that_contradict_each_other_are_said_and_stop_no_other_cell():
    bands = band([65, 65], **OEE | {"threshold": [75, 60]})

    assert bands.tolist() == ["levels_out_of_order", "threshold"]


def test_an_unknown_direction_is_refused():
    with pytest.raises(ValueError, match="unknown direction up"):
        band(1, **OEE | {"direction": "up"})


@pytest.mark.parametrize(
    ("side", "direction", "expected"),
    [
        (1, "higher", "special_cause_improving"),
        (-1, "higher", "special_cause_deteriorating"),
        (1, "lower", "special_cause_deteriorating"),
        (-1, "lower", "special_cause_improving"),
        (1, "neutral", "special_cause_neutral"),
        (-1, "band", "special_cause_neutral"),
        (0, "higher", "common_cause"),
    ],
)
def test_a_signal_is_good_or_bad_by_direction_alone(side, direction, expected):
    meant = variation(side, is_signal=side != 0, is_charted=True, direction=direction)

    assert meant.tolist() == [expected]


def test_a_signal_without_a_side_is_a_signal_and_neither_good_nor_bad():
    meant = variation(0, is_signal=True, is_charted=True, direction="higher")

    assert meant.tolist() == ["special_cause_neutral"]


def test_an_uncharted_reading_has_no_variation_verdict():
    meant = variation(0, is_signal=False, is_charted=False, direction="lower")

    assert meant.tolist() == ["not_charted"]


def test_a_reading_that_is_no_signal_has_no_side():
    with pytest.raises(ValueError, match="cell 1"):
        variation([1, 1], is_signal=[True, False], is_charted=True, direction="higher")


@pytest.mark.parametrize(
    ("target", "direction", "expected"),
    [
        (40, "higher", "will_meet"),
        (50, "higher", "will_meet"),
        (60, "higher", "hit_and_miss"),
        (70, "higher", "hit_and_miss"),
        (71, "higher", "will_miss"),
        (40, "lower", "will_miss"),
        (50, "lower", "hit_and_miss"),
        (70, "lower", "will_meet"),
        (60, "neutral", "not_assessable"),
        (np.nan, "higher", "not_assessable"),
    ],
)
def test_assurance_compares_limits_of_50_to_70_with_the_target(target, direction, expected):
    verdict = assurance(lcl=50, ucl=70, target=target, direction=direction, is_charted=True)

    assert verdict.tolist() == [expected]


@pytest.mark.parametrize(
    ("target", "expected"),
    [(5, "hit_and_miss"), (4, "will_meet"), (7, "hit_and_miss"), (11.5, "hit_and_miss")],
)
def test_a_band_is_met_on_both_sides_of_its_ideal(target, expected):
    # Ideal 8. Limits 5 to 12: within 4 of the ideal, but not within 3 or 1 or 3.5.
    verdict = assurance(lcl=5, ucl=12, target=target, stretch=8, direction="band", is_charted=True)

    assert verdict.tolist() == [expected]


def test_a_band_that_the_limits_lie_beside_will_be_missed():
    verdict = assurance(lcl=13, ucl=20, target=6, stretch=8, direction="band", is_charted=True)

    assert verdict.tolist() == ["will_miss"]


def test_an_uncharted_process_gives_no_assurance():
    verdict = assurance(lcl=50, ucl=70, target=40, direction="higher", is_charted=False)

    assert verdict.tolist() == ["not_assessable"]


figure = st.floats(-1e6, 1e6)


@given(figure, figure, st.floats(0, 1e6))
def test_lower_is_better_is_higher_is_better_mirrored(value, lcl, width):
    up = {"threshold": -5.0, "target": 0.0, "stretch": 5.0, "direction": "higher"}
    down = {"threshold": 5.0, "target": 0.0, "stretch": -5.0, "direction": "lower"}
    assert band(value, **up).tolist() == band(-value, **down).tolist()

    limits = {"lcl": lcl, "ucl": lcl + width, "target": 0.0, "is_charted": True}
    mirrored = {"lcl": -lcl - width, "ucl": -lcl, "target": 0.0, "is_charted": True}
    one = assurance(**limits, direction="higher")
    other = assurance(**mirrored, direction="lower")
    assert one.tolist() == other.tolist()
