"""First and last digits: the law itself, invented figures, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from orchestration.statistics.detection.digits import first_digits, last_digits
from orchestration.statistics.refusal import (
    IMPOSSIBLE_VALUE,
    INFINITE_VALUE,
    TOO_FEW_READINGS,
    TOO_NARROW,
)

POWERS = 2.0 ** np.arange(1000)


def test_powers_of_two_follow_benfords_law():
    found = first_digits(POWERS)

    # The counts of first digits of 2^0 to 2^999.
    assert found.counts.tolist() == [301, 176, 125, 97, 79, 69, 56, 52, 45]
    assert found.conformity == "close"
    assert found.p_value > 0.99
    assert found.expected == pytest.approx(
        [0.30103, 0.17609, 0.12494, 0.09691, 0.07918, 0.06695, 0.05799, 0.05115, 0.04576], abs=5e-6
    )


def test_even_first_digits_are_no_benford_figures():
    digits = np.tile(np.arange(1, 10), 40)
    found = first_digits(digits * np.repeat([1.0, 10.0, 1000.0], 120))
    theirs = chisquare(found.counts, found.n * found.expected)

    assert (found.chi2, found.p_value) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert found.mean_absolute_deviation == pytest.approx(
        np.abs(1 / 9 - np.log10(1 + 1 / np.arange(1, 10))).mean()
    )
    assert found.conformity == "nonconformity"


@pytest.mark.parametrize("value", [0.3, 0.07, 0.001, 1e-7, 3e22, 999.9, -0.6, 7])
def test_the_first_digit_is_the_one_that_is_written(value):
    figures = np.append(np.full(200, value), [value * 1e3, value * 1e3])
    written = int(f"{abs(value):e}"[0])

    assert first_digits(figures).counts[written - 1] == 202


@given(st.integers(-5, 5))
def test_a_unit_of_ten_does_not_move_first_digits(power):
    figures = np.array([float(f"{one}e{power}") for one in range(1, 400)])

    assert first_digits(figures).counts.tolist() == first_digits(np.arange(1, 400)).counts.tolist()


def test_last_digits_of_invented_figures_are_uneven():
    even = last_digits(np.arange(1000))
    assert (even.chi2, even.p_value, even.n) == (0, 1, 1000)

    rounded = np.where(np.arange(1000) % 10 > 7, np.arange(1000) // 10 * 10, np.arange(1000))
    found = last_digits(rounded)
    # 300 at nil, 100 at 1 to 7, none at 8 and 9: (200^2 + 2 x 100^2) / 100.
    assert found.chi2 == pytest.approx(600)
    assert last_digits(rounded / 100, decimals=2).counts.tolist() == found.counts.tolist()
    assert last_digits(-rounded).counts.tolist() == found.counts.tolist()


def test_narrow_few_or_broken_figures_are_refused():
    assert first_digits(np.linspace(50, 900, 500)).reason == TOO_NARROW
    assert first_digits(np.linspace(9, 900, 500)).n == 500
    assert first_digits(POWERS[:99]).reason == TOO_FEW_READINGS
    assert first_digits(np.append(np.zeros(950), POWERS[:50])).reason == TOO_FEW_READINGS
    assert first_digits(np.append(POWERS, np.inf)).reason == INFINITE_VALUE
    assert last_digits(np.arange(1000) % 30).reason == TOO_NARROW
    assert last_digits(np.arange(1000) % 60).p_value > 0.99
    assert last_digits(np.arange(1000) / 10).reason == IMPOSSIBLE_VALUE
    assert last_digits(np.arange(50)).reason == TOO_FEW_READINGS
