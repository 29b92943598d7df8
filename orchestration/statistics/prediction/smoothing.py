"""Exponential smoothing with an error model (ETS), by maximum likelihood from several starts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from orchestration.statistics.prediction.outlook import Forecast
from orchestration.statistics.refusal import (
    GAP_IN_SERIES,
    NO_VARIATION,
    NOT_CONVERGED,
    NOT_POSITIVE,
    TOO_FEW_READINGS,
    Refusal,
    refuse_values,
)
from orchestration.statistics.spc.flat import Floats

# Smoothing weights stay off their ends, damping where it can be told from none (as in R).
_WEIGHT: Final = (1e-4, 0.9999)
_DAMPING: Final = (0.8, 0.98)
_STARTS: Final = 3
_N_PATHS: Final = 20_000
_STEP: Final = 1e-30
_IMPOSSIBLE: Final = 1e10

Columns = NDArray[Any]
States = Literal["estimated", "first_seasons"]


@dataclass(frozen=True)
class Shape:
    """Which parts a model has: error, trend (damped or not), season.

    Attributes
    ----------
    error, trend, season : str
        A(dditive), M(ultiplicative) or, but for the error, N(one).
    is_damped : bool
    period : int
        Periods in a season; 1 without one.
    """

    error: Literal["A", "M"]
    trend: Literal["N", "A", "M"]
    season: Literal["N", "A", "M"]
    is_damped: bool
    period: int

    @property
    def name(self) -> str:
        """The usual name, as ``ETS(A,Ad,M)``."""
        return f"ETS({self.error},{self.trend}{'d' * self.is_damped},{self.season})"

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of the parameters that are no states."""
        return (
            "alpha",
            *(("beta",) if self.trend != "N" else ()),
            *(("gamma",) if self.season != "N" else ()),
            *(("phi",) if self.is_damped else ()),
        )

    @property
    def is_additive(self) -> bool:
        """Whether nothing is multiplied."""
        return "M" not in (self.error, self.trend, self.season)

    @property
    def n_parameters(self) -> int:
        """Weights and free initial states; the variance comes on top."""
        season = self.period - 1 if self.season != "N" else 0
        return len(self.weights) + 1 + (self.trend != "N") + season


@dataclass(frozen=True)
class SmoothingFit:
    """A fitted model.

    Attributes
    ----------
    weight : mapping of str to float
        alpha, beta, gamma, phi, as far as the model has them.
    sigma2 : float
        Variance of the (relative, if multiplicative) error; n less parameters below.
    log_likelihood : float
        Constants included.
    aic, aicc, bic : float
        Of the likelihood without its constants, so that they compare with R's ``ets`` and not
        with those of an ARIMA.
    n, n_parameters : int
        The variance counts as a parameter.
    """

    weight: Mapping[str, float]
    sigma2: float
    log_likelihood: float
    aic: float
    aicc: float
    bic: float
    n: int
    n_parameters: int
    shape: Shape
    _level: float = field(repr=False)
    _trend: float = field(repr=False)
    _season: Floats = field(repr=False)

    @property
    def concentrated_log_likelihood(self) -> float:
        """Without constants, as R's ``ets`` prints it."""
        return self.log_likelihood + self.n / 2 * float(np.log(2 * np.pi / self.n) + 1)

    def forecast(self, horizon: int) -> Forecast:
        """Return mean and standard error, the parameters taken as known.

        By formula where there is one (additive errors without multiplied parts; multiplicative
        errors with additive trend), else from drawn futures.
        """
        shape = self.shape
        if shape.trend != "M" and shape.season != "M":
            mean = self._path(horizon)
            variance = _variance(mean, self._echo(horizon), self.sigma2, shape.error)
        elif shape.trend != "M" and shape.error == "M":
            mean, variance = self._product_moments(horizon)
        else:
            drawn = self.paths(horizon, _N_PATHS, np.random.default_rng(1))
            return Forecast(self._path(horizon), drawn.std(axis=0), shape.name, drawn=drawn)
        return Forecast(mean, np.sqrt(variance), shape.name)

    def paths(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Floats:
        """Return drawn futures, shape (n_paths, horizon), the parameters taken as known."""
        noise = rng.normal(scale=self.sigma2**0.5, size=(horizon, n_paths))
        return self._run(noise).T

    def _path(self, horizon: int) -> Floats:
        return self._run(np.zeros((horizon, 1)))[:, 0]

    def _run(self, noise: Floats) -> Floats:
        """Go on from the last states with given errors, shape (horizon, n_paths)."""
        states = _States(
            np.full(noise.shape[1], self._level),
            np.full(noise.shape[1], self._trend),
            [np.full(noise.shape[1], state) for state in self._season],
        )
        weights = _Weights.of(self.shape, self.weight)
        ahead = np.empty_like(noise)
        for at, error in enumerate(noise):
            base, damped = states.expected(self.shape, weights)
            mean = _seasonal(base, states.season, self.shape)
            ahead[at] = mean + error * (mean if self.shape.error == "M" else 1.0)
            states.learn(ahead[at], base, damped, self.shape, weights)
        return ahead

    def _echo(self, horizon: int) -> Floats:
        """Return how much of one error is left after 1, 2, .. periods."""
        after = np.arange(1, horizon + 1)
        echo = np.full(horizon, self.weight["alpha"])
        if self.shape.trend != "N":
            echo += self.weight["beta"] * np.cumsum(self.weight.get("phi", 1.0) ** after)
        if self.shape.season != "N":
            echo += self.weight["gamma"] * (after % self.shape.period == 0)
        return echo

    def _product_moments(self, horizon: int) -> tuple[Floats, Floats]:
        """Return mean and variance where level and trend are multiplied by the season.

        The product of both state vectors has exact moments (Hyndman et al. 2008, 6.4.2).
        """
        shape, s2, m = self.shape, self.sigma2, self.shape.period
        phi, alpha = self.weight.get("phi", 1.0), self.weight["alpha"]
        if shape.trend == "N":
            see, move, learn = np.ones((1, 1)), np.ones((1, 1)), np.full((1, 1), alpha)
            states = np.array([[self._level]])
        else:
            beta = self.weight["beta"]
            see = np.array([[1.0, phi]])
            move = np.array([[1.0, phi], [0.0, phi]])
            learn = np.array([[alpha, alpha * phi], [beta, beta * phi]])
            states = np.array([[self._level], [self._trend]])
        turn = np.roll(np.eye(m), 1, axis=0)
        learn_season = np.zeros((m, m))
        learn_season[0, m - 1] = self.weight["gamma"]
        product = states @ self._season[None, ::-1]
        see_both = np.kron(np.eye(m)[m - 1 :], see)
        move_both, learn_both = np.kron(turn, move), np.kron(learn_season, learn)
        mixed = np.kron(learn_season, move) + np.kron(turn, learn)
        spread = np.zeros((product.size, product.size))
        mean, variance = np.empty(horizon), np.empty(horizon)
        for at in range(horizon):
            mean[at] = (see @ product[:, m - 1 :])[0, 0]
            seen = float((see_both @ spread @ see_both.T)[0, 0])
            variance[at] = (1 + s2) * seen + s2 * mean[at] ** 2
            flat = product.T.reshape(-1, 1)
            square = flat @ flat.T
            crossed = move_both @ spread @ learn_both.T
            spread = (
                move_both @ spread @ move_both.T
                + s2 * (crossed + crossed.T + mixed @ (spread + square) @ mixed.T)
                + s2**2 * learn_both @ (3 * spread + 2 * square) @ learn_both.T
            )
            product = move @ product @ turn.T + s2 * learn @ product @ learn_season.T
        return mean, variance


def parse_shape(model: str, period: int = 1) -> Shape:
    """Return the shape of a model's name: ``ANN``, ``MAdM``, ``ETS(A,Ad,N)``.

    Raises
    ------
    ValueError
        If the name is none, or a seasonal model has no period.
    """
    letters = re.sub(r"ETS|[(), ]", "", model)
    found = re.fullmatch(r"([AM])([NAM])(d?)([NAM])", letters)
    if found is None or (found[2] == "N" and found[3]):
        raise ValueError(f"{model} is no model: error A or M, trend N, A, Ad, M or Md, season")
    if found[4] != "N" and period < 2:  # noqa: PLR2004 - a season has two periods at least
        raise ValueError(f"{model} has a season and needs its period")
    # The pattern admits these letters alone.
    error, trend, season = (found[at] for at in (1, 2, 4))
    return Shape(error, trend, season, bool(found[3]), period if season != "N" else 1)  # type: ignore[arg-type]


def fit_smoothing(
    values: ArrayLike, model: str, *, period: int = 1, states: States = "estimated"
) -> SmoothingFit | Refusal:
    """Return the model by maximum likelihood over weights and initial states.

    A grid of weights is tried with initial states read off the first seasons, and the search goes
    on from the best of them: from one start it may end far below (statsmodels 0.15 on the airline
    passengers with ETS(A,A,N): log-likelihood -754 against -710 here). On 66 fits to published
    series none ended more than 0.5 below R's, 57 above it by more than that.

    Parameters
    ----------
    values : array_like, shape (n,)
        Equally spaced, oldest first, without gaps; above 0 where the model multiplies.
    model : str
        As `parse_shape` reads it.
    period : int
        Periods in a season.
    states : {"estimated", "first_seasons"}
        Whether initial states are searched too, or stay as read off the first seasons. Searched,
        the mean absolute scaled error was 1.15 against 1.19 (11 published series, 4 models, 5
        origins each), at 2.4 times the cost.

    Returns
    -------
    SmoothingFit or Refusal
        Refused: infinities, gaps, no variation, fewer readings than two more than parameters or
        than two seasons, readings at or below 0 in a multiplicative model, no maximum.

    References
    ----------
    Hyndman, Koehler, Ord and Snyder, *Forecasting with Exponential Smoothing: The State Space
    Approach* (2008).
    """
    shape = parse_shape(model, period)
    y = np.asarray(values, dtype=np.float64)
    refusal = _refuse(y, shape)
    if refusal is not None:
        return refusal
    # The search runs on readings of size one; what multiplies must keep its nil.
    shift, scale = (
        (float(y.mean()), float(y.std())) if shape.is_additive else (0.0, float(y.mean()))
    )
    z = (y - shift) / scale
    best = None
    # A truncated Newton search: of the same optima, L-BFGS-B took 4 ms a step in threaded BLAS.
    for start in _starts(z, shape):
        found = minimize(
            _slope, start, args=(z, shape), jac=True, method="TNC",
            bounds=_bounds(start, shape, states),
            options={"maxfun": 5000, "ftol": 1e-10},
        )  # fmt: skip
        if best is None or found.fun < best.fun:
            best = found
    if best is None or not best.fun < _IMPOSSIBLE:
        return Refusal(NOT_CONVERGED, f"no weights of {shape.name} fit the readings")
    return _read(best.x, z, shape, shift, scale)


@dataclass
class _Weights:
    """One figure each, or one per column."""

    alpha: Any
    beta: Any
    gamma: Any
    phi: Any

    @classmethod
    def of(cls, shape: Shape, named: Mapping[str, Any]) -> "_Weights":
        nil = {"beta": 0.0, "gamma": 0.0, "phi": 1.0}
        return cls(**{**nil, **{name: named[name] for name in shape.weights}})


@dataclass
class _States:
    """Level, trend and one state per period of the season, the next one first."""

    level: Columns
    trend: Columns
    season: list[Columns]

    def expected(self, shape: Shape, weights: _Weights) -> tuple[Columns, Columns]:
        """Return the level to come, and the trend in it."""
        if shape.trend == "N":
            return self.level, self.trend
        if shape.trend == "A":
            damped = weights.phi * self.trend if shape.is_damped else self.trend
            return self.level + damped, damped
        damped = self.trend**weights.phi if shape.is_damped else self.trend
        return self.level * damped, damped

    def learn(
        self, seen: Columns, base: Columns, damped: Columns, shape: Shape, weights: _Weights
    ) -> None:
        """Move on one period, having seen a reading."""
        level, season = seen, None
        if shape.season != "N":
            season = self.season.pop(0)
            level = seen - season if shape.season == "A" else seen / season
            without = seen - base if shape.season == "A" else seen / base
            self.season.append(season + weights.gamma * (without - season))
        new = base + weights.alpha * (level - base)
        if shape.trend != "N":
            grown = new - self.level if shape.trend == "A" else new / self.level
            self.trend = damped + weights.beta / weights.alpha * (grown - damped)
        self.level = new


def _seasonal(base: Columns, season: list[Columns], shape: Shape) -> Columns:
    if shape.season == "N":
        return base
    return base + season[0] if shape.season == "A" else base * season[0]


def _unpacked(theta: Columns, shape: Shape) -> tuple[_Weights, _States]:
    """Read columns of parameters, shape (k, n_columns).

    Beta and gamma are searched as shares of what alpha leaves them (beta <= alpha, gamma <= 1 -
    alpha), so that their bounds are those of a box.
    """
    rows = iter(theta)
    named = {name: next(rows) for name in shape.weights}
    if "beta" in named:
        named["beta"] = named["beta"] * named["alpha"]
    if "gamma" in named:
        named["gamma"] = named["gamma"] * (1 - named["alpha"])
    level = next(rows)
    trend = next(rows) if shape.trend != "N" else np.zeros_like(level)
    season = list(rows)
    if shape.season != "N":
        whole = shape.period if shape.season == "M" else 0
        season.append(whole - sum(season))
    return _Weights.of(shape, named), _States(level, trend, season)


def _followed(theta: Columns, y: Floats, shape: Shape) -> tuple[Columns, Columns, _States]:
    """Return squares summed, logarithms of the means summed (0 if additive), and last states."""
    weights, states = _unpacked(theta, shape)
    squares = np.zeros(theta.shape[1], dtype=theta.dtype)
    product = np.zeros_like(squares)
    lowest = np.ones(theta.shape[1])
    with np.errstate(all="ignore"):
        for seen in y:
            base, damped = states.expected(shape, weights)
            mean = _seasonal(base, states.season, shape)
            error = seen - mean
            if not shape.is_additive:
                # What multiplies must stay above nil; a column that did not is dropped below.
                lowest = np.minimum(lowest, np.minimum(mean.real, base.real))
            if shape.error == "M":
                error = error / mean
                product += np.log(mean)
            squares += error**2
            states.learn(seen, base, damped, shape, weights)
    squares[~((lowest > 0) & np.isfinite(squares))] = np.inf
    return squares, product, states


def _objective(theta: Columns, y: Floats, shape: Shape) -> Columns:
    """Return -2 log-likelihood without constants, of each column."""
    squares, product, _ = _followed(theta, y, shape)
    fits = np.isfinite(squares.real) & (squares.real > 0)
    safe = np.where(fits, squares, 1.0)
    return np.where(fits, y.size * np.log(safe) + 2 * np.where(fits, product, 0.0), _IMPOSSIBLE)


def _slope(theta: Floats, y: Floats, shape: Shape) -> tuple[float, Floats]:
    """Return the objective and its exact gradient, by one imaginary step along each parameter."""
    columns = theta[:, None] + 1j * _STEP * np.eye(theta.size)
    found = _objective(columns, y, shape)
    return float(found[0].real), np.asarray(found.imag / _STEP)


def _bounds(start: Floats, shape: Shape, states: States) -> list[tuple[float | None, float | None]]:
    weights = [_DAMPING if name == "phi" else _WEIGHT for name in shape.weights]
    read: list[float] = start[len(weights) :].tolist()
    if states == "first_seasons":
        return [*weights, *((state, state) for state in read)]
    return [*weights, *((None, None) for _ in read)]


def _starts(y: Floats, shape: Shape) -> list[Floats]:
    """Return the best points of a grid of weights: for each gamma, and else for each alpha.

    A season that learns and one that stands still are different valleys of the likelihood.
    """
    states = _first_states(y, shape)
    tried = {
        "alpha": (0.02, 0.1, 0.3, 0.6, 0.9, 0.99),
        "beta": (0.01, 0.1, 0.5),
        "gamma": (0.001, 0.1, 0.5),
        "phi": (0.85, 0.95),
    }
    grid = np.meshgrid(*(tried[name] for name in shape.weights), indexing="ij")
    weights = np.array([axis.ravel() for axis in grid])
    columns = np.vstack([weights, np.repeat(states[:, None], weights.shape[1], axis=1)])
    order = np.argsort(_objective(columns, y, shape), kind="stable")
    by = shape.weights.index("gamma" if shape.season != "N" else "alpha")
    _, first = np.unique(columns[by, order], return_index=True)
    return [columns[:, order[at]] for at in np.sort(first)[:_STARTS]]


def _first_states(y: Floats, shape: Shape) -> Floats:
    """Read level, trend and season off the first seasons."""
    m = shape.period
    season = np.zeros(0)
    level = y
    if shape.season != "N":
        cycles = y[: min(y.size // m, 3) * m]
        window = np.ones(m) / m if m % 2 else np.concatenate([[0.5], np.ones(m - 1), [0.5]]) / m
        # Ends of the moving average go on flat, so that two seasons are enough.
        smooth = np.convolve(np.pad(cycles, m // 2, mode="edge"), window, mode="valid")
        part = cycles - smooth if shape.season == "A" else cycles / smooth
        typical = part.reshape(-1, m).mean(axis=0)
        typical = typical - typical.mean() if shape.season == "A" else typical / typical.mean()
        whole = np.resize(typical, y.size)
        level = y - whole if shape.season == "A" else y / whole
        season = typical[:-1]
    first = level[: min(y.size, max(10, 2 * m))]
    slope, intercept = np.polyfit(np.arange(1, first.size + 1), first, 1)
    if shape.trend == "N":
        return np.array([first.mean(), *season])
    if shape.trend == "A":
        return np.array([intercept, slope, *season])
    if first.min() <= 0:
        # A season that is added may leave nothing above nil to grow.
        return np.array([first.mean(), 1.0, *season])
    growth, start = np.exp(np.polyfit(np.arange(1, first.size + 1), np.log(first), 1))
    return np.array([start, growth, *season])


def _read(
    theta: Floats, y: Floats, shape: Shape, shift: float, scale: float
) -> SmoothingFit | Refusal:
    squares, product, states = _followed(theta[:, None], y, shape)
    weights, _ = _unpacked(theta[:, None], shape)
    n, k = y.size, shape.n_parameters
    sse = float(squares[0])
    if sse <= n * 1e-24:
        return Refusal(NO_VARIATION, f"the readings follow {shape.name} without any error")
    unit = scale if shape.error == "A" else 1.0
    products = float(product[0]) + (n * float(np.log(scale)) if shape.error == "M" else 0.0)
    concentrated = -n / 2 * float(np.log(sse * unit**2)) - products
    free = k + 1
    aic = -2 * concentrated + 2 * free
    named = {name: float(np.ravel(getattr(weights, name))[0]) for name in shape.weights}
    is_ratio = shape.season == "M"
    return SmoothingFit(
        weight=named,
        sigma2=sse * unit**2 / (n - k),
        log_likelihood=concentrated - n / 2 * float(np.log(2 * np.pi / n) + 1),
        aic=aic,
        aicc=aic + 2 * free * (free + 1) / (n - free - 1),
        bic=-2 * concentrated + free * float(np.log(n)),
        n=n,
        n_parameters=free,
        shape=shape,
        _level=float(states.level[0]) * scale + shift,
        _trend=float(states.trend[0]) * (1.0 if shape.trend == "M" else scale),
        _season=np.array([float(one[0]) for one in states.season]) * (1.0 if is_ratio else scale),
    )


def _variance(mean: Floats, echo: Floats, sigma2: float, error: str) -> Floats:
    """Return the forecast variance of linear models (Hyndman et al. 2008, 6.3)."""
    earlier = echo[:-1] ** 2
    if error == "A":
        return sigma2 * (1 + np.concatenate([[0.0], np.cumsum(earlier)]))
    theta = np.empty_like(mean)
    for at in range(mean.size):
        theta[at] = mean[at] ** 2 + sigma2 * float(earlier[:at] @ theta[:at][::-1])
    return np.asarray((1 + sigma2) * theta - mean**2)


def _refuse(y: Floats, shape: Shape) -> Refusal | None:
    refusal = refuse_values(y, least=shape.n_parameters + 3)
    if refusal is not None:
        return refusal
    if np.any(np.isnan(y)):
        at = int(np.flatnonzero(np.isnan(y))[0]) + 1
        return Refusal(GAP_IN_SERIES, f"there is no reading at point {at}")
    if y.size < 2 * shape.period:
        return Refusal(TOO_FEW_READINGS, f"{y.size} readings are not two seasons")
    if np.ptp(y) == 0:
        return Refusal(NO_VARIATION, "all readings are equal")
    if not shape.is_additive and np.any(y <= 0):
        at = int(np.flatnonzero(y <= 0)[0]) + 1
        return Refusal(NOT_POSITIVE, f"{shape.name} multiplies, and the reading at point {at} is "
                       "not above zero")  # fmt: skip
    return None
