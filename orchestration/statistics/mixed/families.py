"""Log-likelihoods of rows given the linear predictor, with the derivatives that Laplace needs."""

from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaln, log_expit, ndtr

from orchestration.statistics.spc.flat import Floats

Link = Literal["logit", "probit", "cloglog"]
# A probability below this is taken as this, so that a search may pass through.
_SMALLEST: Final = 1e-300


@dataclass(frozen=True)
class Derivatives:
    """One row's log-likelihood and its derivatives, arrays of shape (n,).

    Attributes
    ----------
    log_likelihood : float
        Sum over rows, with constants.
    slope, weight, change : ndarray, shape (n,)
        First derivative in the linear predictor, minus the second, and the derivative of that.
    of_cuts : ndarray, shape (n, m)
        Derivative of the log-likelihood in thresholds; m is 0 for families without.
    slope_of_cuts, weight_of_cuts : ndarray, shape (n, m)
        Derivatives of `slope` and `weight` in thresholds.
    """

    log_likelihood: float
    slope: Floats
    weight: Floats
    change: Floats
    of_cuts: Floats
    slope_of_cuts: Floats
    weight_of_cuts: Floats


class Family(Protocol):
    """A distribution of the response given the linear predictor."""

    def log_likelihood(self, eta: Floats, cuts: Floats) -> float:
        """Return the log-likelihood of all rows, with constants."""

    def derivatives(self, eta: Floats, cuts: Floats) -> Derivatives:
        """Return the log-likelihood and its derivatives."""


class Binomial:
    """Successes among trials, logit link."""

    def __init__(self, successes: Floats, trials: Floats) -> None:
        self.successes, self.trials = successes, trials
        self.constant = float(
            (gammaln(trials + 1) - gammaln(successes + 1) - gammaln(trials - successes + 1)).sum()
        )

    def log_likelihood(self, eta: Floats, cuts: Floats) -> float:  # noqa: ARG002
        """Return the log-likelihood of all rows."""
        failures = self.trials - self.successes
        return self.constant + float(
            (self.successes * log_expit(eta) + failures * log_expit(-eta)).sum()
        )

    def derivatives(self, eta: Floats, cuts: Floats) -> Derivatives:
        """Return the log-likelihood and its derivatives."""
        rate = expit(eta)
        weight = self.trials * rate * expit(-eta)
        return _without_cuts(
            self.log_likelihood(eta, cuts),
            self.successes - self.trials * rate,
            weight,
            weight * (1 - 2 * rate),
        )

    def mean(self, eta: Floats) -> Floats:
        """Return the probability of a success."""
        rate: Floats = expit(eta)
        return rate


class Poisson:
    """Counts, log link; exposure enters as an offset, its logarithm."""

    def __init__(self, counts: Floats) -> None:
        self.counts = counts
        self.constant = -float(gammaln(counts + 1).sum())

    def log_likelihood(self, eta: Floats, cuts: Floats) -> float:  # noqa: ARG002
        """Return the log-likelihood of all rows; minus infinity where the mean overflows."""
        with np.errstate(over="ignore"):
            return self.constant + float((self.counts * eta - np.exp(eta)).sum())

    def derivatives(self, eta: Floats, cuts: Floats) -> Derivatives:
        """Return the log-likelihood and its derivatives."""
        mean = np.exp(eta)
        return _without_cuts(self.log_likelihood(eta, cuts), self.counts - mean, mean, mean)

    def mean(self, eta: Floats) -> Floats:
        """Return the expected count."""
        return np.exp(eta)


class Cumulative:
    """Ordered categories: P(y <= k) = F(cut_k - eta), F logistic, normal or extreme-value."""

    def __init__(self, category: NDArray[np.intp], link: Link = "logit") -> None:
        self.category, self.link = category, link

    def log_likelihood(self, eta: Floats, cuts: Floats) -> float:
        """Return the log-likelihood of all rows."""
        above, below = self._ends(eta, cuts)
        return float(np.log(np.maximum(self._between(above, below), _SMALLEST)).sum())

    def derivatives(self, eta: Floats, cuts: Floats) -> Derivatives:
        """Return the log-likelihood and its derivatives."""
        above, below = self._ends(eta, cuts)
        p = np.maximum(self._between(above, below), _SMALLEST)
        up = [figures / p for figures in _densities(above, self.link)]
        down = [figures / p for figures in _densities(below, self.link)]
        slope = down[0] - up[0]
        first = up[1] - down[1]
        weight = slope**2 - first
        change = -2 * slope * weight + (up[2] - down[2]) + first * slope
        rows, m = np.arange(eta.size), cuts.size
        tables = [np.zeros((eta.size, m)) for _ in range(3)]
        for sign, figures, cut in ((1, up, self.category), (-1, down, self.category - 1)):
            there = (cut >= 0) & (cut < m)
            at = rows[there], cut[there]
            of_slope = -sign * (figures[1] + slope * figures[0])
            of_first = sign * (figures[2] - first * figures[0])
            tables[0][at] += sign * figures[0][there]
            tables[1][at] += of_slope[there]
            tables[2][at] += (2 * slope * of_slope - of_first)[there]
        return Derivatives(float(np.log(p).sum()), slope, weight, change, *tables)

    def _ends(self, eta: Floats, cuts: Floats) -> tuple[Floats, Floats]:
        padded = np.concatenate([[-np.inf], cuts, [np.inf]])
        return padded[self.category + 1] - eta, padded[self.category] - eta

    def _between(self, above: Floats, below: Floats) -> Floats:
        """F(above) - F(below), by the tail in which it does not cancel."""
        if self.link == "cloglog":
            # F = 1 - exp(-exp(x)); a threshold of infinity is beyond what exp may overflow to.
            with np.errstate(over="ignore"):
                low, high = np.exp(below), np.exp(above)
            return np.asarray(-np.exp(-low) * np.expm1(low - high), dtype=np.float64)
        distribution = expit if self.link == "logit" else ndtr
        upper = below > 0
        high = np.where(upper, -below, above)
        low = np.where(upper, -above, below)
        difference: Floats = distribution(high) - distribution(low)
        return difference


def _densities(x: Floats, link: Link) -> tuple[Floats, Floats, Floats]:
    """Density at x and its first two derivatives; 0 at infinity."""
    finite = np.where(np.isfinite(x), x, 0)
    if link == "logit":
        f = expit(finite) * expit(-finite)
        slope = 1 - 2 * expit(finite)
        found = f, f * slope, f * (slope**2 - 2 * f)
    elif link == "cloglog":
        # Beyond 500, exp(x) would overflow and the density is 0.
        grown = np.exp(np.minimum(finite, 500))
        f = np.exp(np.minimum(finite, 500) - grown)
        found = f, f * (1 - grown), f * ((1 - grown) ** 2 - grown)
    else:
        f = np.exp(-(finite**2) / 2) / np.sqrt(2 * np.pi)
        found = f, -finite * f, (finite**2 - 1) * f
    return tuple(np.where(np.isfinite(x), figures, 0) for figures in found)  # type: ignore[return-value]


def _without_cuts(
    log_likelihood: float, slope: Floats, weight: Floats, change: Floats
) -> Derivatives:
    none = np.zeros((slope.size, 0))
    return Derivatives(log_likelihood, slope, weight, change, none, none, none)
