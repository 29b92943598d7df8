"""A forecast as every method gives it."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from scipy.stats import t as student

from orchestration.statistics.spc.flat import Floats


@dataclass(frozen=True)
class Forecast:
    """What a method expects of the next periods.

    Attributes
    ----------
    mean, se : ndarray, shape (horizon,)
        Point forecast and its standard error, on the scale of the fit.
    method : str
    freedom : float
        Of the t distribution of the interval; infinite for the normal one.
    drawn : ndarray, shape (n_paths, horizon), or None
        Drawn futures, where the method has no formula for its error.
    """

    mean: Floats
    se: Floats
    method: str
    freedom: float = np.inf
    drawn: Floats | None = field(default=None, repr=False)

    def interval(self, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Return the ends of the interval: mean -+ t se, or quantiles of the drawn futures."""
        if self.drawn is not None:
            low, high = np.quantile(
                self.drawn, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0
            )
            return low, high
        half = float(student.ppf((1 + confidence) / 2, self.freedom)) * self.se
        return self.mean - half, self.mean + half


class Fitted(Protocol):
    """A fitted method: it forecasts, and it draws what may come."""

    def forecast(self, horizon: int) -> Forecast:
        """Return the forecast of the next periods."""

    def paths(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Floats:
        """Return drawn futures, shape (n_paths, horizon)."""
