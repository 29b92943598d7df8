"""A change that came in waves: what each unit would have been, imputed from the untreated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from orchestration.statistics.experiments.clustered import fit_clustered
from orchestration.statistics.experiments.difference import (
    LEAST_TREATED_CLUSTERS,
    Panel,
    PreTrend,
    pre_trend_test,
    refuse_clusters,
    refuse_flat,
)
from orchestration.statistics.refusal import NO_COMPARISON, NO_VARIATION, Refusal
from orchestration.statistics.spc.flat import Bools, Floats, Ints

_ROUNDING = 1e-8
# Of the outcome: less is what its sums are off by.
_EXACT = 1e-12


@dataclass(frozen=True)
class Effects:
    """Average effects over groups of treated readings.

    Attributes
    ----------
    effect, se, low, high : ndarray, shape (k,)
        In the unit of the outcome. NaN where a group is of one cluster, which cannot be left out.
    n_units : ndarray of int, shape (k,)
        Units that the average is of; it changes along the way, and so may the average.
    """

    effect: Floats
    se: Floats
    low: Floats
    high: Floats
    n_units: Ints


@dataclass(frozen=True)
class Staggered:
    """The effect of a change that came in waves, on those who were treated.

    Attributes
    ----------
    effect, se, low, high, p_value : float
        Average over all treated readings whose untreated outcome can be imputed.
    freedom : int
        Of t: clusters less one.
    since : ndarray of int, shape (k,)
        Periods since the start, 0 being the first treated one.
    by_since : Effects
    wave : ndarray, shape (m,)
        First treated periods.
    by_wave : Effects
    pre_trend : PreTrend or Refusal
        Of the last periods before the start, among the untreated readings.
    n_imputed, n_dropped : int
        Treated readings that were used, and those without anybody to compare with.
    """

    effect: float
    se: float
    low: float
    high: float
    p_value: float
    freedom: int
    since: Ints
    by_since: Effects
    wave: NDArray[np.generic]
    by_wave: Effects
    pre_trend: PreTrend | Refusal
    n_imputed: int
    n_dropped: int


def imputed_effects(
    readings: Panel,
    *,
    leads: int = 3,
    confidence: float = 0.95,
    least: int = LEAST_TREATED_CLUSTERS,
) -> Staggered | Refusal:
    """Return the effects by imputation.

    Effects of unit and period are fitted to untreated readings alone; a treated reading less what
    they foresee is its effect. So those treated early never serve as a comparison for those treated
    later, which is what turns two-way fixed effects wrong. Errors are by the jackknife over
    clusters, on the safe side with few.

    Parameters
    ----------
    readings : Panel
        Treatment must not end once it began.
    leads : int
        Periods before the start that the pre-trend test looks at, at most; one more is left as the
        reference.
    confidence : float
    least : int
        Fewest treated clusters.

    Returns
    -------
    Staggered or Refusal
        Refused: too few treated clusters, a treatment that ended, nobody to compare with, an
        outcome without variation.

    References
    ----------
    Borusyak, Jaravel and Spiess, "Revisiting event-study designs: robust and efficient
    estimation", *Review of Economic Studies* 91 (2024) 3253-3285; Gardner (2022); jackknife:
    MacKinnon, Nielsen and Webb, "Fast and reliable jackknife and bootstrap methods for
    cluster-robust inference", *Journal of Applied Econometrics* 38 (2023) 671-694.
    """
    refusal = refuse_clusters(readings, least) or refuse_flat(readings)
    if refusal is not None:
        return refusal
    period, order = np.unique(readings.period, return_inverse=True)
    start = _starts(readings, order)
    is_treated = readings.treatment > 0
    if np.any(~is_treated & (order >= start)):
        at = int(np.flatnonzero(~is_treated & (order >= start))[0])
        return Refusal(
            NO_COMPARISON,
            f"the treatment of {readings.unit[at]} ended before {readings.period[at]}",
        )
    since = np.where(is_treated, order - start, -1)
    groups = [is_treated] + [since == after for after in np.unique(since[is_treated])]
    waves = np.unique(start[is_treated])
    groups += [is_treated & (start == wave) for wave in waves]
    membership = np.column_stack(groups).astype(np.float64)
    design = readings.fixed_effects()
    whole, can = _averages(readings.outcome, design, is_treated, membership)
    if not can.any():
        return Refusal(NO_COMPARISON, "no treated reading has anybody to compare with")
    clusters = np.unique(readings.cluster)
    without = np.array(
        [
            _averages(readings.outcome[keep], design[keep], is_treated[keep], membership[keep])[0]
            for keep in (readings.cluster != one for one in clusters)
        ]
    )
    g = clusters.size
    se = np.sqrt((g - 1) / g * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    if se[0] <= _EXACT * np.abs(readings.outcome).max():
        return Refusal(NO_VARIATION, "every cluster shows the same effect, without any residual")
    half = float(student.ppf((1 + confidence) / 2, g - 1)) * se
    used = membership * can[:, None]
    n_units = np.array([np.unique(readings.unit[used[:, at] > 0]).size for at in range(whole.size)])
    n_since = np.unique(since[is_treated]).size

    def some(first: int, last: int | None) -> Effects:
        at = slice(first, last)
        return Effects(whole[at], se[at], (whole - half)[at], (whole + half)[at], n_units[at])

    reach = float(np.mean(since[can] + 1))
    return Staggered(
        effect=float(whole[0]),
        se=float(se[0]),
        low=float(whole[0] - half[0]),
        high=float(whole[0] + half[0]),
        p_value=float(2 * student.sf(abs(whole[0]) / se[0], g - 1)),
        freedom=g - 1,
        since=np.unique(since[is_treated]),
        by_since=some(1, 1 + n_since),
        wave=period[waves],
        by_wave=some(1 + n_since, None),
        pre_trend=_pre_trend(readings, order - start, leads, float(whole[0]) / reach),
        n_imputed=int(can.sum()),
        n_dropped=int(is_treated.sum() - can.sum()),
    )


def _averages(
    outcome: Floats, design: Floats, is_treated: Bools, membership: Floats
) -> tuple[Floats, Bools]:
    """Return the mean effect of each group, and which readings can be imputed."""
    _, size, turned = np.linalg.svd(design[~is_treated], full_matrices=False)
    space = turned[size > _ROUNDING * size[0]]
    fitted, *_ = np.linalg.lstsq(design[~is_treated], outcome[~is_treated], rcond=_ROUNDING)
    # A unit or period that no untreated reading knows lies outside the space of those that do.
    outside = design - (design @ space.T) @ space
    can = is_treated & ((outside**2).sum(axis=1) < _ROUNDING)
    effect = np.where(can, outcome - design @ fitted, 0.0)
    count = membership.T @ can
    with np.errstate(invalid="ignore"):
        mean = (membership.T @ effect) / np.where(count > 0, count, np.nan)
    return mean, can


def _starts(readings: Panel, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each reading when its unit began, a period after the last for never."""
    start = np.full(order.size, int(order.max()) + 1)
    for unit in np.unique(readings.unit[readings.treatment > 0]):
        rows = readings.unit == unit
        start[rows] = order[rows & (readings.treatment > 0)].min()
    return start


def _pre_trend(
    readings: Panel, since: NDArray[np.int64], leads: int, drift: float
) -> PreTrend | Refusal:
    """Test the last periods before the start on untreated readings alone."""
    untreated = readings.treatment <= 0
    ever = np.isin(readings.unit, np.unique(readings.unit[~untreated]))
    kept = untreated.nonzero()[0]
    # The earliest period of a treated unit must stay as its reference.
    deepest = -int(since[ever].min()) - 1
    distance = -np.arange(1.0, min(leads, deepest) + 1)
    wanted = np.column_stack([ever & (since == at) for at in distance])[kept]
    if wanted.size == 0:
        return pre_trend_test(np.zeros(0), np.zeros((0, 0)), distance, freedom=0.0, drift=drift)
    fit = fit_clustered(
        readings.outcome[kept], wanted, readings.fixed_effects()[kept], readings.cluster[kept]
    )
    if isinstance(fit, Refusal):
        return fit
    # Drift counts from the earlier periods, which are the reference here.
    return pre_trend_test(
        fit.coefficient,
        fit.cr2,
        distance - distance.min() + 1,
        freedom=fit.joint_freedom(range(distance.size)),
        drift=drift,
    )
