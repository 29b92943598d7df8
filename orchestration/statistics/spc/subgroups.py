"""Charts of subgroups: means with their range or standard deviation, and sigma within them."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.refusal import (
    NO_VARIATION,
    TOO_FEW_READINGS,
    Refusal,
    refuse_values,
)
from orchestration.statistics.spc.constants import LIMIT_SIGMAS
from orchestration.statistics.spc.flat import Floats, Ints
from orchestration.statistics.spc.unbiasing import Digits, c4, d2, d3

SigmaMethod = Literal["UWAVE-R", "UWAVE-SD", "MVLUE-R", "MVLUE-SD", "RMSDF", "pooled_s/c4(n_i)"]
SIGMA_METHODS: Final[tuple[SigmaMethod, ...]] = (
    "UWAVE-R", "UWAVE-SD", "MVLUE-R", "MVLUE-SD", "RMSDF", "pooled_s/c4(n_i)",
)  # fmt: skip


@dataclass(frozen=True)
class Subgroups:
    """What is charted of each subgroup, shape (n_subgroups,) each, by first appearance.

    Attributes
    ----------
    mean, range, sd : ndarray
        ``range`` and ``sd`` (n - 1 below) are NaN in a subgroup of one.
    size : ndarray of int
        Finite readings; subgroups without any are left out.
    """

    mean: Floats
    range: Floats
    sd: Floats
    size: Ints

    def first(self, count: int | None) -> "Subgroups":
        """Return the first ``count`` subgroups, all if None."""
        return Subgroups(self.mean[:count], self.range[:count], self.sd[:count], self.size[:count])


@dataclass(frozen=True)
class Total:
    """Number, mean and standard deviation (n - 1 below) of readings taken together."""

    n: int
    centre: float
    sd: float


@dataclass(frozen=True)
class SubgroupChart:
    """Lines of every subgroup, shape (n_subgroups,) each.

    Attributes
    ----------
    value : ndarray
        What is plotted.
    centre, lower, upper : ndarray
    sigma : ndarray
        Standard deviation within subgroups that set the lines of each; one figure unless the
        method is ``pooled_s/c4(n_i)``.
    """

    value: Floats
    centre: Floats
    sigma: Floats
    lower: Floats
    upper: Floats


def summarise_subgroups(values: ArrayLike, subgroup: ArrayLike) -> Subgroups | Refusal:
    """Return mean, range, standard deviation and size of each subgroup.

    Parameters
    ----------
    values : array_like, shape (n,)
        Readings; NaN is left out of its subgroup.
    subgroup : array_like, shape (n,)
        Label of each reading's subgroup; subgroups follow each other by first appearance.

    Raises
    ------
    ValueError
        If shapes differ.
    """
    refusal = refuse_values(values)
    if refusal is not None:
        return refusal
    points, labels = np.asarray(values, dtype=np.float64), np.asarray(subgroup)
    if labels.shape != points.shape:
        raise ValueError(f"subgroups {labels.shape} and readings {points.shape} differ in shape")
    there = np.isfinite(points)
    points, labels = points[there], labels[there]
    _, first, code = np.unique(labels, return_index=True, return_inverse=True)
    groups = [points[code == group] for group in np.argsort(first)]
    size = np.array([group.size for group in groups], dtype=np.int64)
    several = size > 1
    return Subgroups(
        mean=np.array([group.mean() for group in groups]),
        range=np.where(several, [np.ptp(group) for group in groups], np.nan),
        sd=np.array([group.std(ddof=1) if group.size > 1 else np.nan for group in groups]),
        size=size,
    )


def pool(subgroups: Subgroups) -> Total:
    """Return number, mean and standard deviation of all readings, as if they had not been grouped.

    Examples
    --------
    >>> pool(summarise_subgroups([1, 3, 2, 4, 8], [1, 1, 2, 2, 3]))
    Total(n=5, centre=3.6, sd=2.701851217221259)
    """
    n = int(subgroups.size.sum())
    centre = float((subgroups.mean * subgroups.size).sum() / n)
    inside = np.where(subgroups.size > 1, (subgroups.size - 1) * subgroups.sd**2, 0.0).sum()
    between = (subgroups.size * (subgroups.mean - centre) ** 2).sum()
    return Total(n, centre, float(np.sqrt((inside + between) / (n - 1))) if n > 1 else np.nan)


def freedom_within(
    subgroups: Subgroups, method: SigmaMethod = "UWAVE-R", *, digits: Digits = "table"
) -> float:
    """Return the degrees of freedom of `sigma_within`: of the chi-square that has its variance.

    Exact for the pooled methods, ``sum(n_i - 1)``; otherwise half the inverse of the relative
    variance, as ranges of subgroups of five have 3.62 each and their standard deviations 3.79.
    Subgroups of one have none.

    References
    ----------
    Duncan, *Quality Control and Industrial Statistics*, table D3, for ranges.
    """
    size = subgroups.size[subgroups.size > 1]
    if method in {"RMSDF", "pooled_s/c4(n_i)"}:
        return float((size - 1).sum())
    if method.endswith("-R"):
        ratio = np.array([d2(int(n), digits) / d3(int(n), digits) for n in size])
        weight = ratio**2
    else:
        squared = np.array([c4(int(n)) for n in size]) ** 2
        weight = squared / (1 - squared)
    if method.startswith("MVLUE"):
        return float(weight.sum() / 2)
    return float(size.size**2 / (2 * (1 / weight).sum()))


def sigma_within(
    subgroups: Subgroups, method: SigmaMethod = "UWAVE-R", *, digits: Digits = "table"
) -> float | Refusal:
    """Return the standard deviation within subgroups.

    Parameters
    ----------
    subgroups : Subgroups
        Subgroups of one reading tell nothing about it and are left out.
    method : str
        ``UWAVE-R`` mean of range/d2; ``UWAVE-SD`` mean of sd/c4; ``MVLUE-R`` and ``MVLUE-SD`` the
        same, weighted by (d2/d3)^2 and c4^2/(1 - c4^2); ``RMSDF`` pooled sd over c4 of its
        degrees of freedom plus one; ``pooled_s/c4(n_i)`` the pooled sd itself, which
        `mean_chart` divides by c4 of each subgroup's size.
    digits : {"table", "exact"}
        Digits of d2 and d3.

    Returns
    -------
    float or Refusal
        Refused: no subgroup of two or more, no variation within any.

    Raises
    ------
    ValueError
        If the method is unknown.

    References
    ----------
    SAS/QC User's Guide, SHEWHART procedure, "Methods for estimating the standard deviation";
    Montgomery, *Introduction to Statistical Quality Control*, equation 6.31, for the pooled sd.
    """
    if method not in SIGMA_METHODS:
        raise ValueError(f"unknown sigma method {method}; known: {', '.join(SIGMA_METHODS)}")
    usable = subgroups.size > 1
    size = subgroups.size[usable]
    if size.size == 0:
        return Refusal(TOO_FEW_READINGS, "no subgroup has two readings")
    if not np.any(subgroups.range[usable] > 0):
        return Refusal(NO_VARIATION, "no subgroup varies within itself")
    if method in {"RMSDF", "pooled_s/c4(n_i)"}:
        free = size - 1
        pooled = float(np.sqrt((free * subgroups.sd[usable] ** 2).sum() / free.sum()))
        return pooled / c4(int(free.sum()) + 1) if method == "RMSDF" else pooled
    if method.endswith("-R"):
        mean = np.array([d2(int(n), digits) for n in size])
        spread = np.array([d3(int(n), digits) for n in size])
        estimate, weight = subgroups.range[usable] / mean, (mean / spread) ** 2
    else:
        mean = np.array([c4(int(n)) for n in size])
        estimate, weight = subgroups.sd[usable] / mean, mean**2 / (1 - mean**2)
    if method.startswith("UWAVE"):
        return float(estimate.mean())
    return float((estimate * weight).sum() / weight.sum())


def mean_chart(
    subgroups: Subgroups,
    *,
    baseline_subgroups: int | None = None,
    sigma_method: SigmaMethod = "UWAVE-R",
    digits: Digits = "table",
) -> SubgroupChart | Refusal:
    """Return the chart of subgroup means: ``centre -+ 3 sigma / sqrt(n_i)``.

    The centre is the mean of all baseline readings, so that a subgroup counts by its size.

    Parameters
    ----------
    subgroups : Subgroups
    baseline_subgroups : int, optional
        Lines come from the first so many subgroups; by default from all.
    sigma_method, digits
        As in `sigma_within`.

    Examples
    --------
    >>> groups = summarise_subgroups([1, 3, 2, 4, 3, 5], [1, 1, 2, 2, 3, 3])
    >>> chart = mean_chart(groups)
    >>> float(chart.centre[0]), round(float(chart.upper[0]), 3)
    (3.0, 6.761)
    """
    baseline = subgroups.first(baseline_subgroups)
    sigma = sigma_within(baseline, sigma_method, digits=digits)
    if isinstance(sigma, Refusal):
        return sigma
    centre = np.full(
        subgroups.size.size, (baseline.mean * baseline.size).sum() / baseline.size.sum()
    )
    each = np.full(subgroups.size.size, sigma)
    if sigma_method == "pooled_s/c4(n_i)":
        each = np.array([sigma / c4(int(n)) if n > 1 else np.nan for n in subgroups.size])
    spread = LIMIT_SIGMAS * each / np.sqrt(subgroups.size)
    return SubgroupChart(subgroups.mean, centre, each, centre - spread, centre + spread)


def range_chart(
    subgroups: Subgroups,
    *,
    baseline_subgroups: int | None = None,
    sigma_method: SigmaMethod = "UWAVE-R",
    digits: Digits = "table",
) -> SubgroupChart | Refusal:
    """Return the chart of subgroup ranges: ``centre -+ 3 d3(n_i) sigma``, not below 0.

    The centre is the mean range weighted by size, as R qcc takes it; with unequal sizes it is the
    same for all subgroups although the expected range is not: prefer equal sizes.
    """
    return _spread_chart(subgroups, subgroups.range, baseline_subgroups, sigma_method, digits)


def sd_chart(
    subgroups: Subgroups,
    *,
    baseline_subgroups: int | None = None,
    sigma_method: SigmaMethod = "UWAVE-SD",
    digits: Digits = "table",
) -> SubgroupChart | Refusal:
    """Return the chart of subgroup standard deviations, limits not below 0.

    ``centre -+ 3 sqrt(1 - c4(n_i)^2) sigma`` about the mean weighted by size (R qcc); with
    ``pooled_s/c4(n_i)`` the pooled sd times B3(n_i) and B4(n_i) (Montgomery 6.31, qicharts2).
    """
    return _spread_chart(subgroups, subgroups.sd, baseline_subgroups, sigma_method, digits)


def _spread_chart(
    subgroups: Subgroups,
    value: Floats,
    baseline: int | None,
    method: SigmaMethod,
    digits: Digits,
) -> SubgroupChart | Refusal:
    sigma = sigma_within(subgroups.first(baseline), method, digits=digits)
    if isinstance(sigma, Refusal):
        return sigma
    usable = np.isfinite(value)
    size = subgroups.size
    if value is subgroups.range:
        unit = np.array([d3(int(n), digits) if n > 1 else np.nan for n in size])
    else:
        unit = np.array([np.sqrt(1 - c4(int(n)) ** 2) if n > 1 else np.nan for n in size])
    each = np.full(size.size, sigma)
    if method == "pooled_s/c4(n_i)":
        each = np.array([sigma / c4(int(n)) if n > 1 else np.nan for n in size])
        middle = sigma
    else:
        early, weight = value[:baseline], np.where(usable, size, 0)[:baseline]
        middle = float(np.nansum(early * weight) / weight.sum())
    centre = np.full(size.size, middle)
    spread = LIMIT_SIGMAS * unit * each
    return SubgroupChart(value, centre, each, np.maximum(centre - spread, 0.0), centre + spread)
