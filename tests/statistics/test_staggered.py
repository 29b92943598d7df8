"""A change in waves: exact recovery, an independent regression, coverage, refusals."""

import math

import numpy as np
import pytest

from orchestration.statistics.experiments import difference, staggered
from orchestration.statistics.refusal import Refusal

STARTS = np.array([4] * 5 + [7] * 5 + [99] * 6)
UNIT, PERIOD = np.divmod(np.arange(16 * 10), 10)
SINCE = PERIOD - STARTS[UNIT]
GROWING = np.where(SINCE >= 0, 1.0 + SINCE, 0.0)


def panel(outcome, treatment=SINCE >= 0, rows=slice(None)):
    return difference.panel(outcome[rows], treatment[rows], UNIT[rows], PERIOD[rows])


def noise(seed, rho=0.5):
    rng = np.random.default_rng(seed)
    errors = rng.normal(size=(16, 10))
    for at in range(1, 10):
        errors[:, at] += rho * errors[:, at - 1]
    return (errors + rng.normal(size=(16, 1)) + rng.normal(size=10)).ravel()


def test_growing_effects_in_waves_are_recovered_where_two_way_effects_are_wrong():
    outcome = np.sin(UNIT) + 0.3 * PERIOD**1.5 + GROWING
    # A trace of noise, for errors that are not nil.
    readings = panel(outcome + 1e-6 * noise(1))
    found = staggered.imputed_effects(readings)

    assert found.effect == pytest.approx(GROWING[SINCE >= 0].mean(), abs=1e-5)
    assert found.since.tolist() == [0, 1, 2, 3, 4, 5]
    assert found.by_since.effect == pytest.approx([1, 2, 3, 4, 5, 6], abs=1e-5)
    assert found.by_since.n_units.tolist() == [10, 10, 10, 5, 5, 5]
    assert found.wave.tolist() == [4, 7]
    assert found.by_wave.effect == pytest.approx([3.5, 2.0], abs=1e-5)
    two_way = difference.two_way_fixed_effects(readings).coefficient[0]
    assert abs(two_way - GROWING[SINCE >= 0].mean()) > 0.3


def test_the_average_is_that_of_a_regression_with_a_dummy_for_each_treated_reading():
    rows = np.flatnonzero((UNIT * PERIOD) % 13 != 5)
    readings = panel(noise(2) + GROWING, rows=rows)
    treated = np.flatnonzero(readings.treatment)
    saturated = np.zeros((readings.outcome.size, treated.size))
    saturated[treated, np.arange(treated.size)] = 1
    design = np.column_stack([saturated, readings.fixed_effects()])
    by_hand = np.linalg.lstsq(design, readings.outcome, rcond=None)[0][: treated.size]

    assert staggered.imputed_effects(readings).effect == pytest.approx(by_hand.mean(), abs=1e-9)


def test_one_wave_in_a_balanced_panel_gives_the_two_by_two():
    treatment = (UNIT < 8) & (PERIOD >= 5)
    readings = panel(noise(3), treatment)

    assert staggered.imputed_effects(readings).effect == pytest.approx(
        difference.two_by_two(readings.outcome, UNIT < 8, PERIOD >= 5), abs=1e-10
    )


def test_intervals_hold_the_planted_effect_and_the_pre_trend_test_keeps_its_level():
    # 150 panels; 4 standard errors. The jackknife may cover more.
    covered = rejected = 0
    for seed in range(150):
        found = staggered.imputed_effects(panel(noise(seed) + GROWING))
        covered += found.low <= GROWING[SINCE >= 0].mean() <= found.high
        rejected += found.pre_trend.p_value < 0.05

    assert covered / 150 > 0.95 - 4 * math.sqrt(0.95 * 0.05 / 150)
    assert rejected / 150 < 0.05 + 4 * math.sqrt(0.95 * 0.05 / 150)


def test_a_drift_before_the_start_is_seen_if_it_is_large():
    drifting = noise(4) + 3.0 * (STARTS[UNIT] < 99) * PERIOD
    found = staggered.imputed_effects(panel(drifting)).pre_trend

    assert found.p_value < 0.001
    assert found.detectable_slope < 3


def test_periods_in_which_everybody_is_treated_are_dropped_and_counted():
    starts = np.array([4] * 8 + [8] * 8)
    treatment = starts[UNIT] <= PERIOD
    found = staggered.imputed_effects(panel(noise(5) + 2.0 * treatment, treatment))

    # From period 8 on nobody is left to compare with: 16 units, 2 periods.
    assert found.n_dropped == 32
    assert found.n_imputed == 8 * 4
    assert np.isnan(found.by_wave.effect).tolist() == [False, True]


@pytest.mark.parametrize(
    ("readings", "reason"),
    [
        (panel(noise(1), (UNIT < 3) & (PERIOD > 4)), "too_few_clusters"),
        (panel(noise(1), (UNIT < 8) & (PERIOD > 4) & (PERIOD < 8)), "no_comparison"),
        (panel(np.full(160, 0.3)), "no_variation"),
        (panel(0.1 * UNIT + 0.7 * PERIOD), "no_variation"),
        # The effect is the same for all, and nothing else happens.
        (panel(0.1 * UNIT + (SINCE >= 0)), "no_variation"),
    ],
)
def test_waves_that_cannot_be_judged_are_refused_by_name(readings, reason):
    found = staggered.imputed_effects(readings)

    assert isinstance(found, Refusal)
    assert found.reason == reason
