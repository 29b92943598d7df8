"""Factors that turn ranges and standard deviations of small samples into sigma.

Tables print d2 with three digits, and programs differ in whether they use the print or the exact
figure; limits differ from the fourth digit on. Both are here, by name.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from scipy.special import gammaln, ndtr

from orchestration.statistics.spc.constants import LIMIT_SIGMAS

Digits = Literal["table", "exact"]

# Printed factors for n = 2, 3, ...: three digits for d2 (Montgomery, appendix VI), seven for d3 (as
# R qcc carries them; they differ from the exact figures by up to 1.2e-5).
_D2_TABLE: Final = (
    *(1.128, 1.693, 2.059, 2.326, 2.534, 2.704, 2.847, 2.970, 3.078, 3.173, 3.258, 3.336),
    *(3.407, 3.472, 3.532, 3.588, 3.640, 3.689, 3.735, 3.778, 3.819, 3.858, 3.895, 3.931),
)
_D3_TABLE: Final = (
    *(0.8525033, 0.8883697, 0.8798108, 0.8640855, 0.8480442, 0.8332108, 0.8198378, 0.8078413),
    *(0.7970584, 0.7873230, 0.7784873, 0.7704257, 0.7630330, 0.7562217, 0.7499188, 0.7440627),
    *(0.7386021, 0.7334929, 0.7286980, 0.7241851, 0.7199267, 0.7158987, 0.7120802, 0.7084528),
    *(0.7050004, 0.7017086, 0.6985648, 0.6955576, 0.6926770, 0.6899137, 0.6872596, 0.6847074),
    *(0.6822502, 0.6798821, 0.6775973, 0.6753910, 0.6732584, 0.6711952, 0.6691976, 0.6672619),
    *(0.6653848, 0.6635632, 0.6617943, 0.6600754, 0.6584041, 0.6567780, 0.6551950, 0.6536532),
    0.6521506,
)

# Beyond these the integrands are below 1e-16.
_FARTHEST_VALUE: Final = 9.0
_WIDEST_RANGE: Final = 16.0


@dataclass(frozen=True)
class Factors:
    """Control chart factors of one sample size, in the letters of the standard tables.

    Attributes
    ----------
    d2, d3 : float
        Mean and standard deviation of the range of n standard normal values.
    c4 : float
        Mean of their standard deviation.
    a2, a3 : float
        Three sigma of a mean, in mean ranges and in mean standard deviations.
    b3, b4 : float
        Limits of the standard deviation, in its mean; ``b3`` is not below 0.
    d3_limit, d4_limit : float
        Limits of the range, in its mean (the tables' D3 and D4); ``d3_limit`` is not below 0.
    e2 : float
        Three sigma of a single value, in mean ranges.
    """

    d2: float
    d3: float
    c4: float
    a2: float
    a3: float
    b3: float
    b4: float
    d3_limit: float
    d4_limit: float
    e2: float


def d2(n: int, digits: Digits = "table") -> float:
    """Return the mean range of ``n`` independent standard normal values.

    Parameters
    ----------
    n : int
        Sample size, at least 2.
    digits : {"table", "exact"}
        Three digits as printed (up to 25, exact above), or the integral.

    Raises
    ------
    ValueError
        If ``n`` is below 2.

    References
    ----------
    Tippett, "On the extreme individuals and the range of samples taken from a normal population",
    *Biometrika* 17 (1925) 364-387.

    Examples
    --------
    >>> d2(5), round(d2(5, "exact"), 9)
    (2.326, 2.325928947)
    """
    _check(n)
    if digits == "table" and n - 2 < len(_D2_TABLE):
        return _D2_TABLE[n - 2]
    return _range_moments(n)[0]


def d3(n: int, digits: Digits = "table") -> float:
    """Return the standard deviation of the range of ``n`` standard normal values.

    Parameters and errors as in `d2`; the table has seven digits up to 50.
    """
    _check(n)
    if digits == "table" and n - 2 < len(_D3_TABLE):
        return _D3_TABLE[n - 2]
    return _range_moments(n)[1]


@lru_cache(maxsize=256)
def c4(n: float) -> float:
    """Return the mean standard deviation of ``n`` standard normal values, in closed form.

    Examples
    --------
    >>> round(c4(5), 12)
    0.939985602987
    """
    _check(n)
    return float(np.sqrt(2 / (n - 1)) * np.exp(gammaln(n / 2) - gammaln((n - 1) / 2)))


def factors(n: int, digits: Digits = "exact") -> Factors:
    """Return all factors of one sample size.

    Raises
    ------
    ValueError
        If ``n`` is below 2.
    """
    mean_range, sd_range, mean_sd = d2(n, digits), d3(n, digits), c4(n)
    sd_spread = LIMIT_SIGMAS * float(np.sqrt(1 - mean_sd**2)) / mean_sd
    range_spread = LIMIT_SIGMAS * sd_range / mean_range
    return Factors(
        d2=mean_range,
        d3=sd_range,
        c4=mean_sd,
        a2=LIMIT_SIGMAS / (mean_range * float(np.sqrt(n))),
        a3=LIMIT_SIGMAS / (mean_sd * float(np.sqrt(n))),
        b3=max(0.0, 1 - sd_spread),
        b4=1 + sd_spread,
        d3_limit=max(0.0, 1 - range_spread),
        d4_limit=1 + range_spread,
        e2=LIMIT_SIGMAS / mean_range,
    )


@lru_cache(maxsize=256)
def _range_moments(n: int) -> tuple[float, float]:
    """Mean and standard deviation of the range, from its distribution function.

    P(W <= w) = n * integral of phi(x) (Phi(x + w) - Phi(x))^(n-1) over x. The trapezoid rule over x
    is exact to rounding, since the integrand and its derivatives vanish at both ends.
    """
    x = np.linspace(-_FARTHEST_VALUE, _FARTHEST_VALUE, 721)
    density = np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
    node, weight = np.polynomial.legendre.leggauss(160)
    w = (node + 1) * _WIDEST_RANGE / 2
    inside = ndtr(x[None, :] + w[:, None]) - ndtr(x)[None, :]
    below = n * (density * inside ** (n - 1)).sum(axis=1) * (x[1] - x[0])
    above = (1 - below) * weight * _WIDEST_RANGE / 2
    mean = float(above.sum())
    return mean, float(np.sqrt(2 * (w * above).sum() - mean**2))


def _check(n: float) -> None:
    if n < 2:  # noqa: PLR2004 - one value has no range
        raise ValueError(f"a range or standard deviation needs 2 values, not {n}")
