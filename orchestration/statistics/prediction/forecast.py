"""Forecasts by named method, and how good they were: accuracy, rolling backtest, coverage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta
from scipy.stats import t as student

from orchestration.statistics.prediction.arima import Order, SeasonalOrder, fit_arima
from orchestration.statistics.prediction.outlook import Fitted, Forecast
from orchestration.statistics.prediction.simple import Simple, fit_simple
from orchestration.statistics.prediction.smoothing import States, fit_smoothing
from orchestration.statistics.refusal import (
    NO_COMPARISON,
    TOO_FEW_READINGS,
    Refusal,
    refuse_infinite,
    refuse_values,
)
from orchestration.statistics.spc.flat import Bools, Floats, Ints
from orchestration.statistics.spc.weighted import cusum_chart

_SIMPLE: Final[Mapping[str, Simple]] = {
    "naive": "naive",
    "seasonal_naive": "seasonal_naive",
    "snaive": "seasonal_naive",
    "drift": "drift",
    "rwf": "drift",
    "mean": "mean",
    "meanf": "mean",
}

DRIFT_K: Final = 0.5
DRIFT_H: Final = 5.0
"""Each of the CUSUMs signals once in about 930 errors that are as promised (one side)."""

_ROOT_MEAN: Final = 0.822
_ROOT_DEVIATION: Final = 0.349

LEAST_SERIES: Final = 5
"""Series below which a pooled coverage says nothing about the next series."""


@dataclass(frozen=True)
class Arima:
    """Orders of an ARIMA, as a method to choose from."""

    order: Order
    seasonal: SeasonalOrder = (0, 0, 0, 0)


@dataclass(frozen=True)
class Smoothing:
    """An ETS model and what becomes of its initial states, as a method to choose from."""

    model: str
    states: States = "estimated"


Method = str | Arima | Smoothing
"""``naive``, ``seasonal_naive``, ``drift``, ``mean``, an ETS name as ``AAdN``, or one of both."""


@dataclass(frozen=True)
class Accuracy:
    """Errors of a forecast against what came.

    Attributes
    ----------
    rmse, mae : float
        In the unit of the series.
    mape : float
        Percent; NaN where a reading is 0.
    mase : float
        MAE over that of the seasonal naive forecast within the readings of the fit; NaN if that
        is 0.
    bias : float
        Mean of actual less forecast.
    """

    rmse: float
    mae: float
    mape: float
    mase: float
    bias: float


@dataclass(frozen=True)
class Backtest:
    """One method, refitted at each origin with what was known then.

    Attributes
    ----------
    method : Method
    origin : ndarray of int, shape (k,)
        How many readings were known.
    error : ndarray, shape (k, horizon)
        Actual less forecast; NaN beyond the series, and at an origin where the method refused.
    scaled : ndarray, shape (k, horizon)
        The error in the forecast's standard errors.
    covered : ndarray of bool, shape (k, horizon)
        Whether the interval held the actual; False where there is no error.
    confidence : float
    refused : tuple of str
        Reasons at the origins without a forecast.
    """

    method: Method
    origin: Ints
    error: Floats
    scaled: Floats
    covered: Bools
    confidence: float
    refused: tuple[str, ...]

    @property
    def mae(self) -> float:
        """Mean absolute error over all origins and horizons."""
        return float(np.nanmean(np.abs(self.error)))

    @property
    def widening(self) -> float:
        """How much larger errors were than the theory said; not below 1."""
        scaled = self.scaled[np.isfinite(self.scaled)]
        return max(1.0, float(np.sqrt((scaled**2).mean()))) if scaled.size else 1.0


@dataclass(frozen=True)
class Contest:
    """Whether a challenger may take the champion's place.

    Attributes
    ----------
    champion, challenger : Backtest
    skill : float
        Share of the champion's mean absolute error that the challenger saves, at the origins and
        horizons both have.
    low, high : float
        Interval of the skill, by jackknife over blocks of neighbouring origins.
    replaces : bool
        Whether the whole interval lies above 0.
    """

    champion: Backtest
    challenger: Backtest
    skill: float
    low: float
    high: float
    replaces: bool


@dataclass(frozen=True)
class Drift:
    """Whether the errors since a fit still look like those it promised.

    Attributes
    ----------
    first : int or None
        Error (from 1) at which a CUSUM signalled; None if none did.
    kind : {"low", "high", "spread"} or None
        Forecasts too low, too high, or errors too wide.
    since : int or None
        Error (from 1) with which the sum that signalled began to rise: Page's estimate of where
        the change lies.
    """

    first: int | None
    kind: str | None
    since: int | None = None


@dataclass(frozen=True)
class Coverage:
    """How often intervals held what came, over many series.

    Attributes
    ----------
    share, low, high : float
        The interval counts series as the independent cases: forecasts of one series fail together.
    n_series, n_forecasts : int
    stated : float
        The confidence that the intervals claimed.
    is_honest : bool
        Whether the stated confidence lies within the interval.
    """

    share: float
    low: float
    high: float
    n_series: int
    n_forecasts: int
    stated: float
    is_honest: bool


def fit_method(values: ArrayLike, method: Method, *, period: int = 1) -> Fitted | Refusal:
    """Return a fitted method.

    Parameters
    ----------
    values : array_like, shape (n,)
        Equally spaced, oldest first; NaN (a missing reading) is allowed for an `Arima` alone.
    method : Method
    period : int
        Periods in a season, for the methods that have one.

    Returns
    -------
    Fitted or Refusal
        Refused as the method does.

    Raises
    ------
    ValueError
        If the name is that of no method.
    """
    if isinstance(method, Arima):
        return fit_arima(values, method.order, method.seasonal)
    if isinstance(method, str) and method in _SIMPLE:
        return fit_simple(values, _SIMPLE[method], period=period)
    chosen = method if isinstance(method, Smoothing) else Smoothing(method)
    return fit_smoothing(values, chosen.model, period=period, states=chosen.states)


def forecast(
    values: ArrayLike, method: Method, horizon: int, *, period: int = 1
) -> Forecast | Refusal:
    """Return the forecast of the next ``horizon`` periods by one method, as `fit_method`."""
    if horizon < 1:
        raise ValueError(f"the horizon must be a period at least, not {horizon}")
    fitted = fit_method(values, method, period=period)
    return fitted if isinstance(fitted, Refusal) else fitted.forecast(horizon)


def accuracy(
    actual: ArrayLike, expected: ArrayLike, known: ArrayLike, *, period: int = 1
) -> Accuracy | Refusal:
    """Return the errors of a forecast.

    Parameters
    ----------
    actual, expected : array_like, shape (horizon,)
        NaN marks what has not come; it does not count.
    known : array_like, shape (n,)
        The readings of the fit, for the scale of MASE.
    period : int
        Season of the naive forecast that gives the scale.

    Returns
    -------
    Accuracy or Refusal
        Refused: infinite figures, no reading with a forecast, too few known readings.

    References
    ----------
    Hyndman and Koehler, "Another look at measures of forecast accuracy", *International Journal of
    Forecasting* 22 (2006) 679-688.
    """
    came, meant = np.asarray(actual, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    if came.shape != meant.shape:
        raise ValueError(f"actual {came.shape} and forecast {meant.shape} differ in shape")
    refusal = (
        refuse_values(came, least=1)
        or refuse_infinite(forecast=meant)
        or refuse_values(known, least=period + 1)
    )
    if refusal is not None:
        return refusal
    there = np.isfinite(came) & np.isfinite(meant)
    if not there.any():
        return Refusal(NO_COMPARISON, "no reading has a forecast beside it")
    error, came = (came - meant)[there], came[there]
    past = np.asarray(known, dtype=np.float64)
    steps = np.abs(past[period:] - past[:-period])
    scale = float(np.nanmean(steps)) if np.isfinite(steps).any() else 0.0
    mae = float(np.abs(error).mean())
    return Accuracy(
        rmse=float((error**2).mean()) ** 0.5,
        mae=mae,
        mape=100 * float(np.abs(error / came).mean()) if np.all(came != 0) else float("nan"),
        mase=mae / scale if scale > 0 else float("nan"),
        bias=float(error.mean()),
    )


def backtest(
    values: ArrayLike,
    method: Method,
    *,
    horizon: int,
    first: int,
    every: int = 1,
    period: int = 1,
    confidence: float = 0.95,
) -> Backtest | Refusal:
    """Return the errors a method would have made, refitted at each origin.

    Parameters
    ----------
    values : array_like, shape (n,)
        Equally spaced, oldest first.
    method : Method
    horizon : int
    first : int
        Readings known at the first origin.
    every : int
        Periods between origins.
    period : int
    confidence : float
        Of the intervals whose coverage is counted.

    Returns
    -------
    Backtest or Refusal
        Refused: infinite readings, no reading after the first origin, or the method refuses at
        every origin.

    References
    ----------
    Tashman, "Out-of-sample tests of forecasting accuracy", *International Journal of Forecasting*
    16 (2000) 437-450.
    """
    y = np.asarray(values, dtype=np.float64)
    refusal = refuse_infinite(reading=y)
    if refusal is not None:
        return refusal
    origins = np.arange(first, y.size, every)
    if origins.size == 0:
        return Refusal(TOO_FEW_READINGS, f"no reading after the first {first}")
    error = np.full((origins.size, horizon), np.nan)
    scaled = np.full_like(error, np.nan)
    covered = np.zeros((origins.size, horizon), dtype=np.bool_)
    refused = []
    for at, origin in enumerate(origins):
        found = forecast(y[:origin], method, horizon, period=period)
        if isinstance(found, Refusal):
            refused.append(found.reason)
            continue
        came = y[origin : origin + horizon]
        low, high = found.interval(confidence)
        error[at, : came.size] = came - found.mean[: came.size]
        # A method that saw nothing but equal readings promises no error at all.
        np.divide(error[at], found.se, out=scaled[at], where=found.se > 0)
        covered[at, : came.size] = (low[: came.size] <= came) & (came <= high[: came.size])
    if not np.any(np.isfinite(error)):
        return Refusal(NO_COMPARISON, f"{method} could be fitted at no origin ({refused[:1]})")
    return Backtest(method, origins, error, scaled, covered, confidence, tuple(refused))


def contest(
    champion: Backtest, challenger: Backtest, *, confidence: float = 0.9
) -> Contest | Refusal:
    """Return whether the challenger beats the champion beyond chance.

    Parameters
    ----------
    champion, challenger : Backtest
        Of the same series, origins and horizon.
    confidence : float
        Of the interval of the skill.

    Returns
    -------
    Contest or Refusal
        Refused: fewer than 8 common origins, or a champion without error.

    References
    ----------
    Kuensch, "The jackknife and the bootstrap for general stationary observations", *Annals of
    Statistics* 17 (1989) 1217-1241: errors of neighbouring origins overlap, so blocks are left out.
    """
    if champion.error.shape != challenger.error.shape:
        raise ValueError("champion and challenger were tested on different origins")
    common = np.isfinite(champion.error) & np.isfinite(challenger.error)
    rows = np.flatnonzero(common.any(axis=1))
    if rows.size < 8:  # noqa: PLR2004 - fewer origins make no interval
        return Refusal(TOO_FEW_READINGS, f"{rows.size} common origins, at least 8 are needed")
    old, new = (
        np.where(common, np.abs(one.error), 0.0).sum(axis=1)[rows] for one in (champion, challenger)
    )
    if old.sum() == 0:
        return Refusal(NO_COMPARISON, "the champion made no error")
    skill = 1 - float(new.sum() / old.sum())
    # Blocks as long as a forecast reaches, or as many as 5.
    n_blocks = max(5, min(rows.size // champion.error.shape[1], 20))
    blocks = np.array_split(np.arange(rows.size), n_blocks)
    left = np.array(
        [1 - float(np.delete(new, block).sum() / np.delete(old, block).sum()) for block in blocks]
    )
    se = float(((n_blocks - 1) / n_blocks * ((left - left.mean()) ** 2).sum()) ** 0.5)
    half = float(student.ppf((1 + confidence) / 2, n_blocks - 1)) * se
    return Contest(champion, challenger, skill, skill - half, skill + half, skill - half > 0)


def drift_since_fit(scaled: ArrayLike) -> Drift | Refusal:
    """Return whether forecasts have gone stale, so that the method must be fitted anew.

    Parameters
    ----------
    scaled : array_like, shape (n,)
        Errors of one-step forecasts since the fit in their standard errors, oldest first; NaN
        where no reading came.

    Returns
    -------
    Drift or Refusal
        Refused: no error, or an infinite one.

    References
    ----------
    Hawkins, "A CUSUM for a scale parameter", *Journal of Quality Technology* 13 (1981) 228-231:
    the root of an absolute normal error is nearly normal with mean 0.822 and deviation 0.349.
    Page, "Continuous inspection schemes", *Biometrika* 41 (1954) 100-115, for where it began.
    """
    z = np.asarray(scaled, dtype=np.float64)
    root = (np.sqrt(np.abs(z)) - _ROOT_MEAN) / _ROOT_DEVIATION
    bias = cusum_chart(z, centre=0.0, sigma=1.0, k=DRIFT_K, h=DRIFT_H)
    spread = cusum_chart(root, centre=0.0, sigma=1.0, k=DRIFT_K, h=DRIFT_H)
    if isinstance(bias, Refusal):
        return bias
    if isinstance(spread, Refusal):
        return spread
    sums = {
        "low": (bias.above, bias.plus),
        "high": (bias.below, bias.minus),
        "spread": (spread.above, spread.plus),
    }
    first = {name: int(np.argmax(at)) + 1 for name, (at, _) in sums.items() if at.any()}
    if not first:
        return Drift(None, None)
    kind = min(first, key=lambda name: first[name])
    at_nil = np.flatnonzero(sums[kind][1][: first[kind]] == 0)
    return Drift(first[kind], kind, int(at_nil[-1]) + 2 if at_nil.size else 1)


def pooled_coverage(tests: Sequence[Backtest], *, confidence: float = 0.95) -> Coverage | Refusal:
    """Return how often the intervals of many series held what came.

    Parameters
    ----------
    tests : sequence of Backtest
        One per series, all of one stated confidence.
    confidence : float
        Of the coverage's own interval.

    Returns
    -------
    Coverage or Refusal
        Refused: fewer than `LEAST_SERIES` series with a forecast.

    References
    ----------
    Korn and Graubard, "Confidence intervals for proportions with small expected number of positive
    counts estimated from survey data", *Survey Methodology* 24 (1998) 193-201: Clopper-Pearson at
    the effective number of independent forecasts.
    """
    if len({test.confidence for test in tests}) > 1:
        raise ValueError("coverage is pooled over intervals of one stated confidence")
    made = np.array([np.count_nonzero(np.isfinite(test.error)) for test in tests], dtype=float)
    held = np.array([np.count_nonzero(test.covered) for test in tests], dtype=float)
    there = made > 0
    made, held = made[there], held[there]
    k = made.size
    if k < LEAST_SERIES:
        return Refusal(TOO_FEW_READINGS, f"{k} series, at least {LEAST_SERIES} are needed")
    n = float(made.sum())
    share = float(held.sum()) / n
    variance = k / (k - 1) * float(((held - share * made) ** 2).sum()) / n**2
    # Series that all behave alike say no more than if each forecast stood for itself.
    effective = n if variance == 0 else min(n, share * (1 - share) / variance)
    low, high = clopper_pearson(share * effective, effective, confidence)
    return Coverage(
        share=share,
        low=low,
        high=high,
        n_series=k,
        n_forecasts=int(n),
        stated=tests[0].confidence,
        is_honest=low <= tests[0].confidence <= high,
    )


def clopper_pearson(held: float, n: float, confidence: float) -> tuple[float, float]:
    """Return the exact interval of a share; counts may be fractions."""
    outside = (1 - confidence) / 2
    low = float(beta.ppf(outside, held, n - held + 1)) if held > 0 else 0.0
    high = float(beta.isf(outside, held + 1, n - held)) if held < n else 1.0
    return low, high
