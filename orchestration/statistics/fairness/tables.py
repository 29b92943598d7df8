"""Favourable outcomes of two groups: one table, and a table in each stratum."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.stats import chi2, fisher_exact, hypergeom, norm
from scipy.stats.contingency import odds_ratio

from orchestration.statistics.refusal import (
    IMPOSSIBLE_COUNT,
    NO_VARIATION,
    ZERO_DENOMINATOR,
    Refusal,
)
from orchestration.statistics.spc.flat import Floats, Ints

# R counts a table as no likelier than the one seen with this much allowance for rounding.
_AS_LIKELY = 1 + 1e-7


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
        Refused: negative or broken counts, a group without members, outcomes all alike.

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
    found = odds_ratio(counts, kind="conditional")
    interval = found.confidence_interval(confidence)
    return TwoByTwo(
        rates=rates,
        impact_ratio=float(rates.min() / rates.max()),
        chi2=plain,
        chi2_p_value=float(chi2.sf(plain, 1)),
        chi2_yates=yates,
        chi2_yates_p_value=float(chi2.sf(yates, 1)),
        odds_ratio=float(found.statistic),
        odds_ratio_low=float(interval.low),
        odds_ratio_high=float(interval.high),
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
        Refused: negative or broken counts, no informative stratum, an odds ratio of 0 or infinity.

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
    exact_p, exact_ratio = _exact(a, row, column, n)
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
    return figures.astype(np.int64), None


def _fitted(ratio: float, n: Floats, row: Floats, column: Floats) -> Floats:
    """First cell of each table with its margins and a given odds ratio."""
    if abs(ratio - 1) < 1e-12:  # noqa: PLR2004 - the quadratic degenerates to independence
        return row * column / n
    total = n - row - column + ratio * (row + column)
    root = np.sqrt(total**2 - 4 * (ratio - 1) * ratio * row * column)
    return np.asarray((total - root) / (2 * (ratio - 1)), dtype=np.float64)


def _exact(a: Floats, row: Floats, column: Floats, n: Floats) -> tuple[float, float]:
    """Two-sided p-value and conditional odds ratio, from the law of the sum of first cells."""
    law, lowest = np.ones(1), 0
    for total, first, favourable in zip(n, row, column, strict=True):
        least = int(max(0, first + favourable - total))
        cells = np.arange(least, int(min(first, favourable)) + 1)
        law = np.convolve(law, hypergeom.pmf(cells, int(total), int(favourable), int(first)))
        lowest += least
    seen = int(a.sum()) - lowest
    p_value = float(law[law <= law[seen] * _AS_LIKELY].sum())
    support = np.arange(law.size)
    log_law = np.log(np.maximum(law, np.finfo(float).tiny))

    def surplus(log_ratio: float) -> float:
        weight = log_law + support * log_ratio
        weight = np.exp(weight - weight.max())
        return float((weight * support).sum() / weight.sum()) - seen

    if seen in {0, law.size - 1}:
        return min(p_value, 1.0), 0.0 if seen == 0 else float("inf")
    return min(p_value, 1.0), float(np.exp(brentq(surplus, -50, 50, xtol=1e-13)))
