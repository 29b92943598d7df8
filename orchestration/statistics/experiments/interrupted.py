"""Interrupted time series: a series with a trend, a season, and a step and slope from a day on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student

from orchestration.statistics.refusal import (
    GAP_IN_SERIES,
    NO_VARIATION,
    SINGULAR_COVARIANCE,
    TOO_FEW_READINGS,
    Refusal,
    refuse_values,
)
from orchestration.statistics.spc.flat import Floats

INTERCEPT = "intercept"
_ROUNDING = 1e-10


@dataclass(frozen=True)
class SegmentedRegression:
    """Least squares on an intercept and named terms.

    Attributes
    ----------
    coefficient, se_ols, se_newey_west : mapping of str to float
        Under `INTERCEPT` and the terms' names. ``se_ols`` takes errors as independent.
    lag : int
        Lags that Newey-West's weights reach; autocorrelation beyond is taken as nil.
    covariance : ndarray, shape (k, k)
        Newey-West, in the order of the coefficients.
    freedom, n : int
    residual : ndarray, shape (n,)
    """

    coefficient: Mapping[str, float]
    se_ols: Mapping[str, float]
    se_newey_west: Mapping[str, float]
    lag: int
    covariance: Floats
    freedom: int
    n: int
    residual: Floats

    def interval(self, term: str, confidence: float = 0.95) -> tuple[float, float]:
        """Return the Newey-West interval of one coefficient, by t."""
        half = float(student.ppf((1 + confidence) / 2, self.freedom)) * self.se_newey_west[term]
        return self.coefficient[term] - half, self.coefficient[term] + half

    def combined(
        self, weights: Mapping[str, float], confidence: float = 0.95
    ) -> tuple[float, float, float]:
        """Return a weighted sum of coefficients with its Newey-West interval.

        The effect ``k`` periods after the change is ``{"step": 1, "slope": k}``; the intervals of
        step and slope do not add, for the two pull against each other.
        """
        names = list(self.coefficient)
        weight = np.array([weights.get(name, 0.0) for name in names])
        if set(weights) - set(names):
            raise ValueError(f"no such term: {', '.join(sorted(set(weights) - set(names)))}")
        centre = float(weight @ np.array(list(self.coefficient.values())))
        se = float(np.sqrt(weight @ self.covariance @ weight))
        half = float(student.ppf((1 + confidence) / 2, self.freedom)) * se
        return centre, centre - half, centre + half


def interruption_terms(n: int, starts: int) -> dict[str, Floats]:
    """Return trend, step and slope of a series that was interrupted once.

    Parameters
    ----------
    n : int
        Number of periods.
    starts : int
        Position (from 0) of the first period under the change.

    Returns
    -------
    mapping
        ``t`` = 1..n; ``step`` = 0 before, 1 from then on; ``slope`` = 0 before, then 1, 2, ...
    """
    if not 0 < starts < n:
        raise ValueError(f"the change must begin between period 2 and {n}")
    t = np.arange(1.0, n + 1)
    return {"t": t, "step": (t > starts).astype(np.float64), "slope": np.maximum(t - starts, 0.0)}


def harmonic_terms(t: ArrayLike, period: float) -> tuple[Floats, Floats]:
    """Return the sine and cosine of 2 pi t / period."""
    angle = 2 * np.pi * np.asarray(t, dtype=np.float64) / period
    return np.sin(angle), np.cos(angle)


def segmented_regression(
    outcome: ArrayLike,
    terms: Mapping[str, ArrayLike],
    *,
    lag: int | None = None,
    adjust: bool = True,
) -> SegmentedRegression | Refusal:
    """Return the regression with errors that hold under autocorrelation.

    Parameters
    ----------
    outcome : array_like, shape (n,)
        Equally spaced, oldest first, without gaps; take logarithms before.
    terms : mapping of str to array_like, shape (n,)
        Columns beside the intercept.
    lag : int, optional
        By default that of Newey and West (1994), from the data.
    adjust : bool
        Multiply the covariance by n / (n - k).

    Returns
    -------
    SegmentedRegression or Refusal
        Refused: gaps, infinities, fewer readings than terms, terms that depend on each other (a
        step that begins before the series is an intercept), no residual.

    Raises
    ------
    ValueError
        If lengths differ or the lag is negative or as long as the series.

    References
    ----------
    Newey and West, *Econometrica* 55 (1987) 703-708, no prewhitening; and *Review of Economic
    Studies* 61 (1994) 631-653. Wagner et al., "Segmented regression analysis of interrupted time
    series studies", *Journal of Clinical Pharmacy and Therapeutics* 27 (2002) 299-309.
    """
    y = np.asarray(outcome, dtype=np.float64)
    names = [INTERCEPT, *terms]
    columns = [np.asarray(column, dtype=np.float64) for column in terms.values()]
    if any(column.shape != y.shape for column in columns):
        raise ValueError("terms and outcome differ in length")
    refusal = _refuse(y, columns)
    if refusal is not None:
        return refusal
    design = np.column_stack([np.ones(y.size), *columns])
    n, k = design.shape
    scaled = design / np.sqrt((design**2).sum(axis=0))
    if np.linalg.svd(scaled, compute_uv=False)[-1] < _ROUNDING:
        return Refusal(
            SINGULAR_COVARIANCE, "the terms cannot be told apart: is there a period on both sides?"
        )
    basis, upper = np.linalg.qr(design)
    inverse = np.linalg.inv(upper)
    beta = inverse @ (basis.T @ y)
    residual = y - design @ beta
    squares = float(residual @ residual)
    if squares <= _ROUNDING**2 * float(((y - y.mean()) ** 2).sum()):
        return Refusal(NO_VARIATION, "the outcome follows the terms without any residual")
    # Scores of the turned design: as good as any, since the turn goes back into the bread.
    scores = basis * residual[:, None]
    chosen = automatic_lag(design, residual) if lag is None else lag
    if not 0 <= chosen < n:
        raise ValueError(f"the lag must lie between 0 and {n - 1}, not be {chosen}")
    meat = scores.T @ scores
    for back in range(1, chosen + 1):
        crossed = scores[back:].T @ scores[:-back]
        meat += (1 - back / (chosen + 1)) * (crossed + crossed.T)
    robust = inverse @ meat @ inverse.T * (n / (n - k) if adjust else 1.0)
    plain = inverse @ inverse.T * squares / (n - k)
    return SegmentedRegression(
        coefficient=dict(zip(names, beta.tolist(), strict=True)),
        se_ols=dict(zip(names, np.sqrt(np.diag(plain)).tolist(), strict=True)),
        se_newey_west=dict(zip(names, np.sqrt(np.diag(robust)).tolist(), strict=True)),
        lag=chosen,
        covariance=robust,
        freedom=n - k,
        n=n,
        residual=residual,
    )


def automatic_lag(design: Floats, residual: Floats) -> int:
    """Return Newey and West's (1994) lag for Bartlett weights, no prewhitening.

    The first column of ``design`` is the intercept, whose scores do not count.
    """
    n = residual.size
    series = (design[:, 1:] if design.shape[1] > 1 else design).sum(axis=1) * residual
    reach = int(4 * (n / 100) ** (2 / 9))
    products = [float(series[back:] @ series[: n - back]) / n for back in range(reach + 1)]
    level = products[0] + 2 * sum(products[1:])
    slope = 2 * sum(back * product for back, product in enumerate(products))
    return min(int(1.1447 * ((slope / level) ** 2 * n) ** (1 / 3)), n - 1)


def _refuse(y: Floats, columns: list[Floats]) -> Refusal | None:
    refusal = refuse_values(y)
    if refusal is not None:
        return refusal
    for series in (y, *columns):
        if not np.all(np.isfinite(series)):
            at = int(np.flatnonzero(~np.isfinite(series))[0]) + 1
            return Refusal(GAP_IN_SERIES, f"there is no reading at point {at}")
    if y.size <= len(columns) + 1:
        return Refusal(TOO_FEW_READINGS, f"{y.size} readings for {len(columns) + 1} terms")
    return None
