"""Odds of reaching a target if nothing changes, and whether such odds can be believed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from orchestration.statistics.prediction.forecast import Method, fit_method
from orchestration.statistics.prediction.outlook import Fitted
from orchestration.statistics.refusal import (
    IMPOSSIBLE_VALUE,
    NO_VARIATION,
    TOO_FEW_READINGS,
    Refusal,
    refuse_values,
)
from orchestration.statistics.spc.flat import Bools, Floats, Ints

Direction = Literal["at_least", "at_most"]
Summary = Literal["last", "mean", "sum", "every"]

N_PATHS: Final = 10_000
_LEAST_ODDS: Final = 50


@dataclass(frozen=True)
class Odds:
    """How likely a target is reached, if the process goes on as it has.

    Attributes
    ----------
    probability : float
        Share of drawn futures that reach the target; never 0 or 1, because ``n_paths`` futures
        cannot tell (Laplace's rule).
    low, median, high : float
        80 % interval and median of what is compared with the target.
    target : float
    direction, summary : str
    n_paths : int
    """

    probability: float
    low: float
    median: float
    high: float
    target: float
    direction: Direction
    summary: Summary
    n_paths: int


@dataclass(frozen=True)
class Calibration:
    """Stated odds against what happened.

    Attributes
    ----------
    stated, happened : ndarray, shape (n_bins,)
        Mean odds and share that came true, in bins of equal width; NaN where a bin is empty.
    count : ndarray of int, shape (n_bins,)
    brier : float
        Mean squared distance of odds from outcomes; 0 is perfect.
    brier_of_base_rate : float
        That of always stating the overall share.
    z, p_value : float
        Spiegelhalter's test that the odds are calibrated.
    """

    stated: Floats
    happened: Floats
    count: Ints
    brier: float
    brier_of_base_rate: float
    z: float
    p_value: float


def odds_of_target(
    fitted: Fitted,
    target: float,
    *,
    horizon: int,
    direction: Direction = "at_least",
    summary: Summary = "last",
    so_far: ArrayLike = (),
    ahead: int = 0,
    widening: float = 1.0,
    n_paths: int = N_PATHS,
    seed: int = 1,
) -> Odds:
    """Return the odds that a target is reached, from drawn futures.

    Parameters
    ----------
    fitted : Fitted
    target : float
        On the scale of the fit.
    horizon : int
        Periods until the target is due.
    direction : {"at_least", "at_most"}
        On which side of the target success lies.
    summary : {"last", "mean", "sum", "every"}
        What is compared: the last period, mean or sum over the whole term, or the worst period.
    so_far : array_like, shape (k,)
        Readings of the term that are known already; they count in all but ``last``.
    ahead : int
        Periods that come before the term and do not count in it.
    widening : float
        Factor on the distance of each future from their mean: how much larger the errors of a
        backtest were than the method's theory (`Backtest.widening`), for it takes its parameters
        as known.
    n_paths, seed : int

    Raises
    ------
    ValueError
        If the horizon is no period, the target no number, or a name unknown.
    """
    if not np.isfinite(target):
        raise ValueError(f"{target} is no target")
    figure = _compared(
        fitted, horizon=horizon, direction=direction, summary=summary, so_far=so_far,
        ahead=ahead, widening=widening, n_paths=n_paths, seed=seed,
    )  # fmt: skip
    reached = figure >= target if direction == "at_least" else figure <= target
    low, median, high = np.quantile(figure, [0.1, 0.5, 0.9]).tolist()
    return Odds(
        probability=(int(np.count_nonzero(reached)) + 1) / (n_paths + 2),
        low=low,
        median=median,
        high=high,
        target=target,
        direction=direction,
        summary=summary,
        n_paths=n_paths,
    )


def target_levels(
    fitted: Fitted,
    *,
    horizon: int,
    odds: tuple[float, ...] = (0.9, 0.5, 0.1),
    direction: Direction = "at_least",
    summary: Summary = "last",
    so_far: ArrayLike = (),
    widening: float = 1.0,
) -> tuple[float, ...]:
    """Return the targets that are reached with given odds if nothing changes.

    With the default odds: what is nearly safe, even, and a stretch that needs a change.

    Parameters
    ----------
    odds : tuple of float
        In (0, 1).
    fitted, horizon, direction, summary, so_far, widening
        As in `odds_of_target`.
    """
    if not all(0 < one < 1 for one in odds):
        raise ValueError("odds lie between 0 and 1")
    figure = _compared(
        fitted, horizon=horizon, direction=direction, summary=summary, so_far=so_far,
        ahead=0, widening=widening, n_paths=N_PATHS, seed=1,
    )  # fmt: skip
    shares = [1 - one if direction == "at_least" else one for one in odds]
    return tuple(np.quantile(figure, shares).tolist())


def calibrate(stated: ArrayLike, happened: ArrayLike, *, bins: int = 5) -> Calibration | Refusal:
    """Return whether stated odds came true as often as they said.

    Parameters
    ----------
    stated : array_like, shape (n,)
        Probabilities.
    happened : array_like of bool, shape (n,)
        Of cases that do not hang together.
    bins : int

    Returns
    -------
    Calibration or Refusal
        Refused: fewer than 50 cases, something that is no probability, odds of 0, 1/2 or 1 alone.

    References
    ----------
    Spiegelhalter, "Probabilistic prediction in patient management and clinical trials",
    *Statistics in Medicine* 5 (1986) 421-433.
    """
    p = np.asarray(stated, dtype=np.float64)
    came: Bools = np.asarray(happened, dtype=np.bool_)
    if p.shape != came.shape:
        raise ValueError(f"stated {p.shape} and happened {came.shape} differ in shape")
    refusal = refuse_values(p, least=max(_LEAST_ODDS, p.size))
    if refusal is not None:
        return refusal
    if np.any((p < 0) | (p > 1)):
        at = int(np.flatnonzero((p < 0) | (p > 1))[0]) + 1
        return Refusal(IMPOSSIBLE_VALUE, f"the odds of case {at} are no probability")
    spread = float(((1 - 2 * p) ** 2 * p * (1 - p)).sum())
    if spread <= 0:
        return Refusal(NO_VARIATION, "odds of 0, 1/2 and 1 alone cannot be tested")
    z = float(((came - p) * (1 - 2 * p)).sum()) / spread**0.5
    of_case = np.minimum((p * bins).astype(np.int64), bins - 1)
    count = np.bincount(of_case, minlength=bins)
    safe = np.where(count > 0, count, np.nan)
    return Calibration(
        stated=np.bincount(of_case, weights=p, minlength=bins) / safe,
        happened=np.bincount(of_case, weights=came.astype(np.float64), minlength=bins) / safe,
        count=count,
        brier=float(((came - p) ** 2).mean()),
        brier_of_base_rate=float(came.mean() * (1 - came.mean())),
        z=z,
        p_value=float(2 * norm.sf(abs(z))),
    )


def check_by_simulation(
    draw: Callable[[np.random.Generator], Floats],
    method: Method,
    *,
    horizon: int,
    n_series: int = 200,
    period: int = 1,
    direction: Direction = "at_least",
    seed: int = 1,
) -> Calibration | Refusal:
    """Return the calibration of a method's odds on series whose future is drawn with them.

    The method sees each series but its last ``horizon`` readings; the target lies -1, -1/2, .., 1
    standard deviation of those from their mean, in turn, and is due in the last period.

    Parameters
    ----------
    draw : callable
        Draws one whole series.
    method, horizon, period, direction
        As in `fit_method` and `odds_of_target`.
    n_series, seed : int

    Returns
    -------
    Calibration or Refusal
        Refused: the method refuses more than half of the series; else as `calibrate`.
    """
    rng = np.random.default_rng(seed)
    stated, happened = [], []
    for number in range(n_series):
        series = draw(rng)
        known = series[:-horizon]
        fitted = fit_method(known, method, period=period)
        if isinstance(fitted, Refusal):
            continue
        target = float(known.mean() + (number % 5 - 2) / 2 * known.std())
        found = odds_of_target(
            fitted, target, horizon=horizon, direction=direction, n_paths=2000, seed=number
        )
        stated.append(found.probability)
        reached = series[-1] >= target if direction == "at_least" else series[-1] <= target
        happened.append(bool(reached))
    if len(stated) < n_series / 2:
        return Refusal(TOO_FEW_READINGS, f"the method refused {n_series - len(stated)} series")
    return calibrate(stated, happened)


def _compared(
    fitted: Fitted,
    *,
    horizon: int,
    direction: Direction,
    summary: Summary,
    so_far: ArrayLike,
    ahead: int,
    widening: float,
    n_paths: int,
    seed: int,
) -> Floats:
    """Return of each drawn future what is compared with the target."""
    if horizon < 1:
        raise ValueError(f"the horizon must be a period at least, not {horizon}")
    drawn = fitted.paths(ahead + horizon, n_paths, np.random.default_rng(seed))[:, ahead:]
    centre = drawn.mean(axis=0)
    drawn = centre + widening * (drawn - centre)
    known = np.asarray(so_far, dtype=np.float64)
    term = np.hstack([np.tile(known, (n_paths, 1)), drawn])
    worst = term.min(axis=1) if direction == "at_least" else term.max(axis=1)
    compared: dict[str, Floats] = {
        "last": drawn[:, -1],
        "mean": term.mean(axis=1),
        "sum": term.sum(axis=1),
        "every": worst,
    }
    if summary not in compared or direction not in {"at_least", "at_most"}:
        raise ValueError(f"unknown summary {summary} or direction {direction}")
    return compared[summary]
