"""Breaks in the level of a series: how many, where, how surely; and whether to draw limits anew."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import log_ndtr
from scipy.stats import chi2, kstwobign

from orchestration.statistics.refusal import (
    GAP_IN_SERIES,
    NO_VARIATION,
    TOO_FEW_READINGS,
    Refusal,
    refuse_values,
)
from orchestration.statistics.spc.flat import Floats, Ints

TRIM: Final = 0.15
"""Share of the series that each regime holds at least; usual for supF and Bai-Perron."""

MOST_BREAKS: Final = 5

# Hansen (1997), p-values of the supremum of one squared standardised bridge: at trimming
# 0.49, 0.47, .., 0.01 the tail is that of chi-square(freedom) at intercept + slope x.
_HANSEN: Final = np.array([
    (-0.06484670, 0.99671156, 1.25732410), (-0.15305667, 0.96757645, 1.43651315),
    (-0.23071675, 0.95825013, 1.56531261), (-0.29247661, 0.95715782, 1.68851898),
    (-0.35706588, 0.95237505, 1.77889686), (-0.40514715, 0.96055795, 1.89761322),
    (-0.45248386, 0.95810999, 1.98370422), (-0.50458517, 0.96149538, 2.07086519),
    (-0.55009159, 0.96684273, 2.17244338), (-0.60241623, 0.96518399, 2.23509053),
    (-0.64308746, 0.97354902, 2.33722161), (-0.68833676, 0.97829106, 2.42776524),
    (-0.73136161, 0.98206870, 2.50833918), (-0.78078198, 0.99475319, 2.62095510),
    (-0.82894221, 1.00023473, 2.70286643), (-0.88430133, 1.00162529, 2.77835798),
    (-0.94992650, 1.00384268, 2.84325795), (-0.98828874, 1.01604712, 2.96752918),
    (-1.04892713, 1.02570939, 3.08442682), (-1.11527783, 1.03526033, 3.19770394),
    (-1.14992644, 1.06643436, 3.44739573), (-1.24010871, 1.06929468, 3.54993605),
    (-1.38522113, 1.06808543, 3.61667211), (-1.48296473, 1.12839690, 4.07202473),
    (-1.78738608, 1.17220925, 4.47267010),
])  # fmt: skip


@dataclass(frozen=True)
class Breaks:
    """Regimes of constant level.

    Attributes
    ----------
    last : ndarray of int, shape (m,)
        Last point (from 1) of each regime but the final one.
    low, high : ndarray, shape (m,)
        Bai's interval of each, in points; may reach beyond the series. NaN where the regimes'
        variances differ so much that there is none.
    mean : ndarray, shape (m + 1,)
    rss, bic : ndarray, shape (most + 1,)
        For 0, 1, .. breaks, each at its best places; 2 (m + 1) parameters count.
    confidence : float
    """

    last: Ints
    low: Floats
    high: Floats
    mean: Floats
    rss: Floats
    bic: Floats
    confidence: float


@dataclass(frozen=True)
class SupF:
    """Test of one level against two, wherever the break may be.

    Attributes
    ----------
    statistic : float
    last : int
        Last point (from 1) of the first regime at the largest F.
    f : ndarray
        F at every candidate, the first of which is ``first``.
    first : int
    p_value : float
        By Hansen's approximation.
    trim : float
        Share at which symmetric trimming would have the same distribution.
    """

    statistic: float
    last: int
    f: Floats
    first: int
    p_value: float
    trim: float


@dataclass(frozen=True)
class Cusum:
    """OLS-CUSUM: how far the summed residuals drift.

    Attributes
    ----------
    process : ndarray, shape (n + 1,)
        In units of sigma sqrt(n); begins and ends at 0.
    statistic, p_value : float
    """

    process: Floats
    statistic: float
    p_value: float


@dataclass(frozen=True)
class RebaseProposal:
    """The newest regime and the evidence for it. A proposal: an act decides.

    Attributes
    ----------
    first : int
        First point (from 1) of the newest regime.
    low, high : float
        95 % interval of that point, widened for the autocorrelation.
    mean_before, mean_after : float
        Level of the regime before and of the newest.
    n_after : int
    bic_gain : float
        BIC without breaks less BIC with them; above 10 is strong.
    autocorrelation : float
        Of neighbouring residuals within regimes, corrected for their fitted levels.
    p_value : float
        Of supF, its F divided by (1 + r) / (1 - r) for an autocorrelation r above 0: a series that
        wanders looks like one that breaks.
    is_supported : bool
        Whether that is below 5 %.
    """

    first: int
    low: float
    high: float
    mean_before: float
    mean_after: float
    n_after: int
    bic_gain: float
    autocorrelation: float
    p_value: float
    is_supported: bool


def find_breaks(
    values: ArrayLike,
    *,
    breaks: int | None = None,
    most: int = MOST_BREAKS,
    smallest: float = TRIM,
    confidence: float = 0.95,
) -> Breaks | Refusal:
    """Return the breaks in level that leave the smallest sum of squares.

    Parameters
    ----------
    values : array_like, shape (n,)
        Equally spaced, oldest first, without gaps.
    breaks : int, optional
        How many; by default as many as have the smallest BIC.
    most : int
        Most breaks tried.
    smallest : float
        Fewest points of a regime: below 1 a share of the series, else a number.
    confidence : float
        Of Bai's intervals, which let variances differ between regimes.

    Returns
    -------
    Breaks or Refusal
        Refused: infinities, gaps, no variation, too short for two regimes of 2 points.

    Raises
    ------
    ValueError
        If more breaks are asked for than fit.

    References
    ----------
    Bai and Perron, "Computation and analysis of multiple structural change models", *Journal of
    Applied Econometrics* 18 (2003) 1-22; Bai, "Estimation of a change point in multiple regression
    models", *Review of Economics and Statistics* 79 (1997) 551-563.
    """
    y = np.asarray(values, dtype=np.float64)
    shortest = int(smallest * y.size + 1e-9) if smallest < 1 else int(smallest)
    refusal = _refuse(y, least=max(2 * shortest, 4))
    if refusal is None and shortest < 2:  # noqa: PLR2004 - a regime of one point has no residual
        refusal = Refusal(
            TOO_FEW_READINGS, f"{y.size} readings leave a regime with fewer than 2 points"
        )
    if refusal is not None:
        return refusal
    fitting = min(most, y.size // shortest - 1)
    rss, places = _partitions(y - y.mean(), shortest, max(fitting, breaks or 0))
    n, m = y.size, np.arange(rss.size)
    bic = n * (np.log(rss / n) + 1 + np.log(2 * np.pi)) + 2 * (m + 1) * np.log(n)
    chosen = int(np.argmin(bic[: fitting + 1])) if breaks is None else breaks
    last = np.array(places[chosen], dtype=np.int64)
    regimes = np.split(y, last)
    ends = np.array(
        [_interval(before, after, confidence) for before, after in pairwise(regimes)]
    ).reshape(-1, 2)
    return Breaks(
        last=last,
        low=last - ends[:, 0],
        high=last + ends[:, 1],
        mean=np.array([regime.mean() for regime in regimes]),
        rss=rss,
        bic=bic,
        confidence=confidence,
    )


def sup_f(values: ArrayLike, *, first: float = TRIM, final: float | None = None) -> SupF | Refusal:
    """Return the supremum of F over all places of one break in level.

    Parameters
    ----------
    values
        As in `find_breaks`.
    first, final : float
        First and last candidate: below 1 a share of the series, else a point; by default the
        final one mirrors the first.

    References
    ----------
    Andrews, *Econometrica* 61 (1993) 821-856; Hansen, "Approximate asymptotic p values for
    structural-change tests", *Journal of Business & Economic Statistics* 15 (1997) 60-67.
    """
    y = np.asarray(values, dtype=np.float64)
    refusal = _refuse(y, least=6)
    if refusal is not None:
        return refusal
    n = y.size
    start = max(int(first * n + 1e-9) if first < 1 else int(first), 2)
    end = n - start if final is None else int(final * n + 1e-9) if final < 1 else int(final)
    end = min(end, n - 2)
    if start > end:
        raise ValueError(f"no break can lie between point {start} and {end}")
    offset = y - y.mean()
    at = np.arange(start, end + 1)
    gained = np.cumsum(offset)[at - 1] ** 2 * n / (at * (n - at))
    total = float(offset @ offset)
    left = np.maximum(total - gained, total * np.finfo(np.float64).eps)
    f = gained / (left / (n - 2))
    statistic = float(f.max())
    # Candidates from a to b of n act like symmetric trimming at 1 / (1 + sqrt lambda).
    trim = 1 / (1 + ((n - start) * end / (start * (n - end))) ** 0.5)
    return SupF(
        statistic=statistic,
        last=int(at[np.argmax(f)]),
        f=f,
        first=start,
        p_value=_hansen(statistic, trim),
        trim=trim,
    )


def ols_cusum(values: ArrayLike) -> Cusum | Refusal:
    """Return the OLS-CUSUM test of one level.

    Parameters
    ----------
    values
        As in `find_breaks`.

    References
    ----------
    Ploberger and Kraemer, "The CUSUM test with OLS residuals", *Econometrica* 60 (1992) 271-285;
    its limit is the largest distance of a Brownian bridge, Kolmogorov's distribution.
    """
    y = np.asarray(values, dtype=np.float64)
    refusal = _refuse(y, least=4)
    if refusal is not None:
        return refusal
    offset = y - y.mean()
    sigma = (float(offset @ offset) / (y.size - 1)) ** 0.5
    process = np.concatenate([[0.0], np.cumsum(offset)]) / (sigma * y.size**0.5)
    statistic = float(np.abs(process).max())
    return Cusum(process, statistic, float(kstwobign.sf(statistic)))


def propose_rebase(values: ArrayLike, *, smallest: float = 8) -> RebaseProposal | Refusal | None:
    """Return the newest regime with its evidence, or None if BIC prefers one level.

    Parameters
    ----------
    values
        As in `find_breaks`.
    smallest : float
        Fewest points of a regime; fewer than 8 are no baseline.

    Returns
    -------
    RebaseProposal, Refusal or None
        Refused as in `find_breaks`.

    Notes
    -----
    Of 400 series of 48 independent readings without a break, 14 had a supported proposal; with
    AR(1) .6, 66: take the season out first, and look at the autocorrelation. A shift of 1.5 sigma
    after 30 of 48 readings was proposed and supported in 97 % of 300 series.
    """
    y = np.asarray(values, dtype=np.float64)
    found = find_breaks(y, smallest=smallest)
    if isinstance(found, Refusal):
        return found
    if found.last.size == 0:
        return None
    test = sup_f(y)
    if isinstance(test, Refusal):
        return test
    residuals = [
        regime - mean for regime, mean in zip(np.split(y, found.last), found.mean, strict=True)
    ]
    neighbours = sum(float(part[1:] @ part[:-1]) for part in residuals)
    plain = neighbours / float(found.rss[found.last.size])
    # A level that is fitted to few points pulls their correlation down by (1 + 3 r) / points.
    correlation = plain + len(residuals) * (1 + 3 * plain) / y.size
    within = min(max(correlation, 0.0), 0.95)
    inflation = (1 + within) / (1 - within)
    p_value = _hansen(test.statistic / inflation, test.trim)
    regimes = np.split(y, found.last)
    down, up = _interval(regimes[-2], regimes[-1], found.confidence, inflation)
    return RebaseProposal(
        first=int(found.last[-1]) + 1,
        low=float(found.last[-1]) + 1 - down,
        high=float(found.last[-1]) + 1 + up,
        mean_before=float(found.mean[-2]),
        mean_after=float(found.mean[-1]),
        n_after=int(y.size - found.last[-1]),
        bic_gain=float(found.bic[0] - found.bic[found.last.size]),
        autocorrelation=correlation,
        p_value=p_value,
        is_supported=p_value < 0.05,  # noqa: PLR2004 - the usual level
    )


def _refuse(y: Floats, *, least: int) -> Refusal | None:
    refusal = refuse_values(y, least=least)
    if refusal is not None:
        return refusal
    if np.any(np.isnan(y)):
        at = int(np.flatnonzero(np.isnan(y))[0]) + 1
        return Refusal(GAP_IN_SERIES, f"there is no reading at point {at}")
    if np.ptp(y) == 0:
        return Refusal(NO_VARIATION, "all readings are equal")
    return None


def _partitions(offset: Floats, shortest: int, most: int) -> tuple[Floats, list[list[int]]]:
    """Return the least sum of squares for 0..most breaks, and where they lie.

    Dynamic programming: the best partition of the first ``end`` points into ``m + 1`` regimes is
    the best of the first ``start`` into ``m``, and one regime more.
    """
    n = offset.size
    if (most + 1) * shortest > n:
        raise ValueError(f"{most} breaks do not fit {n} points with regimes of {shortest}")
    sums, squares = (np.concatenate([[0.0], np.cumsum(offset**power)]) for power in (1, 2))
    start, end = np.arange(n + 1)[:, None], np.arange(n + 1)[None, :]
    length = end - start
    cost = np.full((n + 1, n + 1), np.inf)
    fits = length >= shortest
    spread = (squares[None, :] - squares[:, None])[fits]
    cost[fits] = spread - ((sums[None, :] - sums[:, None])[fits]) ** 2 / length[fits]
    # A regime of equal points leaves rounding, which must not be negative.
    cost = np.maximum(cost, 0.0)
    best = cost[0]
    rss, came_from = [best[n]], []
    for _ in range(most):
        through = best[:, None] + cost
        came_from.append(np.argmin(through, axis=0))
        best = through.min(axis=0)
        rss.append(best[n])
    places = []
    for breaks in range(most + 1):
        at, found = n, []
        for back in reversed(came_from[:breaks]):
            at = int(back[at])
            found.append(at)
        places.append(found[::-1])
    # Points that lie on their levels exactly: the logarithm needs something.
    floor = np.finfo(np.float64).tiny
    return np.maximum(np.array(rss), floor), places


def _interval(
    before: Floats, after: Floats, confidence: float, inflation: float = 1.0
) -> tuple[float, float]:
    """Return how many points to go down and up from a break.

    ``inflation`` is how much larger the long-run variance is than that of single points.
    """
    delta = float(after.mean() - before.mean())
    variances = float(before.var()), float(after.var())
    outside = (1 - confidence) / 2
    if min(variances) <= 0 or delta == 0:
        return float("nan"), float("nan")
    ratio = variances[1] / variances[0]
    if not outside <= _argmax_distribution(0.0, ratio) <= 1 - outside:
        return float("nan"), float("nan")
    scale = inflation * variances[0] / delta**2
    low, high = -1.0, 1.0
    while _argmax_distribution(low, ratio) > outside:
        low *= 2
    while _argmax_distribution(high, ratio) < 1 - outside:
        high *= 2
    up = brentq(lambda x: _argmax_distribution(x, ratio) - (1 - outside), 0.0, high)
    down = brentq(lambda x: _argmax_distribution(x, ratio) - outside, low, 0.0)
    return float(np.ceil(up * scale)), -float(np.floor(down * scale))


def _argmax_distribution(x: float, ratio: float) -> float:
    """Return Bai's (1997) distribution of the place of the maximum, regressors alike (xi = 1).

    ``ratio`` is the variance after over that before; x counts in variance before / delta^2.
    """
    far = abs(x)
    root = far**0.5
    if x < 0:
        steep = 1 / ratio
        lead = ratio * (ratio + 2) / (ratio + 1)
        tail = (ratio + 2) ** 2 / (ratio + 1) - 2 + far / 2
        return float(
            -root * np.exp(-far / 8) / (2 * np.pi) ** 0.5
            - lead * np.exp(steep * (1 + steep) * far / 2 + log_ndtr(-(0.5 + steep) * root))
            + tail * np.exp(log_ndtr(-root / 2))
        )
    lead = (2 * ratio + 1) / (ratio * (ratio + 1))
    tail = (2 * ratio + 1) ** 2 / ((ratio + 1) * ratio) - 2 + far / (2 * ratio)
    turned = -(2 * ratio + 1) / (2 * ratio**0.5) * root
    return float(
        1
        + root * np.exp(-far / (8 * ratio)) / (2 * np.pi * ratio) ** 0.5
        + lead * np.exp((ratio + 1) * far / 2 + log_ndtr(turned))
        - tail * np.exp(log_ndtr(-root / (2 * ratio**0.5)))
    )


def _hansen(statistic: float, trim: float) -> float:
    """Return the p-value between the rows of the table, linear in the trimming."""
    tails = chi2.sf(np.maximum(_HANSEN[:, 0] + _HANSEN[:, 1] * statistic, 0.0), _HANSEN[:, 2])
    at = 0.49 - 0.02 * np.arange(_HANSEN.shape[0])
    known = np.concatenate([[chi2.sf(statistic, 1)], tails])
    return float(np.interp(-trim, -np.concatenate([[0.5], at]), known))
