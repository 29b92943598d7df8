"""League tables in which luck and difference are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from orchestration.statistics.calibration.league import (
    rank_persistence,
    regression_to_mean,
    shrink_newest,
)
from orchestration.statistics.refusal import NO_VARIATION, TOO_FEW_READINGS, Refusal

NAN = float("nan")


def league(seed, *, between, within, units=12, periods=37):
    """Readings whose units differ by `between` and whose periods differ by `within`."""
    random = np.random.default_rng(seed)
    level = random.normal(scale=between, size=units) if between else np.zeros(units)
    return 10 + level + random.normal(scale=within, size=(periods, units))


def test_rank_correlation_and_its_limit_are_those_reckoned_by_hand():
    # Squared differences of ranks 0, 2 and 20: 1 - 6 d / (4 x 15).
    found = rank_persistence([[1, 2, 3, 4], [10, 20, 30, 40], [10, 20, 40, 30], [4, 3, 1, 2]])

    assert found.correlation.tolist() == pytest.approx([1, 0.8, -1])
    assert found.mean == pytest.approx(0.8 / 3)
    # Three pairs of four units: sqrt(3 x 1/3) / 3.
    assert found.luck_limit == pytest.approx(norm.ppf(0.975) / 3)


def test_a_table_of_luck_is_called_so_nineteen_times_in_twenty():
    found = [rank_persistence(league(seed, between=0, within=1)) for seed in range(100)]
    outside = sum(abs(one.mean) > one.luck_limit for one in found)

    # Of 100 at 5 %: none, or more than 12, comes less than once in a hundred.
    assert 1 <= outside <= 12


def test_a_table_of_real_differences_keeps_its_order():
    found = rank_persistence(league(1, between=1, within=1e-9))

    assert found.correlation.tolist() == pytest.approx([1] * 36)


def test_periods_with_a_gap_between_them_are_no_pair():
    readings = league(1, between=1, within=1, periods=4)
    readings[1] = NAN

    assert rank_persistence(readings).first.tolist() == [2]
    assert rank_persistence(readings, periods_apart=2).first.tolist() == [0]


def test_only_units_of_both_periods_are_compared():
    readings = [[1, 2, 3, 4, 9, NAN], [1, 2, 3, 4, NAN, 0]]

    found = rank_persistence(readings)

    assert found.units.tolist() == [4]
    assert found.correlation.tolist() == pytest.approx([1])


@pytest.mark.parametrize(
    "readings",
    [[[1, 2, 3], [1, 2, 3]], [[1, 2, 3, 4]], [[1, 2, 3, 4], [5, 5, 5, 5]], [[NAN] * 4] * 3],
)
def test_too_few_units_or_periods_to_rank_are_refused(readings):
    assert rank_persistence(readings).reason == TOO_FEW_READINGS


def test_the_thirds_are_those_reckoned_by_hand():
    found = regression_to_mean([[1, 5, 3, -2, -4, -3], [2, 4, 0, 6, 2, -1]], periods_apart=1)

    # Highest: 5 and 3, later 4 and 0. Lowest: -4 and -3, later 2 and -1.
    assert (found.highest_then, found.highest_later) == ([4], [2])
    assert (found.lowest_then, found.lowest_later) == ([-3.5], [0.5])


def test_thirds_are_taken_of_units_that_are_in_both_periods():
    # Without the two that are in one period only: 6, 3 and 2, later 4, 3 and 1.
    found = regression_to_mean([[9, 6, 3, 2, NAN], [NAN, 4, 3, 1, -9]], periods_apart=1)

    assert (found.highest_then, found.highest_later) == ([6], [4])
    assert (found.lowest_then, found.lowest_later) == ([2], [1])


@pytest.mark.parametrize(
    ("between", "within", "kept"), [(0, 1, 0), (1, 1e-9, 1), (1, 1, 0.5), (2, 1, 0.8)]
)
def test_what_is_kept_is_the_share_of_variance_between_units(between, within, kept):
    # 200 units: their own spread is known to a twentieth.
    found = regression_to_mean(
        league(5, between=between, within=within, units=200) - 10, periods_apart=12
    )

    assert found.highest_later.mean() / found.highest_then.mean() == pytest.approx(kept, abs=0.08)
    assert found.lowest_later.mean() / found.lowest_then.mean() == pytest.approx(kept, abs=0.08)


def test_a_year_on_year_of_less_than_a_year_is_refused():
    found = regression_to_mean(league(1, between=1, within=1, periods=12), periods_apart=12)

    assert found == Refusal(TOO_FEW_READINGS, "no two periods have three units in common")


@pytest.mark.parametrize(("between", "share"), [(0, 0), (1, 0.5), (3, 0.9)])
def test_a_period_is_believed_as_far_as_units_differ(between, share):
    found = [
        shrink_newest(league(seed, between=between, within=1, units=40, periods=13))
        for seed in range(20)
    ]

    # between^2 / (between^2 + 1); 20 x 40 units tell it to about .03.
    assert np.mean([one.own_share for one in found]) == pytest.approx(share, abs=0.06)
    assert np.mean([one.within for one in found]) == pytest.approx(1, abs=0.05)


def test_the_newest_period_sets_neither_variance():
    readings = league(2, between=1, within=1)
    other = readings.copy()
    other[-1] = np.linspace(-50, 50, 12)

    one, two = shrink_newest(readings), shrink_newest(other)

    assert (one.within, one.between) == (two.within, two.between)
    # Drawn to the mean by the same share, each.
    assert two.estimates == pytest.approx(one.own_share * np.linspace(-50, 50, 12))


def test_shrunken_readings_foretell_the_next_period_better_the_more_is_luck():
    ratios = []
    for between in (0, 1, 10):
        errors = []
        for seed in range(1000):
            readings = league(seed, between=between, within=1, periods=14)
            shrunken = shrink_newest(readings[:-1]).estimates
            three = np.array([readings[-2], shrunken, readings[-1]])
            three -= three.mean(axis=1, keepdims=True)
            errors.append(((three[:2] - three[2]) ** 2).sum(axis=1))
        raw, drawn = np.sum(errors, axis=0)
        ratios.append(drawn / raw)

    # A reading errs by 2, one shrunken by the true share by 1 + share^2 + between^2 (1 - share)^2:
    # by 1, 1.5 and 1.99. The standard error of a ratio over 1,000 tables is .013.
    assert ratios == pytest.approx([0.5, 0.75, 0.995], abs=0.04)


def test_a_unit_without_a_reading_stays_without():
    readings = league(1, between=1, within=1)
    readings[-1, 3] = NAN

    found = shrink_newest(readings)

    assert np.flatnonzero(np.isnan(found.estimates)).tolist() == [3]


def test_too_short_a_history_is_refused_with_its_length():
    found = shrink_newest(league(1, between=1, within=1, periods=6))

    assert found == Refusal(TOO_FEW_READINGS, "5 periods before it, at least 6 are needed")


def test_units_that_never_vary_are_not_shrunken():
    found = shrink_newest(np.tile([1.0, 2.0, 3.0], (8, 1)))

    assert found.reason == NO_VARIATION


@pytest.mark.parametrize(
    "method",
    [rank_persistence, shrink_newest, lambda table: regression_to_mean(table, periods_apart=1)],
)
def test_an_infinite_reading_is_refused_and_what_is_no_table_is_an_error_in_the_call(method):
    assert method([[1, float("inf")], [1, 2]]).reason == "infinite_value"
    assert method(np.zeros((0, 5))).reason == "no_value"
    with pytest.raises(ValueError, match="periods by units expected"):
        method([1, 2, 3])
