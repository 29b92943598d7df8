"""Series that remember: autocorrelation, an AR(1) model, and the chart of its innovations."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
from scipy.stats import chi2

from orchestration.statistics.refusal import (
    GAP_IN_SERIES,
    NO_VARIATION,
    Refusal,
    refuse_values,
)
from orchestration.statistics.spc.constants import D2_TABLE
from orchestration.statistics.spc.flat import Floats
from orchestration.statistics.spc.individuals import IndividualsChart, individuals_chart

# An AR(1) has three parameters; a fit to fewer readings than this is no evidence of anything.
_LEAST_READINGS = 8


@dataclass(frozen=True)
class LjungBox:
    """Test that the first ``lags`` autocorrelations are all nil."""

    statistic: float
    lags: int
    freedom: int
    p_value: float


@dataclass(frozen=True)
class FirstOrderModel:
    """AR(1) about a mean, by exact maximum likelihood.

    Attributes
    ----------
    phi, mean : float
    sigma2 : float
        Variance of the innovations (n below).
    log_likelihood : float
        Constants included.
    se_phi, se_mean : float
        From the observed information.
    innovations : ndarray, shape (n,)
        ``y[t] - mean - phi (y[t-1] - mean)``; the first is ``(y[0] - mean) sqrt(1 - phi^2)``, so
        that all have one variance.
    """

    phi: float
    mean: float
    sigma2: float
    log_likelihood: float
    se_phi: float
    se_mean: float
    innovations: Floats


@dataclass(frozen=True)
class ResidualChart:
    """I chart of what an AR(1) cannot foresee; it stands beside the chart of the readings.

    A sustained shift shows in the innovations at once and then by ``1 - phi`` of its size only.

    Attributes
    ----------
    model : FirstOrderModel
        Of the readings that set the limits.
    value : ndarray, shape (n,)
        Innovations of all readings; NaN at one that is missing and at the one after.
    chart : IndividualsChart
    """

    model: FirstOrderModel
    value: Floats
    chart: IndividualsChart


def autocorrelation(values: ArrayLike, lags: int) -> Floats | Refusal:
    """Return the autocorrelations at lags 1 to ``lags``, with n in every denominator.

    Parameters
    ----------
    values : array_like, shape (n,)
        Equally spaced readings without gaps.
    lags : int
        At least 1 and below n.

    Returns
    -------
    ndarray, shape (lags,), or Refusal
        Refused: infinite readings, gaps, fewer than 8, no variation.

    Raises
    ------
    ValueError
        If ``lags`` is not between 1 and n - 1.

    References
    ----------
    Box, Jenkins and Reinsel, *Time Series Analysis*, "Estimation of the autocorrelation function".

    Examples
    --------
    >>> autocorrelation([1, 2, 3, 4, 5, 6, 7, 8], 2).round(4).tolist()
    [0.625, 0.2738]
    """
    points, refusal = _complete(values)
    if refusal is not None:
        return refusal
    if not 0 < lags < points.size:
        raise ValueError(f"lags must lie between 1 and {points.size - 1}, not be {lags}")
    offset = points - points.mean()
    total = (offset**2).sum()
    return np.array([(offset[lag:] * offset[:-lag]).sum() / total for lag in range(1, lags + 1)])


def ljung_box(values: ArrayLike, lags: int, *, fitted: int = 0) -> LjungBox | Refusal:
    """Return the Ljung-Box test.

    Parameters
    ----------
    values, lags
        As in `autocorrelation`.
    fitted : int
        Parameters of the model whose residuals these are, taken from the degrees of freedom.

    References
    ----------
    Ljung and Box, "On a measure of lack of fit in time series models", *Biometrika* 65 (1978)
    297-303.
    """
    correlations = autocorrelation(values, lags)
    if isinstance(correlations, Refusal):
        return correlations
    if fitted >= lags:
        raise ValueError(f"{lags} lags leave no degree of freedom after {fitted} parameters")
    n = np.asarray(values).size
    statistic = n * (n + 2) * float((correlations**2 / (n - np.arange(1, lags + 1))).sum())
    return LjungBox(statistic, lags, lags - fitted, float(chi2.sf(statistic, lags - fitted)))


def fit_first_order(values: ArrayLike) -> FirstOrderModel | Refusal:
    """Return the AR(1) of a series by exact maximum likelihood.

    Given phi, mean and innovation variance have closed forms; phi is searched in (-1, 1).

    Parameters
    ----------
    values : array_like, shape (n,)
        Equally spaced readings without gaps.

    Returns
    -------
    FirstOrderModel or Refusal
        Refused: infinite readings, gaps, fewer than 8, no variation.

    References
    ----------
    Box, Jenkins and Reinsel, *Time Series Analysis*, appendix A7.4.
    """
    points, refusal = _complete(values)
    if refusal is not None:
        return refusal
    n = points.size

    def minus_profile(phi: float) -> float:
        squares = float((_innovations(points, phi, _mean_given(points, phi)) ** 2).sum())
        return n / 2 * float(np.log(squares / n)) - float(np.log1p(-phi * phi)) / 2

    # The profile may have more than one valley near a unit root: a grid finds the right one.
    grid = np.linspace(-0.999, 0.999, 400)
    at = int(np.argmin(_minus_profiles(points, grid)))
    bounds = (float(grid[max(at - 1, 0)]), float(grid[min(at + 1, grid.size - 1)]))
    phi = float(minimize_scalar(minus_profile, bounds=bounds, method="bounded",
                                options={"xatol": 1e-12}).x)  # fmt: skip
    phi = _polished(points, phi)
    mean = _mean_given(points, phi)
    innovations = _innovations(points, phi, mean)
    sigma2 = float((innovations**2).mean())
    log_likelihood = -n / 2 * float(np.log(2 * np.pi) + 1) - minus_profile(phi)
    step = 1e-4
    curvature = minus_profile(phi + step) - 2 * minus_profile(phi) + minus_profile(phi - step)
    weight = 1 - phi**2 + (n - 1) * (1 - phi) ** 2
    return FirstOrderModel(
        phi=phi,
        mean=mean,
        sigma2=sigma2,
        log_likelihood=log_likelihood,
        se_phi=float(step / np.sqrt(curvature)) if curvature > 0 else float("nan"),
        se_mean=float(np.sqrt(sigma2 / weight)),
        innovations=innovations,
    )


def residual_chart(
    values: ArrayLike, *, freeze: int | None = None, d2: float = D2_TABLE
) -> ResidualChart | Refusal:
    """Return the I chart of the innovations of an AR(1).

    Parameters
    ----------
    values : array_like, shape (n,)
        Equally spaced readings. Later than the first ``freeze`` of them some may be missing.
    freeze : int, optional
        Model and limits come from the first so many readings; by default from all.
    d2
        As in `individuals_chart`.

    Returns
    -------
    ResidualChart or Refusal
        Refused as `fit_first_order`.

    References
    ----------
    Alwan and Roberts, "Time-series modeling for statistical process control", *Journal of Business
    & Economic Statistics* 6 (1988) 87-95.
    """
    points = np.asarray(values, dtype=np.float64)
    model = fit_first_order(points[:freeze])
    if isinstance(model, Refusal):
        return model
    value = _innovations(points, model.phi, model.mean)
    chart = individuals_chart(value, freeze=freeze, d2=d2)
    return chart if isinstance(chart, Refusal) else ResidualChart(model, value, chart)


def _complete(values: ArrayLike) -> tuple[Floats, Refusal | None]:
    points = np.asarray(values, dtype=np.float64)
    refusal = refuse_values(points, least=_LEAST_READINGS)
    if refusal is None and np.any(np.isnan(points)):
        at = int(np.flatnonzero(np.isnan(points))[0]) + 1
        refusal = Refusal(GAP_IN_SERIES, f"there is no reading at point {at}")
    if refusal is None and np.ptp(points) == 0:
        refusal = Refusal(NO_VARIATION, "all readings are equal")
    return points, refusal


def _mean_given(points: Floats, phi: float) -> float:
    """Return the generalised least squares mean."""
    ends, middle = points[0] + points[-1], points[1:-1].sum()
    return float((ends + (1 - phi) * middle) / (2 + (points.size - 2) * (1 - phi)))


def _innovations(points: Floats, phi: float, mean: float) -> Floats:
    offset = points - mean
    innovations = np.empty_like(offset)
    innovations[0] = offset[0] * np.sqrt(1 - phi * phi)
    innovations[1:] = offset[1:] - phi * offset[:-1]
    return innovations


def _minus_profiles(points: Floats, phi: Floats) -> Floats:
    """Return minus the log likelihood of many phi, constants left out."""
    n = points.size
    ends, middle = points[0] + points[-1], points[1:-1].sum()
    mean = (ends + (1 - phi) * middle) / (2 + (n - 2) * (1 - phi))
    offset = points - mean[:, None]
    later = offset[:, 1:] - phi[:, None] * offset[:, :-1]
    squares = (later**2).sum(axis=1) + offset[:, 0] ** 2 * (1 - phi**2)
    return np.asarray(n / 2 * np.log(squares / n) - np.log1p(-(phi**2)) / 2, dtype=np.float64)


def _polished(points: Floats, phi: float) -> float:
    """Solve the likelihood equation: a search by function values stops at half the digits."""
    n = points.size
    for _ in range(50):
        offset = points - _mean_given(points, phi)
        inner, cross = float((offset[1:-1] ** 2).sum()), float((offset[1:] * offset[:-1]).sum())
        outer = float(offset[0] ** 2 + offset[-1] ** 2)
        # squares(phi) = outer + (1 + phi^2) inner - 2 phi cross, given the mean; the derivative of
        # n/2 log squares - 1/2 log(1 - phi^2) is nil at a root of this cubic.
        roots = np.roots(
            [(n - 1) * inner, -(n - 2) * cross, -(n * inner + outer + inner), n * cross]
        )
        real = roots[(np.abs(roots.imag) < 1e-9) & (np.abs(roots.real) < 1)].real  # noqa: PLR2004
        if real.size == 0:
            return phi
        nearest = float(real[np.argmin(np.abs(real - phi))])
        if abs(nearest - phi) < 1e-14:  # noqa: PLR2004 - rounding
            return nearest
        phi = nearest
    return phi
