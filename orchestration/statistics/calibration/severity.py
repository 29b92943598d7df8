"""How severe raters are, told from how good their teams are by changes of rater alone.

Whoever rates low may be severe or may lead a weak team. Only a ratee who comes to another rater
tells these apart, so each ratee is compared with nobody but himself: ratees are fixed, and what is
the same in all ratings of one says nothing of any rater.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_array
from scipy.stats import norm

from orchestration.statistics.refusal import (
    NO_COMPARISON,
    NO_VALUE,
    NO_VARIATION,
    TOO_FEW_READINGS,
    Refusal,
    refuse_values,
)
from orchestration.statistics.spc.flat import Floats, Ints

Verdict = Literal["severe", "lenient", "not_distinguishable", "too_few", "not_separable"]

FEWEST_SHARED: Final = 5
"""Ratees shared with other raters, below which there is no number about a person."""

# Eigenvalues below this share of the largest are contrasts that no ratee makes.
_ROUNDING: Final = 1e-9
# Bounds of the log ratio of variances that is searched.
_LOG_RATIOS: Final = (-18.0, 12.0)


@dataclass(frozen=True)
class RaterSeverity:
    """Raters on the scale of the points; arrays have one entry per rater.

    Attributes
    ----------
    raters : ndarray of str, shape (k,)
        In sort order.
    severity : ndarray
        Points that a rater takes off, about the mean of all raters and drawn towards it; NaN where
        the verdict is `too_few` or `not_separable`.
    sd, low, high : ndarray
        With the variances taken as known; NaN where the variance between raters is estimated as 0
        (`singular`), which would make each interval a point and look certain.
    n, shared : ndarray of int
        Ratees, and those of them whom somebody else rated too.
    verdict : tuple of str
        `severe` or `lenient` where the interval does not hold 0.
    between, residual : float
        Variance of severity, and of ratings of one ratee by one rater, by REML.
    singular : bool
        Whether the variance of severity is estimated at its bound of 0.
    ratees, changed : int
        All ratees, and those with more than one rater.
    """

    raters: np.ndarray
    severity: Floats
    sd: Floats
    low: Floats
    high: Floats
    n: Ints
    shared: Ints
    verdict: tuple[Verdict, ...]
    between: float
    residual: float
    singular: bool
    ratees: int
    changed: int


def rater_severity(
    points: ArrayLike,
    rater: ArrayLike,
    ratee: ArrayLike,
    period: ArrayLike,
    *,
    confidence: float = 0.95,
    fewest: int = FEWEST_SHARED,
) -> RaterSeverity | Refusal:
    """Return severities from ratees who were rated by more than one rater.

    Mixed model with ratee and period fixed and raters random. It assumes that a change of rater has
    nothing to do with a change in the ratee.

    Parameters
    ----------
    points : array_like, shape (n,)
        NaN marks a missing rating, which is left out.
    rater, ratee, period : array_like of str, shape (n,)
    confidence : float
    fewest : int
        Shared ratees for a number about a rater.

    Returns
    -------
    RaterSeverity or Refusal
        Refused: infinite or no points, one rater, no ratee with two raters, no rating left to tell
        chance by, ratings that follow from rater and ratee exactly.

    Raises
    ------
    ValueError
        If shapes differ.

    References
    ----------
    Abowd, Kramarz and Margolis, *Econometrica* 67 (1999) 251-333 (what moves identify); Patterson
    and Thompson, *Biometrika* 58 (1971) 545-554 (REML).
    """
    y = -np.asarray(points, dtype=np.float64)
    who, whom, when = (np.asarray(one).astype(str) for one in (rater, ratee, period))
    if not y.shape == who.shape == whom.shape == when.shape:
        raise ValueError("points, rater, ratee and period differ in shape")
    refusal = refuse_values(y)
    if refusal is not None:
        return refusal
    there = np.isfinite(y)
    raters, by_rater = np.unique(who[there], return_inverse=True)
    ratees, by_ratee = np.unique(whom[there], return_inverse=True)
    _, by_period = np.unique(when[there], return_inverse=True)
    y = y[there]
    if raters.size == 1:
        return Refusal(NO_COMPARISON, f"{raters[0]} is the only rater")
    pairs = np.unique(np.column_stack([by_ratee, by_rater]), axis=0)
    raters_of = np.bincount(pairs[:, 0], minlength=ratees.size)
    changed = raters_of > 1
    if not changed.any():
        return Refusal(
            NO_COMPARISON, "nobody was rated by two raters: severity and team cannot be told apart"
        )
    reduced = _reduce(y, by_rater, by_ratee, by_period)
    if isinstance(reduced, Refusal):
        return reduced
    value, vector, z, rest, freedom = reduced
    ratio = _ratio(value, z, rest, freedom)
    residual = float((z**2 / (1 + value * ratio)).sum() + rest) / (value.size + freedom)
    between = ratio * residual
    effect = vector @ (np.sqrt(value) * ratio / (1 + value * ratio) * z)
    known = (vector**2) @ (value * ratio / (1 + value * ratio))
    singular = ratio == 0
    sd = np.full(effect.size, np.nan) if singular else np.sqrt(between * np.clip(1 - known, 0, 1))
    n = np.bincount(pairs[:, 1], minlength=raters.size)
    shared = np.bincount(pairs[changed[pairs[:, 0]], 1], minlength=raters.size)
    reach = float(norm.ppf((1 + confidence) / 2)) * sd
    shown = shared >= fewest
    return RaterSeverity(
        raters=raters,
        severity=np.where(shown, effect, np.nan),
        sd=np.where(shown, sd, np.nan),
        low=np.where(shown, effect - reach, np.nan),
        high=np.where(shown, effect + reach, np.nan),
        n=n,
        shared=shared,
        verdict=tuple(
            _verdict(int(many), fewest, float(least), float(most))
            for many, least, most in zip(shared, effect - reach, effect + reach, strict=True)
        ),
        between=between,
        residual=residual,
        singular=singular,
        ratees=int(ratees.size),
        changed=int(changed.sum()),
    )


def _reduce(
    y: Floats, by_rater: Ints, by_ratee: Ints, by_period: Ints
) -> tuple[Floats, Floats, Floats, float, int] | Refusal:
    """Sweep out ratees and periods; return contrasts of raters, their readings, and what is left.

    Eigenvalues and vectors of the raters' cross product, the reading of each (with the residual
    variance 1 and the between variance times its eigenvalue), the remaining squares and degrees.
    """
    n, rows = y.size, np.arange(y.size)
    of_rater = csr_array((np.ones(n), (rows, by_rater)))
    of_ratee = csr_array((np.ones(n), (rows, by_ratee)))
    size = np.bincount(by_ratee).astype(np.float64)
    crossed = (of_ratee.T @ of_rater).toarray()
    own = y - (np.bincount(by_ratee, y) / size)[by_ratee]
    periods = np.eye(int(by_period.max()) + 1)[by_period][:, 1:]
    swept = periods - (of_ratee.T @ periods / size[:, None])[by_ratee]
    between_periods = swept.T @ swept
    inverse = np.linalg.pinv(between_periods, hermitian=True)
    shared = of_rater.T @ swept
    gram = (
        np.diag(np.bincount(by_rater).astype(np.float64))
        - crossed.T @ (crossed / size[:, None])
        - shared @ inverse @ shared.T
    )
    right = of_rater.T @ own - shared @ inverse @ (swept.T @ own)
    value, vector = np.linalg.eigh(gram)
    seen = value > _ROUNDING * max(float(value[-1]), 1.0)
    if not seen.any():
        return Refusal(NO_VALUE, "raters and periods cannot be told apart")
    value, vector = value[seen], vector[:, seen]
    z = vector.T @ right / np.sqrt(value)
    total = float(own @ own - own @ swept @ inverse @ (swept.T @ own))
    rank = int(np.linalg.matrix_rank(between_periods, hermitian=True)) if periods.size else 0
    freedom = n - size.size - rank - value.size
    if freedom < 1:
        return Refusal(TOO_FEW_READINGS, f"{n} ratings leave none to tell chance by")
    rest = total - float(z @ z)
    if rest <= _ROUNDING * float(y @ y):
        return Refusal(NO_VARIATION, "ratings follow from rater and ratee exactly")
    return value, vector, z, rest, freedom


def _ratio(value: Floats, z: Floats, rest: float, freedom: int) -> float:
    """Return the variance between raters over the residual one, by restricted likelihood."""

    def deviance(log_ratio: float) -> float:
        spread = 1 + value * np.exp(log_ratio)
        scale = (float((z**2 / spread).sum()) + rest) / (value.size + freedom)
        return float((value.size + freedom) * np.log(scale) + np.log(spread).sum())

    grid = np.linspace(*_LOG_RATIOS, 31)
    best = int(np.argmin([deviance(at) for at in grid]))
    if best == 0:
        return 0.0
    found = minimize_scalar(
        deviance,
        bounds=(grid[best - 1], grid[min(best + 1, grid.size - 1)]),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return float(np.exp(found.x))


def _verdict(shared: int, fewest: int, low: float, high: float) -> Verdict:
    if shared == 0:
        return "not_separable"
    if shared < fewest:
        return "too_few"
    if low > 0:
        return "severe"
    return "lenient" if high < 0 else "not_distinguishable"
