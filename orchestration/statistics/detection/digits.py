"""Digits of reported figures: first digits by Benford's law, last digits by their evenness.

A deviation says that figures did not come about as such figures do; it never says who wrote them.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2

from orchestration.statistics.refusal import (
    IMPOSSIBLE_VALUE,
    TOO_FEW_READINGS,
    TOO_NARROW,
    Refusal,
    refuse_values,
)
from orchestration.statistics.spc.flat import Floats, Ints

FEWEST_FIGURES: Final = 100

ORDERS_OF_MAGNITUDE: Final = 2.0
"""Figures that span less (largest over smallest below 100) do not follow Benford's law."""

LEAST_SPREAD: Final = 10.0
"""Units of the last digit: over a normal spread of 10 no last digit is likelier by one in 1e8."""

Conformity = Literal["close", "acceptable", "marginal", "nonconformity"]
CONFORMITY: Final[tuple[tuple[float, Conformity], ...]] = (
    (0.006, "close"),
    (0.012, "acceptable"),
    (0.015, "marginal"),
)
"""Mean absolute deviations of first digits up to which figures conform (Nigrini 2012)."""


@dataclass(frozen=True)
class DigitTest:
    """Digits seen against digits expected.

    Attributes
    ----------
    digits : ndarray of int, shape (d,)
    counts : ndarray of int, shape (d,)
    expected : ndarray, shape (d,)
        Share of each digit.
    chi2, p_value : float
    freedom : int
    mean_absolute_deviation : float
        Of shares; unlike the test it does not grow with n.
    largest_z : float
        Largest absolute deviation of a share over its standard error, with continuity correction.
    n : int
    """

    digits: Ints
    counts: Ints
    expected: Floats
    chi2: float
    p_value: float
    freedom: int
    mean_absolute_deviation: float
    largest_z: float
    n: int

    @property
    def conformity(self) -> Conformity:
        """How first digits conform by their mean absolute deviation, whatever n."""
        for bound, name in CONFORMITY:
            if self.mean_absolute_deviation <= bound:
                return name
        return "nonconformity"


def first_digits(
    values: ArrayLike, *, fewest: int = FEWEST_FIGURES, orders: float = ORDERS_OF_MAGNITUDE
) -> DigitTest | Refusal:
    """Return the first significant digits against Benford's law.

    Parameters
    ----------
    values : array_like, shape (n,)
        Amounts; the sign does not matter, nil and NaN have no first digit.
    fewest : int
    orders : float
        Powers of ten that the figures must span.

    Returns
    -------
    DigitTest or Refusal
        Refused: infinite figures, fewer than ``fewest``, figures that span less than ``orders``.

    References
    ----------
    Benford, *Proceedings of the American Philosophical Society* 78 (1938) 551-572; Nigrini,
    *Benford's Law* (2012).
    """
    figures = _figures(values, fewest)
    if isinstance(figures, Refusal):
        return figures
    size = np.abs(figures[figures != 0])
    if size.size < fewest:
        return Refusal(TOO_FEW_READINGS, f"{size.size} figures that are not nil, too few")
    if np.log10(size.max()) - np.log10(size.min()) < orders - 1e-9:
        return Refusal(
            TOO_NARROW,
            f"figures from {size.min():g} to {size.max():g} span under {orders:g} powers of ten",
        )
    digits = np.arange(1, 10)
    # Through twelve written digits: a computed 0.0001 may be 0.00009999999999999999.
    seen = np.array([int(f"{one:.11e}"[0]) for one in size])
    return _test(digits, seen, np.log10(1 + 1 / digits))


def last_digits(
    values: ArrayLike, *, decimals: int = 0, fewest: int = FEWEST_FIGURES
) -> DigitTest | Refusal:
    """Return the last digits against an even spread.

    Parameters
    ----------
    values : array_like, shape (n,)
        Figures reported to ``decimals`` places; NaN marks a missing one.
    decimals : int
        Places after the point; the last of them is the digit.
    fewest : int

    Returns
    -------
    DigitTest or Refusal
        Refused: infinite figures or more digits than stated, fewer than ``fewest``; figures whose
        standard deviation is below `LEAST_SPREAD` units of the last digit.
    """
    figures = _figures(values, fewest)
    if isinstance(figures, Refusal):
        return figures
    scaled = np.abs(figures) * 10.0**decimals
    units = np.round(scaled)
    if np.any(np.abs(scaled - units) > 1e-9 * np.maximum(1.0, scaled)):
        return Refusal(IMPOSSIBLE_VALUE, f"a figure has more than {decimals} decimals")
    if units.std() < LEAST_SPREAD:
        return Refusal(
            TOO_NARROW, f"the standard deviation is {units.std():.3g} units of the last digit"
        )
    return _test(np.arange(10), np.mod(units, 10).astype(int), np.full(10, 0.1))


def _figures(values: ArrayLike, fewest: int) -> Floats | Refusal:
    refusal = refuse_values(values, least=fewest)
    if refusal is not None:
        return refusal
    figures = np.asarray(values, dtype=np.float64)
    return figures[np.isfinite(figures)]


def _test(digits: Ints, seen: Ints, expected: Floats) -> DigitTest:
    counts = np.array([np.count_nonzero(seen == digit) for digit in digits])
    n = int(counts.sum())
    statistic = float(((counts - n * expected) ** 2 / (n * expected)).sum())
    away = np.abs(counts / n - expected)
    corrected = np.maximum(away - 1 / (2 * n), 0)
    return DigitTest(
        digits=digits,
        counts=counts,
        expected=expected,
        chi2=statistic,
        p_value=float(chi2.sf(statistic, digits.size - 1)),
        freedom=digits.size - 1,
        mean_absolute_deviation=float(away.mean()),
        largest_z=float((corrected / np.sqrt(expected * (1 - expected) / n)).max()),
        n=n,
    )
