"""A pay plan as data, and what it pays for given readings."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from orchestration.statistics.spc.flat import Floats

LEVELS: Final = 3
"""Threshold, target, stretch."""


@dataclass(frozen=True)
class PayPlan:
    """What is paid, in multiples of the pay on target.

    Attributes
    ----------
    weight : ndarray, shape (k,)
        Of each KPI; those of the KPIs that pay sum to one, a gate has 0.
    pay_at : ndarray, shape (k, 3)
        Paid of a KPI at threshold, target and stretch, linear between; nothing below the threshold
        and no more beyond the stretch. Above 0 at the threshold is a cliff.
    is_gate : ndarray of bool, shape (k,)
        Nothing at all is paid unless the KPI reaches its threshold.
    cap : float
        Most that is paid in all.
    leverage : float
        How far the sum moves about 1: ``1 + leverage (sum - 1)``, not below 0.
    """

    weight: Floats
    pay_at: Floats
    is_gate: np.ndarray
    cap: float = np.inf
    leverage: float = 1.0

    def __post_init__(self) -> None:
        """Refuse plans that cannot be meant.

        Raises
        ------
        ValueError
            If shapes differ, weights are negative or do not sum to one, a gate has a weight, pay
            falls from threshold to stretch, or cap or leverage are negative.
        """
        k = np.asarray(self.weight).size
        if np.shape(self.pay_at) != (k, LEVELS) or np.shape(self.is_gate) != (k,):
            raise ValueError("weights, pay and gates differ in their number of KPIs")
        if np.any(np.asarray(self.weight) < 0) or not np.isclose(np.sum(self.weight), 1):
            raise ValueError(f"weights must be at least 0 and sum to 1, not {self.weight}")
        if np.any(np.asarray(self.weight)[np.asarray(self.is_gate)] > 0):
            raise ValueError("a gate has a weight: it pays nothing itself")
        if np.any(np.diff(self.pay_at, axis=1) < 0) or np.any(np.asarray(self.pay_at) < 0):
            raise ValueError("pay must rise from threshold to stretch, from 0 on")
        if self.cap < 0 or self.leverage < 0:
            raise ValueError("cap and leverage must be at least 0")


def payouts(plan: PayPlan, readings: ArrayLike, levels: ArrayLike) -> Floats:
    """Return what a plan pays.

    Parameters
    ----------
    plan : PayPlan
    readings : array_like, shape (..., n, k)
        Of n participants on k KPIs; with a missing one nothing is known, and nothing is NaN else.
    levels : array_like, shape (n, k, 3) or (k, 3)
        Threshold, target and stretch in the unit of each KPI. They rise where higher is better and
        fall where lower is.

    Returns
    -------
    ndarray, shape (..., n)
        In multiples of the pay on target.

    Raises
    ------
    ValueError
        If the levels of a KPI do not rise or fall throughout.

    Examples
    --------
    >>> plan = PayPlan(np.array([1.0]), np.array([[0.5, 1.0, 1.5]]), np.array([False]))
    >>> payouts(plan, [[0.84], [0.85], [0.875], [0.99]], [[0.85, 0.9, 0.95]]).round(2).tolist()
    [0.0, 0.5, 0.75, 1.5]
    """
    values = np.asarray(readings, dtype=np.float64)
    steps = np.asarray(levels, dtype=np.float64)
    distance = np.diff(steps, axis=-1)
    side = np.sign(distance[..., :1])
    if np.any(distance * side <= 0):
        raise ValueError("the levels of a KPI must rise, or fall, from threshold to stretch")
    # Turned so that higher is better.
    turned, steps = values * side[..., 0], steps * side
    reached = turned >= steps[..., 0]
    below_target = turned < steps[..., 1]
    along = np.where(
        below_target,
        (turned - steps[..., 0]) / np.abs(distance[..., 0]),
        np.minimum((turned - steps[..., 1]) / np.abs(distance[..., 1]), 1.0),
    )
    low = np.where(below_target, plan.pay_at[:, 0], plan.pay_at[:, 1])
    high = np.where(below_target, plan.pay_at[:, 1], plan.pay_at[:, 2])
    paid = np.where(reached, low + along * (high - low), 0.0) @ plan.weight
    total = np.clip(1 + plan.leverage * (paid - 1), 0.0, plan.cap)
    is_open = np.all(reached | ~plan.is_gate, axis=-1)
    missing = np.isnan(values).any(axis=-1)
    return np.where(missing, np.nan, np.where(is_open, total, 0.0))


def expected_pay(mean: ArrayLike, sd: ArrayLike, levels: ArrayLike, pay_at: ArrayLike) -> Floats:
    """Return the expected pay of one KPI under normal noise, in closed form.

    Parameters
    ----------
    mean, sd : array_like, shape (n,)
        Of the readings of each participant; sd above 0.
    levels, pay_at : array_like, shape (3,)
        As in `payouts`.

    Notes
    -----
    Pay is a step at the threshold and two ramps. A ramp from a to b pays in the mean
    ``(E (x - a)+ - E (x - b)+) / (b - a)``, and ``E (x - a)+ = (m - a) Phi(z) + s phi(z)`` with
    ``z = (m - a) / s``, as in Bachelier's price of an option.
    """
    steps, pay = np.asarray(levels, dtype=np.float64), np.asarray(pay_at, dtype=np.float64)
    side = np.sign(steps[1] - steps[0])
    middle, steps = np.asarray(mean, dtype=np.float64) * side, steps * side
    spread = np.asarray(sd, dtype=np.float64)

    def above(level: float) -> Floats:
        z = (middle - level) / spread
        found: Floats = (middle - level) * norm.cdf(z) + spread * norm.pdf(z)
        return found

    ramps = sum(
        (pay[at + 1] - pay[at])
        * (above(steps[at]) - above(steps[at + 1]))
        / (steps[at + 1] - steps[at])
        for at in range(LEVELS - 1)
    )
    return np.asarray(pay[0] * norm.cdf((middle - steps[0]) / spread) + ramps, dtype=np.float64)
