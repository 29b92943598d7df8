"""Interrupted time series: a series with a trend, a season, and a step and slope from a day on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
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
LEAST_EACH_SIDE = 8
"""Periods before and after a change: Penfold and Zhang, *Academic Pediatrics* 13 (2013) S38-S44."""
LEAST_FREEDOM = 1.0
"""Below, an interval by t has no finite width to expect, and holds whatever one likes."""
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


@dataclass(frozen=True)
class FirstOrderRegression:
    """Generalised least squares with AR(1) errors.

    Attributes
    ----------
    coefficient, se, freedom : mapping of str to float
        Under `INTERCEPT` and the terms' names; Satterthwaite degrees of freedom.
    rho, sigma2 : float
        Autocorrelation and innovation variance, by restricted maximum likelihood.
    residual : ndarray, shape (n,)
        Outcome less fit, still autocorrelated.
    """

    coefficient: Mapping[str, float]
    se: Mapping[str, float]
    freedom: Mapping[str, float]
    rho: float
    sigma2: float
    residual: Floats

    def interval(self, term: str, confidence: float = 0.95) -> tuple[float, float]:
        """Return the interval of one coefficient, by t."""
        half = float(student.ppf((1 + confidence) / 2, self.freedom[term])) * self.se[term]
        return self.coefficient[term] - half, self.coefficient[term] + half


@dataclass(frozen=True)
class AverageEffect:
    """What a change is worth a period, in the mean of the periods under it.

    Attributes
    ----------
    effect, low, high : float
        In the unit of the outcome, with the 95 % interval.
    freedom, p_value : float
        Satterthwaite degrees of freedom; of no effect, two-sided.
    rho : float
        Autocorrelation of the errors.
    n_before, n_after : int
        Periods.
    """

    effect: float
    low: float
    high: float
    freedom: float
    p_value: float
    rho: float
    n_before: int
    n_after: int


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
    design = _design(y, terms)
    if isinstance(design, Refusal):
        return design
    n, k = design.shape
    basis, upper = np.linalg.qr(design)
    inverse = np.linalg.inv(upper)
    beta = inverse @ (basis.T @ y)
    residual = y - design @ beta
    squares = float(residual @ residual)
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


def first_order_regression(
    outcome: ArrayLike, terms: Mapping[str, ArrayLike]
) -> FirstOrderRegression | Refusal:
    """Return the regression with AR(1) errors by restricted maximum likelihood.

    For short series: Newey-West and maximum likelihood both take the errors as less correlated than
    they are once a step and a slope are fitted. Of 600 series of 60 months with autocorrelation .5,
    95 % intervals of the step held it in 93 % here, in 88 % of an ARIMA's, in 78 % of Newey-West's.

    Parameters
    ----------
    outcome, terms
        As in `segmented_regression`.

    Returns
    -------
    FirstOrderRegression or Refusal
        Refused as `segmented_regression`.

    References
    ----------
    Turner, Forbes, Karahalios, Taljaard and McKenzie, "Evaluation of statistical methods used in
    the analysis of interrupted time series studies: a simulation study", *BMC Medical Research
    Methodology* 21 (2021) 181, which recommends it.
    """
    design = _design(outcome, terms)
    if isinstance(design, Refusal):
        return design
    y, x = np.asarray(outcome, dtype=np.float64), design
    n, k = x.shape

    def whitened(rho: float) -> tuple[Floats, Floats, float, Floats]:
        """Return bread, coefficients, innovation variance and residuals given rho."""
        both = np.column_stack([x, y])
        turned = np.vstack([both[:1] * (1 - rho * rho) ** 0.5, both[1:] - rho * both[:-1]])
        bread = np.linalg.inv(turned[:, :k].T @ turned[:, :k])
        beta = bread @ (turned[:, :k].T @ turned[:, k])
        left = turned[:, k] - turned[:, :k] @ beta
        return bread, beta, float(left @ left) / (n - k), y - x @ beta

    def deviance(rho: float) -> float:
        """Return -2 restricted log-likelihood without constants, sigma2 maximised out."""
        bread, _, sigma2, _ = whitened(rho)
        return float((n - k) * np.log(sigma2) - np.log1p(-rho * rho) - np.linalg.slogdet(bread)[1])

    # The profile may rise again near a unit root: a grid finds the right valley.
    grid = np.linspace(-0.98, 0.98, 50)
    at = int(np.argmin([deviance(rho) for rho in grid]))
    bounds = (float(grid[max(at - 1, 0)]), float(grid[min(at + 1, 49)]))
    rho = float(minimize_scalar(deviance, bounds=bounds, method="bounded",
                                options={"xatol": 1e-8}).x)  # fmt: skip
    bread, beta, sigma2, residual = whitened(rho)
    # Satterthwaite: how uncertain the variance of each coefficient is, through rho and sigma2.
    step = min(1e-3, (1 - abs(rho)) / 4)
    above, below = whitened(rho + step), whitened(rho - step)
    curvature = (deviance(rho + step) - 2 * deviance(rho) + deviance(rho - step)) / step**2 / 2
    variance = sigma2 * np.diag(bread)
    slope = (above[2] * np.diag(above[0]) - below[2] * np.diag(below[0])) / (2 * step)
    # Along the ridge of the profile, sigma2 moves with rho; across it, by 2 / (n - k).
    spread = 2 * variance**2 / (n - k) + slope**2 / max(curvature, 1e-8)
    names = [INTERCEPT, *terms]
    return FirstOrderRegression(
        coefficient=dict(zip(names, beta.tolist(), strict=True)),
        se=dict(zip(names, np.sqrt(variance).tolist(), strict=True)),
        freedom=dict(zip(names, (2 * variance**2 / spread).tolist(), strict=True)),
        rho=rho,
        sigma2=sigma2,
        residual=residual,
    )


def average_effect(
    outcome: ArrayLike, starts: int, *, least: int = LEAST_EACH_SIDE
) -> AverageEffect | Refusal:
    """Return the mean effect of a change that may be a step, a turn of the trend, or both.

    The line before the change goes on as what would have been. With the slope counted from the
    middle of the periods under the change, the step is the effect in their mean, so that its
    interval is that of one coefficient.

    Parameters
    ----------
    outcome : array_like, shape (n,)
        Equally spaced, oldest first; NaN marks a missing one.
    starts : int
        Position (from 0) of the first period under the change; may lie outside the series.
    least : int
        Fewest periods on either side, above 1.

    Returns
    -------
    AverageEffect or Refusal
        Refused: too few periods on a side, errors so much of a piece that the interval says
        nothing, and what `first_order_regression` refuses.
    """
    y = np.asarray(outcome, dtype=np.float64)
    before = min(max(starts, 0), y.size)
    for name, there in (("before", before), ("under", y.size - before)):
        if there < least:
            return Refusal(
                TOO_FEW_READINGS, f"{there} periods {name} the change, at least {least} are needed"
            )
    terms = interruption_terms(y.size, before)
    after = terms["step"] > 0
    centred = np.where(after, terms["slope"] - terms["slope"][after].mean(), 0.0)
    fit = first_order_regression(y, {**terms, "slope": centred})
    if isinstance(fit, Refusal):
        return fit
    effect, freedom = fit.coefficient["step"], fit.freedom["step"]
    if freedom < LEAST_FREEDOM:
        return Refusal(
            TOO_FEW_READINGS,
            f"the errors hang together so much (autocorrelation {fit.rho:.2f}) that {y.size} "
            "periods do not tell an effect from drift",
        )
    low, high = fit.interval("step")
    return AverageEffect(
        effect=effect,
        low=low,
        high=high,
        freedom=freedom,
        p_value=2 * float(student.sf(abs(effect) / fit.se["step"], freedom)),
        rho=fit.rho,
        n_before=before,
        n_after=y.size - before,
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


def _design(outcome: ArrayLike, terms: Mapping[str, ArrayLike]) -> Floats | Refusal:
    """Return the intercept and the terms, or why they cannot be fitted."""
    y = np.asarray(outcome, dtype=np.float64)
    columns = [np.asarray(column, dtype=np.float64) for column in terms.values()]
    if any(column.shape != y.shape for column in columns):
        raise ValueError("terms and outcome differ in length")
    refusal = _refuse(y, columns)
    if refusal is not None:
        return refusal
    design = np.column_stack([np.ones(y.size), *columns])
    length = np.sqrt((design**2).sum(axis=0))
    scaled = design / np.where(length > 0, length, 1.0)
    if np.linalg.svd(scaled, compute_uv=False)[-1] < _ROUNDING:
        return Refusal(
            SINGULAR_COVARIANCE, "the terms cannot be told apart: is there a period on both sides?"
        )
    basis, _ = np.linalg.qr(design)
    left = y - basis @ (basis.T @ y)
    if float(left @ left) <= _ROUNDING**2 * float(y @ y):
        return Refusal(NO_VARIATION, "the outcome follows the terms without any residual")
    return design


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
