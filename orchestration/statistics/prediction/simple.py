"""Forecasts that every other method must beat: the last reading, last year's, drift, the mean."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.prediction.outlook import Forecast
from orchestration.statistics.refusal import GAP_IN_SERIES, Refusal, refuse_values
from orchestration.statistics.spc.flat import Floats

Simple = Literal["naive", "seasonal_naive", "drift", "mean"]


@dataclass(frozen=True)
class Walk:
    """Each reading is the one ``lag`` periods before, plus drift and noise.

    Attributes
    ----------
    last : ndarray, shape (lag,)
        The latest readings, from which the walk goes on.
    drift, se_drift : float
        Per step of ``lag`` periods; 0 without drift.
    sigma : float
        Standard deviation of a step.
    """

    last: Floats
    drift: float
    se_drift: float
    sigma: float
    method: str

    def forecast(self, horizon: int) -> Forecast:
        """Return mean and standard error; that of the drift is counted."""
        steps = self._steps(horizon)
        return Forecast(
            mean=self._start(horizon) + steps * self.drift,
            se=np.sqrt(self.sigma**2 * steps + (steps * self.se_drift) ** 2),
            method=self.method,
        )

    def paths(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Floats:
        """Return drawn futures, shape (n_paths, horizon)."""
        lag = self.last.size
        rounds = -(-horizon // lag)
        noise = rng.normal(scale=self.sigma, size=(n_paths, rounds, lag)).cumsum(axis=1)
        drift = rng.normal(self.drift, self.se_drift, size=(n_paths, 1))
        walked = noise.reshape(n_paths, -1)[:, :horizon]
        return np.asarray(self._start(horizon) + drift * self._steps(horizon) + walked)

    def _steps(self, horizon: int) -> Floats:
        return np.arange(horizon, dtype=np.float64) // self.last.size + 1

    def _start(self, horizon: int) -> Floats:
        return np.resize(self.last, horizon)


@dataclass(frozen=True)
class Level:
    """Independent readings about a mean.

    Attributes
    ----------
    mean, sigma : float
    n : int
    """

    mean: float
    sigma: float
    n: int

    def forecast(self, horizon: int) -> Forecast:
        """Return mean and standard error, that of the mean counted; the interval is by t."""
        return Forecast(
            mean=np.full(horizon, self.mean),
            se=np.full(horizon, self.sigma * (1 + 1 / self.n) ** 0.5),
            method="mean",
            freedom=self.n - 1,
        )

    def paths(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Floats:
        """Return drawn futures, shape (n_paths, horizon)."""
        # Sigma is uncertain too: drawn from its posterior, so that the paths are t as a whole.
        free = self.n - 1
        sigma = self.sigma * np.sqrt(free / rng.chisquare(free, size=(n_paths, 1)))
        centre = self.mean + sigma / self.n**0.5 * rng.normal(size=(n_paths, 1))
        return np.asarray(centre + sigma * rng.normal(size=(n_paths, horizon)))


def fit_simple(values: ArrayLike, method: Simple, *, period: int = 1) -> Walk | Level | Refusal:
    """Return one of the methods that need no search.

    Parameters
    ----------
    values : array_like, shape (n,)
        Equally spaced, oldest first, without gaps.
    method : {"naive", "seasonal_naive", "drift", "mean"}
    period : int
        Periods in a season.

    Returns
    -------
    Walk, Level or Refusal
        Refused: infinities, gaps, fewer readings than the method needs for an error.

    References
    ----------
    Hyndman and Athanasopoulos, *Forecasting: Principles and Practice*, "Some simple forecasting
    methods"; errors as in R's forecast (``naive``, ``snaive``, ``rwf``, ``meanf``).
    """
    y = np.asarray(values, dtype=np.float64)
    lag = period if method == "seasonal_naive" else 1
    refusal = refuse_values(y, least=lag + 2)
    if refusal is None and np.any(np.isnan(y)):
        at = int(np.flatnonzero(np.isnan(y))[0]) + 1
        refusal = Refusal(GAP_IN_SERIES, f"there is no reading at point {at}")
    if refusal is not None:
        return refusal
    if method == "mean":
        return Level(float(y.mean()), float(y.std(ddof=1)), y.size)
    step = y[lag:] - y[:-lag]
    if method == "drift":
        sigma = float(step.std(ddof=1))
        return Walk(y[-1:], float(step.mean()), sigma / step.size**0.5, sigma, method)
    return Walk(y[-lag:], 0.0, 0.0, float((step**2).mean()) ** 0.5, method)
