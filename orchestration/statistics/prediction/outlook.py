"""A forecast as every method gives it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.stats import norm

from orchestration.statistics.spc.flat import Floats


@dataclass(frozen=True)
class Forecast:
    """What a method expects of the next periods.

    Attributes
    ----------
    mean, se : ndarray, shape (horizon,)
        Point forecast and its standard error by the method's theory, on the scale of the fit.
    method : str
    """

    mean: Floats
    se: Floats
    method: str

    def interval(self, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Return the ends of the interval, normal about the mean."""
        half = float(norm.ppf((1 + confidence) / 2)) * self.se
        return self.mean - half, self.mean + half


class Fitted(Protocol):
    """A fitted method: it forecasts, and it draws what may come."""

    def forecast(self, horizon: int) -> Forecast:
        """Return the forecast of the next periods."""

    def paths(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Floats:
        """Return drawn futures, shape (n_paths, horizon)."""
