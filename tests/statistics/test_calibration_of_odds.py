"""The rows of the calibration table on a few series: they run, and say what is planted."""

import numpy as np
import pytest

from tests.statistics.calibration_of_odds import KINDS, MONTHS, of_method, stable, stepped


@pytest.mark.parametrize("draw", KINDS)
def test_a_kind_of_months_is_drawn_with_a_quarter_to_come(draw):
    series = draw(np.random.default_rng(1))

    assert series.shape == (MONTHS + 3,)
    assert np.isfinite(series).all()


def test_a_step_is_the_stable_series_with_two_deviations_more():
    one, other = (draw(np.random.default_rng(4)) for draw in (stable, stepped))
    assert other - one == pytest.approx(np.where(np.arange(39) >= 28, 2.0, 0.0))


def test_each_method_has_its_score_and_z():
    cells = of_method(stable, 50).strip("| ").split(" | ")

    assert cells[0] == "stable"
    assert len(cells) == 7
    brier = np.array([float(one.split(",")[0]) for one in cells[1:]])
    # Of 50 odds a coin has .25; the mean of a stable series must do better than it.
    assert brier[0] < 0.25
