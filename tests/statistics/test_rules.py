"""The flat kernel against the rules' wording, a slow oracle, and symmetry."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.statistics.spc.rules import flag_runs

UNIT = {"centre": 0.0, "sigma": 1.0, "lower": -3.0, "upper": 3.0}


def one_by_one(values, run_length):
    """Nelson 1 and 2 as the paper words them, one point after the other."""
    rule_1, rule_2, run, last = [], [], 0, 0
    for value in values:
        rule_1.append(0 if math.isnan(value) else (value > 3 + 1e-9) - (value < -3 - 1e-9))
        side = 0 if math.isnan(value) else (value > 1e-9) - (value < -1e-9)
        run = run + 1 if side == last and side != 0 else abs(side)
        last = side
        rule_2.append(side if run >= run_length else 0)
    return rule_1, rule_2


points = st.sampled_from([-4.0, -3.0, -1.0, 0.0, 1e-10, 0.5, 1.0, 3.0, 3.5, math.nan])
series = st.lists(st.lists(points, min_size=1, max_size=30), min_size=1, max_size=6)


@given(series, st.integers(2, 9))
def test_the_flat_kernel_is_the_rule_applied_point_by_point(several, run_length):
    start = np.cumsum([0] + [len(one) for one in several[:-1]])
    flags = flag_runs(np.concatenate(several), series_start=start, run_length=run_length, **UNIT)

    expected = [one_by_one(one, run_length) for one in several]
    assert flags.rule_1.tolist() == [flag for one, _ in expected for flag in one]
    assert flags.rule_2.tolist() == [flag for _, two in expected for flag in two]


@given(st.lists(points, min_size=1, max_size=40))
def test_a_mirrored_series_signals_on_the_other_side(values):
    flags = flag_runs(values, run_length=4, **UNIT)
    mirrored = flag_runs(-np.array(values), run_length=4, **UNIT)

    assert mirrored.rule_1.tolist() == (-flags.rule_1).tolist()
    assert mirrored.rule_2.tolist() == (-flags.rule_2).tolist()


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=40), st.integers(1, 64))
def test_signals_do_not_depend_on_the_unit(values, scale):
    flags = flag_runs(values, run_length=5, **UNIT)
    scaled = flag_runs(
        np.array(values) * scale + 7,
        centre=7,
        sigma=scale,
        lower=7 - 3 * scale,
        upper=7 + 3 * scale,
        run_length=5,
    )

    assert scaled.rule_1.tolist() == flags.rule_1.tolist()
    assert scaled.rule_2.tolist() == flags.rule_2.tolist()


def test_a_point_on_a_limit_is_not_beyond_it():
    values = [3.0, 3 + 1e-10, 3 + 1e-8, -3.0, -3 - 1e-10, -3 - 1e-8]

    assert flag_runs(values, **UNIT).rule_1.tolist() == [0, 0, 1, 0, 0, -1]


def test_a_point_on_the_centre_ends_a_run():
    assert flag_runs([1] * 8 + [0] + [1] * 8, **UNIT).rule_2.any() == np.False_
    assert flag_runs([1] * 8 + [1e-10] + [1] * 8, **UNIT).rule_2.any() == np.False_
    assert flag_runs([1] * 17, **UNIT).rule_2.tolist() == [0] * 8 + [1] * 9


def test_a_period_without_a_reading_ends_a_run():
    assert not flag_runs([1] * 8 + [math.nan] + [1] * 8, **UNIT).rule_2.any()


@pytest.mark.parametrize(("length", "first"), [(7, 6), (8, 7), (9, 8)])
def test_the_completing_point_is_flagged_at_seven_eight_or_nine(length, first):
    flags = flag_runs([-1] * 10, run_length=length, **UNIT)

    assert flags.rule_2.tolist() == [0] * first + [-1] * (10 - first)


def test_all_members_of_a_run_can_be_flagged():
    values = [1] + [-1] * 7 + [1]

    flags = flag_runs(values, run_length=7, all_members=True, **UNIT)

    assert flags.rule_2.tolist() == [0] + [-1] * 7 + [0]


def test_no_run_crosses_from_one_series_into_the_next():
    flags = flag_runs([1] * 10, series_start=[0, 5], **UNIT)

    assert not flags.rule_2.any()


def test_a_limit_that_does_not_exist_is_never_crossed():
    flags = flag_runs([-9, 9], centre=0, sigma=1, lower=math.nan, upper=3)

    assert flags.rule_1.tolist() == [0, 1]


def test_no_readings_give_no_flags():
    flags = flag_runs([], series_start=[], **UNIT)

    assert (flags.rule_1.size, flags.rule_2.size) == (0, 0)


def test_a_run_of_one_point_is_refused():
    with pytest.raises(ValueError, match="at least 2"):
        flag_runs([1.0], run_length=1, **UNIT)
