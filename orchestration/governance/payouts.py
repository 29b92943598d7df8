"""What pay plans would pay for: performance, or the luck of the months."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from orchestration.statistics.pay.plan import PayPlan
from orchestration.statistics.pay.simulate import (
    LEAST_MONTHS,
    Payouts,
    resampled_noise,
    simulate,
)
from orchestration.statistics.refusal import NO_VALUE, TOO_FEW_READINGS, Refusal

if TYPE_CHECKING:
    from orchestration.statistics.spc.flat import Floats

MONTHS: Final = 24
"""Latest final months that noise and levels are taken from."""
WINDOWS: Final = (1, 3, 12)
"""Months whose mean is paid on."""
DRAWS: Final = 1000
SEED: Final = 20_261_121
DIGITS: Final = 6
LEVEL_COLUMNS: Final = ("threshold_level", "target_level", "stretch_level")


@dataclass(frozen=True)
class Performance:
    """What is known of those whom a plan would pay.

    Attributes
    ----------
    participants : tuple of str
    levels : ndarray, shape (n, k, 3)
        In force in the last month that is final for all KPIs.
    true_values : ndarray, shape (n, k)
        Means of the months, drawn in until they differ as much as participants do.
    residuals : ndarray, shape (n_months, n, k)
        Distances of the months from each participant's own mean; NaN where there is no reading.
    between : ndarray, shape (k,)
        Variance between participants.
    """

    participants: tuple[str, ...]
    levels: Floats
    true_values: Floats
    residuals: Floats
    between: Floats


def simulate_plans(readings: pd.DataFrame, plan_items: pd.DataFrame) -> pd.DataFrame:
    """Simulate each pay plan by windows, on readings as they are and drawn towards their mean.

    Parameters
    ----------
    readings : DataFrame, one row per final monthly reading
        `kpi_id`, `entity_kind`, `entity_id`, `period_start_date`, `computed_value`,
        `threshold_level`, `target_level`, `stretch_level`.
    plan_items : DataFrame, one row per plan and KPI
        `plan_id`, `plan_version`, `subject_kind`, `cap`, `leverage`, `kpi_id`, `is_gate`,
        `weight`, `pay_at_threshold`, `pay_at_target`, `pay_at_stretch`.

    Returns
    -------
    DataFrame, one row per plan, window and belief
        `participant_count`, `month_count`, `window_months`, `is_drawn_in`; pay in multiples of the
        pay on target: `expected_pay`, `pay_low`, `pay_high` (90 % of what is paid per head),
        `overpaid`, `underpaid`; shares: `luck_share`, `better_earns_less_share`, `same_pay_share`,
        `best_earns_most_share`, `cliff_share`; `refusal`. Nobody is named.

    Notes
    -----
    Noise is what a participant's months differ by about their own mean. Where somebody truly moved
    within the two years that counts as noise too, so luck is rather over- than understated; means
    over a window stand for ratios of sums over it. The same seed gives the same figures.
    """
    rows = []
    for (plan_id, version), items in plan_items.groupby(["plan_id", "plan_version"], sort=True):
        plan = plan_of(items)
        known = performance(readings, items)
        whole = {
            "plan_id": str(plan_id),
            "plan_version": int(version),
            "subject_kind": str(items["subject_kind"].iloc[0]),
        }
        rows += [
            whole
            | {"window_months": window, "is_drawn_in": is_drawn_in}
            | _figures(plan, known, window, is_drawn_in=is_drawn_in)
            for window in WINDOWS
            for is_drawn_in in (False, True)
        ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


COLUMNS: Final = (
    "plan_id", "plan_version", "subject_kind", "window_months", "is_drawn_in", "participant_count",
    "month_count", "expected_pay", "pay_low", "pay_high", "overpaid", "underpaid", "luck_share",
    "better_earns_less_share", "same_pay_share", "best_earns_most_share", "cliff_share", "refusal",
)  # fmt: skip


def plan_of(items: pd.DataFrame) -> PayPlan:
    """Return the plan that rows of the register describe, its KPIs in order of id."""
    ordered = items.sort_values("kpi_id")
    pay = ordered[["pay_at_threshold", "pay_at_target", "pay_at_stretch"]]
    return PayPlan(
        weight=ordered["weight"].to_numpy(dtype=float),
        pay_at=pay.to_numpy(dtype=float),
        is_gate=ordered["is_gate"].to_numpy(dtype=bool),
        cap=float(ordered["cap"].iloc[0]),
        leverage=float(ordered["leverage"].iloc[0]),
    )


def performance(readings: pd.DataFrame, items: pd.DataFrame) -> Performance | Refusal:
    """Return what the latest months say of those whom a plan would pay.

    Returns
    -------
    Performance or Refusal
        Participants without a reading of some KPI in half of the months, or without levels, are
        left out. Refused: fewer than twelve months, fewer than two participants.

    Notes
    -----
    Means of units differ more than units do, by their own noise. They are drawn in by the root of
    the share that is not noise, so that their variance is that between units: Louis, "Estimating a
    population of parameter values using Bayes and empirical Bayes methods", *Journal of the
    American Statistical Association* 79 (1984) 393-398.
    """
    kpis = sorted(str(one) for one in items["kpi_id"])
    mine = readings[
        (readings["entity_kind"] == items["subject_kind"].iloc[0]) & readings["kpi_id"].isin(kpis)
    ]
    newest = mine.groupby("kpi_id")["period_start_date"].max()
    absent = [kpi for kpi in kpis if kpi not in newest.index]
    if absent:
        return Refusal(NO_VALUE, f"there is no final reading of {', '.join(absent)}")
    # Some KPIs are final sooner than others: what is paid on together is read together.
    last = newest.min()
    first = last - pd.DateOffset(months=MONTHS - 1)
    mine = mine[mine["period_start_date"].between(first, last)]
    months = sorted(mine["period_start_date"].unique())
    if len(months) < LEAST_MONTHS:
        return Refusal(
            TOO_FEW_READINGS, f"{len(months)} final months, at least {LEAST_MONTHS} are needed"
        )
    units = sorted(str(one) for one in mine["entity_id"].unique())
    place = (
        mine["period_start_date"].map({month: at for at, month in enumerate(months)}).to_numpy(),
        mine["entity_id"].map({unit: at for at, unit in enumerate(units)}).to_numpy(),
        mine["kpi_id"].map({kpi: at for at, kpi in enumerate(kpis)}).to_numpy(),
    )
    values = np.full((len(months), len(units), len(kpis)), np.nan)
    values[place] = mine["computed_value"].to_numpy(dtype=float, na_value=np.nan)
    levels = np.full((len(months), len(units), len(kpis), len(LEVEL_COLUMNS)), np.nan)
    levels[place] = mine[list(LEVEL_COLUMNS)].to_numpy(dtype=float, na_value=np.nan)
    count = np.isfinite(values).sum(axis=0)
    steps = np.sign(np.diff(levels[-1], axis=2))
    # Levels that do not rise or fall throughout, or are missing, are none to pay along.
    has_levels = (np.abs(steps.sum(axis=2)) == steps.shape[2]).all(axis=1)
    is_there = (count >= len(months) / 2).all(axis=1) & has_levels
    if np.count_nonzero(is_there) < 2:  # noqa: PLR2004 - nobody to compare with
        return Refusal(
            TOO_FEW_READINGS, "fewer than 2 participants have readings and levels of all KPIs"
        )
    values, count = values[:, is_there], count[is_there]
    mean = np.nanmean(values, axis=0)
    residuals = values - mean
    within = np.nansum(residuals**2, axis=(0, 1)) / (count - 1).sum(axis=0)
    noise_of_mean = (within / count).mean(axis=0)
    between = np.maximum(mean.var(axis=0, ddof=1) - noise_of_mean, 0.0)
    believed = np.sqrt(between / np.where(between > 0, between + noise_of_mean, 1.0))
    centre = mean.mean(axis=0)
    return Performance(
        participants=tuple(np.array(units)[is_there].tolist()),
        levels=levels[-1, is_there],
        true_values=centre + believed * (mean - centre),
        residuals=residuals,
        between=between,
    )


def simulated(
    plan: PayPlan, known: Performance, window: int, *, is_drawn_in: bool
) -> Payouts | Refusal:
    """Pay the performance under the noise of a window's mean."""
    noise = resampled_noise(known.residuals, window=window, n_draws=DRAWS, seed=SEED)
    if isinstance(noise, Refusal):
        return noise
    own = None
    if is_drawn_in:
        variance = known.between + noise.var(axis=(0, 1))
        own = known.between / np.where(variance > 0, variance, 1.0)
    return simulate(plan, known.levels, known.true_values, noise, own_share=own)


def _figures(
    plan: PayPlan, known: Performance | Refusal, window: int, *, is_drawn_in: bool
) -> dict[str, Any]:
    counts = {"participant_count": 0, "month_count": 0}
    found: Payouts | Refusal
    if isinstance(known, Refusal):
        found = known
    else:
        counts = {
            "participant_count": len(known.participants),
            "month_count": len(known.residuals),
        }
        found = simulated(plan, known, window, is_drawn_in=is_drawn_in)
    if isinstance(found, Refusal):
        return counts | {"refusal": f"{found.reason}: {found.detail}"}
    figures = {
        "expected_pay": found.cost,
        "pay_low": found.cost_low,
        "pay_high": found.cost_high,
        "overpaid": found.overpaid,
        "underpaid": found.underpaid,
        "luck_share": found.luck_share,
        "better_earns_less_share": found.better_earns_less,
        "same_pay_share": found.same_pay,
        "best_earns_most_share": found.best_earns_most,
        "cliff_share": found.cliff_share,
    }
    return counts | {name: round(figure, DIGITS) for name, figure in figures.items()}
