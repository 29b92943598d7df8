"""Favourable outcomes of two groups: one table, and a table in each stratum."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.stats import chi2, fisher_exact, hypergeom, norm

from orchestration.statistics.refusal import (
    IMPOSSIBLE_COUNT,
    NO_VARIATION,
    TOO_MANY,
    ZERO_DENOMINATOR,
    Refusal,
)
from orchestration.statistics.spc.flat import Floats, Ints

LARGEST_EXACT: Final = 1_000_000
"""Members of all groups, up to which exact tests take seconds; of 10^12 one took five minutes."""

# R counts a table as no likelier than the one seen with this much allowance for rounding.
_AS_LIKELY = 1 + 1e-7
# Log odds ratio that is looked for on either side.
_FURTHEST: Final = 50.0


@dataclass(frozen=True)
class TwoByTwo:
    """Two groups compared in one table.

    Attributes
    ----------
    rates : ndarray, shape (2,)
        Share of favourable outcomes, reference group first.
    impact_ratio : float
        Lowest over highest rate. It knows nothing of chance: read it with n and a test.
    chi2, chi2_p_value : float
        Pearson's test without correction.
    chi2_yates, chi2_yates_p_value : float
        With Yates' continuity correction.
    odds_ratio, odds_ratio_low, odds_ratio_high : float
        Conditional maximum likelihood, reference over other group, exact interval.
    fisher_p_value : float
        Two-sided, by summing tables no likelier than the one seen.
    mid_p_value : float
        The same, of the table seen the half alone.
    """

    rates: Floats
    impact_ratio: float
    chi2: float
    chi2_p_value: float
    chi2_yates: float
    chi2_yates_p_value: float
    odds_ratio: float
    odds_ratio_low: float
    odds_ratio_high: float
    fisher_p_value: float
    mid_p_value: float


@dataclass(frozen=True)
class Stratified:
    """Two groups compared within strata.

    Attributes
    ----------
    statistic, p_value : float
        Cochran-Mantel-Haenszel without continuity correction.
    corrected, corrected_p_value : float
        With it.
    odds_ratio, low, high : float
        Mantel-Haenszel, interval by Robins, Breslow and Greenland.
    exact_p_value, exact_odds_ratio : float
        Conditional on all margins; the odds ratio by conditional maximum likelihood.
    breslow_day, tarone : float
        Homogeneity of the odds ratio at the Mantel-Haenszel one, plain and with Tarone's
        correction. Where it is rejected, a pooled odds ratio hides what the strata say.
    freedom : int
        Informative strata less one.
    breslow_day_p_value : float
    """

    statistic: float
    p_value: float
    corrected: float
    corrected_p_value: float
    odds_ratio: float
    low: float
    high: float
    exact_p_value: float
    exact_odds_ratio: float
    breslow_day: float
    tarone: float
    freedom: int
    breslow_day_p_value: float


def compare_two_groups(table: ArrayLike, *, confidence: float = 0.95) -> TwoByTwo | Refusal:
    """Return rates, impact ratio and tests of one table.

    Parameters
    ----------
    table : array_like of int, shape (2, 2)
        Rows: reference group, other group. Columns: favourable, not favourable.
    confidence : float

    Returns
    -------
    TwoByTwo or Refusal
        Refused: negative or broken counts, more than `LARGEST_EXACT` members, a group without
        members, outcomes all alike.

    References
    ----------
    Fisher, *Statistical Methods for Research Workers*; EEOC Uniform Guidelines (1978) for the
    ratio; R `fisher.test` for the conditional estimate.
    """
    refusal = refuse_table(table)
    if refusal is not None:
        return refusal
    counts = np.asarray(table, dtype=np.int64)
    groups, outcomes, n = counts.sum(axis=1), counts.sum(axis=0), int(counts.sum())
    expected = np.outer(groups, outcomes) / n
    off = abs(float(counts[0, 0] - expected[0, 0]))
    scale = float((1 / expected).sum())
    plain, yates = off**2 * scale, max(0.0, off - 0.5) ** 2 * scale
    rates = counts[:, 0] / groups
    fisher, mid = exact_p_values(counts)
    ratio, low, high = _conditional_odds_ratio(counts, confidence)
    return TwoByTwo(
        rates=rates,
        impact_ratio=float(rates.min() / rates.max()),
        chi2=plain,
        chi2_p_value=float(chi2.sf(plain, 1)),
        chi2_yates=yates,
        chi2_yates_p_value=float(chi2.sf(yates, 1)),
        odds_ratio=ratio,
        odds_ratio_low=low,
        odds_ratio_high=high,
        fisher_p_value=fisher,
        mid_p_value=mid,
    )


def exact_p_values(table: Ints) -> tuple[float, float]:
    """Return Fisher's two-sided p-value and its mid-p, of a table with both groups and outcomes.

    The second counts half of the table seen and is less conservative: Lancaster, *Journal of the
    American Statistical Association* 56 (1961) 223-234.
    """
    fisher = float(fisher_exact(table).pvalue)
    n, good, first = int(table.sum()), int(table[:, 0].sum()), int(table[0].sum())
    return fisher, fisher - float(hypergeom.pmf(table[0, 0], n, good, first)) / 2


def refuse_table(table: ArrayLike) -> Refusal | None:
    """Return why two groups cannot be compared in a table, or None."""
    counts, refusal = _counts(table, (2, 2))
    if refusal is not None:
        return refusal
    if np.any(counts.sum(axis=1) == 0):
        return Refusal(ZERO_DENOMINATOR, "a group has no members")
    if np.any(counts.sum(axis=0) == 0):
        return Refusal(NO_VARIATION, "all outcomes are alike")
    return None


def compare_within_strata(tables: ArrayLike, *, confidence: float = 0.95) -> Stratified | Refusal:
    """Return tests and pooled odds ratio of two groups within strata.

    Parameters
    ----------
    tables : array_like of int, shape (n_strata, 2, 2)
        As in `compare_two_groups`. Strata with one group, or with outcomes all alike, say nothing
        and are left out.
    confidence : float

    Returns
    -------
    Stratified or Refusal
        Refused: negative or broken counts, more than `LARGEST_EXACT` members, no informative
        stratum, an odds ratio of 0 or infinity.

    References
    ----------
    Mantel and Haenszel (1959); Robins, Breslow and Greenland, *Biometrics* 42 (1986) 311-323;
    Breslow and Day, *Statistical Methods in Cancer Research* I (1980); Tarone, *Biometrika* 72
    (1985) 91-95.
    """
    counts, refusal = _counts(tables, (-1, 2, 2))
    if refusal is not None:
        return refusal
    margins = np.concatenate([counts.sum(axis=1), counts.sum(axis=2)], axis=1)
    counts = counts[(margins > 0).all(axis=1)]
    if counts.shape[0] == 0:
        return Refusal(NO_VARIATION, "no stratum has both groups and both outcomes")
    (a, b), (c, d) = counts[:, 0].T.astype(float), counts[:, 1].T.astype(float)
    n, row, column = a + b + c + d, a + b, a + c
    r, s = a * d / n, b * c / n
    if r.sum() == 0 or s.sum() == 0:
        return Refusal(NO_VARIATION, "one group has no favourable, or no other, outcome anywhere")
    off = abs(float((a - row * column / n).sum()))
    variance = float((row * (n - row) * column * (n - column) / (n**2 * (n - 1))).sum())
    plain, corrected = off**2 / variance, max(0.0, off - 0.5) ** 2 / variance
    pooled = float(r.sum() / s.sum())
    p, q = (a + d) / n, (b + c) / n
    log_variance = float(
        (p * r).sum() / (2 * r.sum() ** 2)
        + (p * s + q * r).sum() / (2 * r.sum() * s.sum())
        + (q * s).sum() / (2 * s.sum() ** 2)
    )
    reach = float(norm.ppf((1 + confidence) / 2) * np.sqrt(log_variance))
    fitted = _fitted(pooled, n, row, column)
    spread = 1 / (1 / fitted + 1 / (row - fitted) + 1 / (column - fitted)
                  + 1 / (n - row - column + fitted))  # fmt: skip
    breslow_day = float(((a - fitted) ** 2 / spread).sum())
    exact_p, exact_ratio = _exact(a, row, column, n, pooled)
    freedom = counts.shape[0] - 1
    return Stratified(
        statistic=plain,
        p_value=float(chi2.sf(plain, 1)),
        corrected=corrected,
        corrected_p_value=float(chi2.sf(corrected, 1)),
        odds_ratio=pooled,
        low=pooled * float(np.exp(-reach)),
        high=pooled * float(np.exp(reach)),
        exact_p_value=exact_p,
        exact_odds_ratio=exact_ratio,
        breslow_day=breslow_day,
        tarone=breslow_day - float((a - fitted).sum() ** 2 / spread.sum()),
        freedom=freedom,
        breslow_day_p_value=float(chi2.sf(breslow_day, freedom)) if freedom else float("nan"),
    )


def _counts(tables: ArrayLike, shape: tuple[int, ...]) -> tuple[Ints, Refusal | None]:
    figures = np.asarray(tables, dtype=np.float64)
    if figures.ndim != len(shape) or figures.shape[-2:] != (2, 2):
        raise ValueError(f"tables of 2 by 2 expected, not an array of shape {figures.shape}")
    if not np.all(np.isfinite(figures) & (figures >= 0) & (figures == np.rint(figures))):
        return np.zeros(shape[-2:], np.int64), Refusal(
            IMPOSSIBLE_COUNT, "a count is missing, negative or no whole number"
        )
    if figures.sum() > LARGEST_EXACT:
        return np.zeros(shape[-2:], np.int64), Refusal(
            TOO_MANY,
            f"{figures.sum():.0f} members, exact tests are made of {LARGEST_EXACT} at most",
        )
    return figures.astype(np.int64), None


def _fitted(ratio: float, n: Floats, row: Floats, column: Floats) -> Floats:
    """First cell of each table with its margins and a given odds ratio."""
    if abs(ratio - 1) < 1e-12:  # noqa: PLR2004 - the quadratic degenerates to independence
        return row * column / n
    total = n - row - column + ratio * (row + column)
    root = np.sqrt(total**2 - 4 * (ratio - 1) * ratio * row * column)
    return np.asarray((total - root) / (2 * (ratio - 1)), dtype=np.float64)


def _conditional_odds_ratio(counts: Ints, confidence: float) -> tuple[float, float, float]:
    """Maximum likelihood given all margins, and its exact interval.

    In logarithms over all cells: scipy's own took 53 s for 200,000 members, this takes 0.2.
    """
    n, first, favourable = int(counts.sum()), int(counts[0].sum()), int(counts[:, 0].sum())
    cells = np.arange(max(0, first + favourable - n), min(first, favourable) + 1)
    at = int(counts[0, 0] - cells[0])
    log_law = hypergeom.logpmf(cells, n, favourable, first)

    def law(log_ratio: float) -> Floats:
        weight = log_law + cells * log_ratio
        weight = np.exp(weight - weight.max())
        return np.asarray(weight / weight.sum(), dtype=np.float64)

    def solved(surplus: Callable[[float], float]) -> float:
        return float(np.exp(brentq(surplus, -_FURTHEST, _FURTHEST, xtol=1e-13)))

    tail, last = (1 - confidence) / 2, cells.size - 1
    ratio = low = 0.0
    high = float("inf")
    if at > 0:
        low = solved(lambda beta: float(law(beta)[at:].sum()) - tail)
        ratio = float("inf")
    if at < last:
        high = solved(lambda beta: tail - float(law(beta)[: at + 1].sum()))
    if 0 < at < last:
        ratio = solved(lambda beta: float(law(beta) @ cells) - float(cells[at]))
    return ratio, low, high


def _exact(a: Floats, row: Floats, column: Floats, n: Floats, near: float) -> tuple[float, float]:
    """Two-sided p-value and conditional odds ratio, from the law of the sum of first cells.

    The odds ratio is sought from the law at one that is ``near``: seen from there, what was seen
    does not lie beyond the smallest number.
    """
    seen = int(a.sum())
    law, lowest = _law_of_sum(row, column, n)
    at = seen - lowest
    own = float(law[at]) if 0 <= at < law.size else 0.0
    p_value = min(float(law[law <= own * _AS_LIKELY].sum()), 1.0)
    if seen == int(np.maximum(0, row + column - n).sum()):
        return p_value, 0.0
    if seen == int(np.minimum(row, column).sum()):
        return p_value, float("inf")
    law, lowest = _law_of_sum(row, column, n, float(np.log(near)))
    support = np.arange(lowest, lowest + law.size)
    log_law = np.log(np.maximum(law, np.finfo(float).tiny))

    def surplus(log_ratio: float) -> float:
        weight = log_law + support * log_ratio
        weight = np.exp(weight - weight.max())
        return float((weight * support).sum() / weight.sum()) - seen

    return p_value, near * float(np.exp(brentq(surplus, -_FURTHEST, _FURTHEST, xtol=1e-13)))


def _law_of_sum(
    row: Floats, column: Floats, n: Floats, log_ratio: float = 0.0
) -> tuple[Floats, int]:
    """Return the law of the sum of first cells at an odds ratio, and the sum it begins at."""
    law, lowest = np.ones(1), 0
    for total, first, favourable in zip(n, row, column, strict=True):
        cells = np.arange(max(0, first + favourable - total), min(first, favourable) + 1)
        weight = hypergeom.logpmf(cells, int(total), int(favourable), int(first))
        weight = weight + cells * log_ratio
        weight = np.exp(weight - weight.max())
        # Cells too unlikely for a number, most of them where counts are large.
        there = np.flatnonzero(weight)
        law = np.convolve(law, weight[there[0] : there[-1] + 1])
        law /= law.sum()
        lowest += int(cells[there[0]])
    return law, lowest
