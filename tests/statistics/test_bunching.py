"""Values at a threshold: the published test's figures, its size and power, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.statistics.detection.bunching import (
    DensityBreak,
    count_in_windows,
    density_break,
    placebo_breaks,
)
from orchestration.statistics.detection.heaping import (
    break_of_counts,
    heaps_at_round_figures,
    period_end_spike,
)
from orchestration.statistics.detection.threshold import judge_threshold
from orchestration.statistics.refusal import (
    IMPOSSIBLE_COUNT,
    IMPOSSIBLE_VALUE,
    INFINITE_VALUE,
    NO_VARIATION,
    TOO_COARSE,
    TOO_FEW_READINGS,
    Refusal,
)


def _drawn(seed: int, n: int = 2000) -> np.ndarray:
    return np.random.default_rng(seed).normal(94.5, 2, n)


def _gamed(seed: int, n: int = 2000) -> np.ndarray:
    x, chance = _drawn(seed, n), np.random.default_rng(seed + 1).random(n)
    moved = (x > 94) & (x < 95) & (chance < 0.5)
    return np.where(moved, 190 - x, x)


def _power_of_a_uniform(n: int = 2000) -> np.ndarray:
    return (np.arange(n) + 0.5) / n * 2 - 1


@pytest.mark.parametrize(
    ("values", "statistic", "left", "right"),
    [
        # rddensity 3.0 (Python) with its defaults, at cutoff 0.
        (np.random.default_rng(3).normal(0, 1, 1000), 0.771505, 0.431852, 0.506652),
        (np.random.default_rng(4).exponential(1, 1000) - 1, -1.153576, 0.496836, 0.339046),
    ],
)
def test_the_density_test_is_that_of_rddensity(values, statistic, left, right):
    found = density_break(values, 0.0)

    assert (found.statistic, found.left, found.right) == pytest.approx(
        (statistic, left, right), abs=1e-6
    )


def test_a_flat_density_of_one_half_is_found_as_it_is():
    found = density_break(_power_of_a_uniform(), 0.0)

    assert (found.left, found.right) == pytest.approx((0.5, 0.5), rel=1e-3)


@settings(max_examples=15)
@given(st.floats(-1e3, 1e3), st.floats(0.01, 100))
def test_the_verdict_does_not_depend_on_origin_or_unit(origin, unit):
    there = density_break(_drawn(1, 500), 95)
    moved = density_break((_drawn(1, 500) - 95) * unit + origin, origin)

    assert isinstance(there, DensityBreak)
    assert moved.statistic == pytest.approx(there.statistic, rel=1e-5)
    assert moved.left * unit == pytest.approx(there.left, rel=1e-5)


def test_honest_values_are_accused_at_the_stated_rate_and_gamed_ones_found():
    honest = [density_break(_drawn(seed), 95).p_value < 0.05 for seed in range(60)]
    gamed = [density_break(_gamed(seed), 95).p_value < 0.05 for seed in range(60)]

    # Of 200 other seeds 6 % were accused. Sixty draws at 5 % exceed 7 with chance 1.8 %.
    assert sum(honest) <= 7
    assert sum(gamed) >= 54


def test_window_counts_hold_the_threshold_above():
    found = count_in_windows([94, 94.5, 95, 95.5, 95.9, 96, np.nan], 95, 1)

    # Two of five: both tails of a fair coin, 2 (1 + 5 + 10) / 32.
    assert (found.below, found.above, found.p_value) == (2, 3, pytest.approx(1.0))
    assert count_in_windows([1, 1, 1, 1, 1], 1, 1).p_value == pytest.approx(2 / 32)


def test_few_rounded_constant_or_one_sided_values_are_refused():
    def reason(values: np.ndarray) -> str:
        found = density_break(values, 95)
        assert isinstance(found, Refusal)
        return found.reason

    assert reason(_drawn(1, 90)) == TOO_FEW_READINGS
    assert reason(_drawn(1, 400) + 100) == TOO_FEW_READINGS
    assert reason(np.round(_drawn(1), 1)) == TOO_COARSE
    assert reason(np.round(_drawn(1))) == TOO_COARSE
    assert reason(np.full(200, 95.0)) == NO_VARIATION
    assert reason(np.append(_drawn(1), np.inf)) == INFINITE_VALUE
    assert isinstance(count_in_windows([1.0], 5, 1), Refusal)


def test_a_break_is_not_seen_by_placebos_and_lumps_are():
    honest = placebo_breaks(_gamed(5), 95)
    assert (honest.p_values < 0.05).sum() <= 2
    verdict = judge_threshold(_gamed(5), 95)
    assert (verdict.test, verdict.significant, verdict.lumpy) == ("density", True, False)

    rng = np.random.default_rng(2)
    combed = np.floor(rng.normal(94.5, 8, 20_000)) + rng.beta(0.5, 3, 20_000)
    assert judge_threshold(combed, 95).lumpy


def test_rounded_values_are_judged_by_their_counts():
    honest = [judge_threshold(np.floor(_drawn(seed) * 2) / 2, 95) for seed in range(40)]
    assert {verdict.test for verdict in honest} == {"counts"}
    # Forty draws at 5 % exceed 5 with chance 1.4 %.
    assert sum(verdict.significant for verdict in honest) <= 5

    x, chance = np.floor(_drawn(1) * 2) / 2, np.random.default_rng(2).random(2000)
    gamed = break_of_counts(np.where((x == 94.5) & (chance < 0.4), 95.0, x), 95, step=0.5)
    assert gamed.p_value < 0.01
    assert gamed.expected_below > gamed.below
    assert gamed.above > gamed.expected_above


def test_counts_of_unrounded_values_or_too_few_are_refused():
    assert break_of_counts(_drawn(1), 95, step=0.5).reason == IMPOSSIBLE_VALUE
    assert break_of_counts(np.full(200, 50.0), 95, step=1).reason == TOO_FEW_READINGS


def test_round_figures_are_held_against_their_neighbours():
    ones = np.repeat(np.arange(100), 10)
    even = heaps_at_round_figures(ones, step=1, every=5)
    assert (even.at_round, even.beside, even.excess) == (200, 400, 1.0)
    assert even.p_value > 0.5

    # A slope is no heap: the neighbours of a multiple average to it.
    slope = np.repeat(np.arange(100), np.arange(100))
    assert heaps_at_round_figures(slope, step=1, every=5).p_value > 0.3

    heaped = np.where(np.isin(ones % 5, (1, 4)) & (np.arange(1000) % 3 == 0), ones // 5 * 5, ones)
    assert heaps_at_round_figures(heaped, step=1, every=5).p_value < 1e-4
    assert isinstance(heaps_at_round_figures(ones[:120], step=1, every=50), Refusal)


def test_events_that_crowd_at_the_end_of_periods_are_found_per_period():
    events, days = np.full(12, 300), np.full(12, 30)
    even = period_end_spike(events, days, np.tile([29, 31], 6), late_days=3)
    assert (even.share, even.expected_share) == (0.1, 0.1)
    assert even.p_value > 0.3

    crowded = period_end_spike(events, days, np.arange(45, 57), late_days=3)
    # All of twelve periods above: one half to the twelfth.
    assert crowded.p_value == pytest.approx(0.5**12)
    # One period alone is no habit.
    once = period_end_spike(events, days, np.array([300] + [30] * 11), late_days=3)
    assert once.p_value == 0.5
    assert period_end_spike(events[:5], days[:5], events[:5], late_days=3).reason == (
        TOO_FEW_READINGS
    )
    assert period_end_spike(events, days, events + 1, late_days=3).reason == IMPOSSIBLE_COUNT


def test_values_that_show_no_course_beside_a_level_are_refused():
    # 300 times the same: p = (1 / 3)^300 and an endless excess, of a machine that never varied.
    assert heaps_at_round_figures(np.full(300, 30.0), step=1).reason == "no_variation"
    assert heaps_at_round_figures(np.repeat([30.0, 35, 40], 100), step=1).reason == "too_coarse"
    # Four levels beside the two at the threshold, for the four coefficients of a cubic.
    few = np.repeat([46.0, 47, 49, 50, 52, 53], 60)
    assert break_of_counts(few, 50, step=1).reason == TOO_FEW_READINGS
    assert not isinstance(break_of_counts(np.r_[few, 54.0, 55], 50, step=1), Refusal)


def test_infinite_events_are_refused_and_periods_with_a_gap_do_not_count():
    events, days, late = np.full(12, 100.0), np.full(12, 30.0), np.arange(10.0, 22.0)
    for at in range(3):
        columns = [events.copy(), days.copy(), late.copy()]
        columns[at][5] = np.inf
        assert period_end_spike(*columns, late_days=3).reason == "infinite_value"
        columns[at][5] = np.nan
        found = period_end_spike(*columns, late_days=3)
        rest = period_end_spike(*(np.delete(one, 5) for one in columns), late_days=3)
        assert (found.share, found.expected_share, found.p_value) == (
            rest.share, rest.expected_share, rest.p_value
        )  # fmt: skip
        assert np.isnan(found.excess).nonzero()[0].tolist() == [5]
