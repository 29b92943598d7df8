"""What a pay plan would pay if the same performance were measured again and again."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.pay.plan import PayPlan, payouts
from orchestration.statistics.refusal import (
    IMPOSSIBLE_VALUE,
    NO_VALUE,
    NO_VARIATION,
    TOO_FEW_READINGS,
    Refusal,
)
from orchestration.statistics.spc.flat import Floats

NUDGE: Final = 0.1
"""Share of a reading's noise that nobody would call a difference in performance."""
JUMP: Final = 0.1
"""Share of the pay on target that everybody would notice."""
LEAST_MONTHS: Final = 12


@dataclass(frozen=True)
class Payouts:
    """What a plan pays for; money is in multiples of the pay on target.

    Attributes
    ----------
    deserved : ndarray, shape (n,)
        Pay of each participant if readings had no noise.
    expected, sd : ndarray, shape (n,)
        Mean and spread of the pay for the same true performance.
    luck_share : float
        Of the variance of pay: mean variance of a participant's pay over that plus the variance
        between participants' expected pay. NaN if all pay is always the same.
    better_earns_less : float
        Of all pairs that deserve different pay, how often the better one earns less.
    same_pay : float
        How often both earn the same.
    best_earns_most : float
        How often one who deserves most is paid most, ties included.
    cliff_share : float
        Share of payouts that a tenth of one reading's noise would change by a tenth of the pay on
        target.
    cost, cost_low, cost_high : float
        Mean and 90 % range of what is paid per participant.
    costs : ndarray, shape (n_draws,)
        What is paid per participant in each draw.
    overpaid, underpaid : float
        Mean per participant of what is paid beyond the deserved pay, and of what is short of it.
    """

    deserved: Floats
    expected: Floats
    sd: Floats
    luck_share: float
    better_earns_less: float
    same_pay: float
    best_earns_most: float
    cliff_share: float
    cost: float
    cost_low: float
    cost_high: float
    costs: Floats
    overpaid: float
    underpaid: float


def normal_noise(sd: ArrayLike, n_participants: int, *, n_draws: int, seed: int) -> Floats:
    """Return independent normal noise, shape (n_draws, n_participants, k), by KPI's sd."""
    spread = np.asarray(sd, dtype=np.float64)
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n_draws, n_participants, spread.shape[-1])) * spread


def resampled_noise(
    residuals: ArrayLike, *, window: int = 1, n_draws: int, seed: int
) -> Floats | Refusal:
    """Return noise of means over a window, drawn from readings' own distances from their means.

    Parameters
    ----------
    residuals : array_like, shape (n_periods, n, k)
        Of n participants on k KPIs; NaN where a reading is missing.
    window : int
        Periods that are paid on together.
    n_draws, seed : int

    Returns
    -------
    ndarray, shape (n_draws, n, k), or Refusal
        Refused: fewer than twelve periods, or than twice the window; a participant without any
        reading of a KPI in some window.

    Notes
    -----
    Windows of consecutive periods, the last joined to the first, are drawn for all participants
    and KPIs together, so that what hangs together over time, KPIs and participants stays together
    (circular block bootstrap, Politis and Romano 1992). Distances are from a mean that the window
    is a part of; they are widened by ``sqrt(n / (n - window))``.
    """
    table = np.asarray(residuals, dtype=np.float64)
    periods = table.shape[0]
    if periods < max(LEAST_MONTHS, 2 * window):
        return Refusal(
            TOO_FEW_READINGS,
            f"{periods} periods, at least {max(LEAST_MONTHS, 2 * window)} are needed",
        )
    rows = (np.arange(periods)[:, None] + np.arange(window)) % periods
    there = np.isfinite(table)
    known = there[rows].sum(axis=1)
    if not known.all():
        return Refusal(NO_VALUE, "a participant has no reading in some window")
    means = np.where(there, table, 0.0)[rows].sum(axis=1) / known
    at = np.random.default_rng(seed).integers(periods, size=n_draws)
    noise: Floats = means[at] * np.sqrt(periods / (periods - window))
    return noise


def simulate(
    plan: PayPlan,
    levels: ArrayLike,
    true_values: ArrayLike,
    noise: ArrayLike,
    *,
    own_share: ArrayLike | None = None,
) -> Payouts | Refusal:
    """Pay the same true performance under many draws of noise.

    Parameters
    ----------
    plan : PayPlan
    levels : array_like, shape (n, k, 3) or (k, 3)
        Threshold, target and stretch.
    true_values : array_like, shape (n, k)
        Performance of n participants on k KPIs, as it would be read without noise.
    noise : array_like, shape (n_draws, n, k)
    own_share : array_like, shape (k,), optional
        Pay on readings drawn towards the mean of all participants: ``mean + share (own - mean)``.

    Returns
    -------
    Payouts or Refusal
        Refused: fewer than two participants or draws, missing or infinite figures, no noise.

    Raises
    ------
    ValueError
        If shapes differ, or as `payouts`.

    Examples
    --------
    >>> plan = PayPlan(np.array([1.0]), np.array([[0.0, 1.0, 2.0]]), np.array([False]))
    >>> noise = normal_noise([0.01], 2, n_draws=1000, seed=1)
    >>> found = simulate(plan, [[0.0, 0.5, 1.0]], [[0.3], [0.7]], noise)
    >>> found.better_earns_less, round(found.luck_share, 2)
    (0.0, 0.0)
    """
    truth, drawn = np.asarray(true_values, dtype=np.float64), np.asarray(noise, dtype=np.float64)
    if truth.ndim != 2 or drawn.shape[1:] != truth.shape:  # noqa: PLR2004 - participants by KPIs
        raise ValueError(f"true values {truth.shape} and noise {drawn.shape} differ in shape")
    if min(len(truth), len(drawn)) < 2:  # noqa: PLR2004 - nothing to compare
        return Refusal(TOO_FEW_READINGS, "at least 2 participants and 2 draws are needed")
    if not (np.isfinite(truth).all() and np.isfinite(drawn).all()):
        return Refusal(IMPOSSIBLE_VALUE, "a true value or a draw of noise is missing or infinite")
    spread = drawn.std(axis=0)
    if not spread.any():
        return Refusal(NO_VARIATION, "without noise the plan pays what it says")
    readings = truth + drawn
    if own_share is not None:
        share = np.asarray(own_share, dtype=np.float64)
        spread = spread * share
        centre = readings.mean(axis=1, keepdims=True)
        readings = centre + share * (readings - centre)
    paid = payouts(plan, readings, levels)
    deserved = payouts(plan, truth, levels)
    expected = paid.mean(axis=0)
    by_luck = float(paid.var(axis=0).mean())
    in_all = by_luck + float(expected.var())
    cost = paid.mean(axis=1)
    less, same = _wrong_order(deserved, paid)
    best = np.isclose(deserved, deserved.max())
    off = paid - deserved
    return Payouts(
        deserved=deserved,
        expected=expected,
        sd=paid.std(axis=0),
        luck_share=by_luck / in_all if in_all > 0 else np.nan,
        better_earns_less=less,
        same_pay=same,
        best_earns_most=float((paid[:, best].max(axis=1) >= paid.max(axis=1)).mean()),
        cliff_share=_cliffs(plan, readings, levels, spread, paid),
        cost=float(cost.mean()),
        cost_low=float(np.quantile(cost, 0.05)),
        cost_high=float(np.quantile(cost, 0.95)),
        costs=cost,
        overpaid=float(np.maximum(off, 0).mean()),
        underpaid=float(np.maximum(-off, 0).mean()),
    )


def _wrong_order(deserved: Floats, paid: Floats) -> tuple[float, float]:
    """Return how often, in pairs that deserve different pay, the better earns less or the same."""
    order = np.argsort(deserved, kind="stable")
    worth, drawn = deserved[order], paid[:, order]
    less = same = pairs = 0
    for at in range(worth.size - 1):
        # Those after it deserve as much or more.
        better = drawn[:, at + 1 :][:, worth[at + 1 :] > worth[at] + 1e-12]
        pairs += better.size
        less += int(np.count_nonzero(better < drawn[:, [at]] - 1e-12))
        same += int(np.count_nonzero(np.abs(better - drawn[:, [at]]) <= 1e-12))  # noqa: PLR2004
    return (less / pairs, same / pairs) if pairs else (np.nan, np.nan)


def _cliffs(
    plan: PayPlan, readings: Floats, levels: ArrayLike, spread: Floats, paid: Floats
) -> float:
    jumps = np.zeros(paid.shape, dtype=bool)
    for kpi in range(readings.shape[-1]):
        for side in (-NUDGE, NUDGE):
            moved = readings.copy()
            moved[..., kpi] += side * spread[:, kpi]
            jumps |= np.abs(payouts(plan, moved, levels) - paid) >= JUMP
    return float(jumps.mean())
