"""Agreement of raters: the six intraclass correlations."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import f

from orchestration.statistics.refusal import (
    GAP_IN_SERIES,
    INFINITE_VALUE,
    NO_VARIATION,
    TOO_FEW_READINGS,
    Refusal,
)


@dataclass(frozen=True)
class Intraclass:
    """One intraclass correlation with its F statistic and interval."""

    value: float
    f: float
    low: float
    high: float


@dataclass(frozen=True)
class IntraclassCorrelations:
    """Shrout and Fleiss's six.

    Attributes
    ----------
    one_way, one_way_mean : Intraclass
        Each target has raters of its own: ICC(1,1), ICC(1,k).
    agreement, agreement_mean : Intraclass
        The same raters, drawn from many, for all targets: ICC(2,1), ICC(2,k).
    consistency, consistency_mean : Intraclass
        These raters alone, level differences between them left aside: ICC(3,1), ICC(3,k).
    """

    one_way: Intraclass
    agreement: Intraclass
    consistency: Intraclass
    one_way_mean: Intraclass
    agreement_mean: Intraclass
    consistency_mean: Intraclass


def intraclass_correlations(
    ratings: ArrayLike, *, confidence: float = 0.95
) -> IntraclassCorrelations | Refusal:
    """Return the six intraclass correlations of a complete table of ratings.

    Parameters
    ----------
    ratings : array_like, shape (n_targets, n_raters)
    confidence : float
        Of the intervals, which rest on F and, for agreement, on Satterthwaite's approximation.

    Returns
    -------
    IntraclassCorrelations or Refusal
        Refused: fewer than 2 targets or raters, a missing or infinite rating, no variation between
        targets or none within (then F is not defined).

    Raises
    ------
    ValueError
        If ``ratings`` is not two-dimensional or the confidence lies outside (0, 1).

    References
    ----------
    Shrout and Fleiss, "Intraclass correlations: uses in assessing rater reliability",
    *Psychological Bulletin* 86 (1979) 420-428.
    """
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2:  # noqa: PLR2004 - targets and raters
        raise ValueError(f"a table of targets and raters expected, not of shape {table.shape}")
    if not 0 < confidence < 1:
        raise ValueError(f"the confidence must lie in (0, 1), not be {confidence}")
    n, k = table.shape
    if n < 2 or k < 2:  # noqa: PLR2004 - agreement needs two of each
        return Refusal(TOO_FEW_READINGS, f"{n} targets and {k} raters, at least 2 of each")
    if np.any(np.isinf(table)):
        return Refusal(INFINITE_VALUE, "a rating is infinite")
    if np.any(np.isnan(table)):
        return Refusal(GAP_IN_SERIES, "a rating is missing: a mixed model takes such a table")
    grand, of_target, of_rater = table.mean(), table.mean(axis=1), table.mean(axis=0)
    between = k * float(((of_target - grand) ** 2).sum()) / (n - 1)
    raters = n * float(((of_rater - grand) ** 2).sum()) / (k - 1)
    within = float(((table - of_target[:, None]) ** 2).sum()) / (n * (k - 1))
    rest = table - of_target[:, None] - of_rater[None, :] + grand
    error = float((rest**2).sum()) / ((n - 1) * (k - 1))
    if between <= 0 or within <= 0 or error <= np.finfo(float).eps * between:
        return Refusal(NO_VARIATION, "targets or ratings of a target do not vary")
    tail = (1 + confidence) / 2

    def single(ratio: float) -> float:
        return float((ratio - 1) / (ratio + k - 1))

    def ends(ratio: float, freedom: float) -> tuple[float, float]:
        return (
            ratio / float(f.ppf(tail, n - 1, freedom)),
            ratio * float(f.ppf(tail, freedom, n - 1)),
        )

    f_1, f_3 = between / within, between / error
    low_1, high_1 = ends(f_1, n * (k - 1))
    low_3, high_3 = ends(f_3, (n - 1) * (k - 1))

    agreement = (between - error) / (between + (k - 1) * error + k * (raters - error) / n)
    share = n * (1 + (k - 1) * agreement) - k * agreement
    f_raters = raters / error
    freedom = ((k - 1) * (n - 1) * (k * agreement * f_raters + share) ** 2) / (
        (n - 1) * (k * agreement * f_raters) ** 2 + share**2
    )
    upper_f = float(f.ppf(tail, n - 1, freedom))
    lower_f = float(f.ppf(tail, freedom, n - 1))
    mixed = k * raters + (k * n - k - n) * error
    low_2 = n * (between - upper_f * error) / (upper_f * mixed + n * between)
    high_2 = n * (lower_f * between - error) / (mixed + n * lower_f * between)

    def stepped_up(figure: float) -> float:
        return float(k * figure / (1 + (k - 1) * figure))

    return IntraclassCorrelations(
        one_way=Intraclass(single(f_1), f_1, single(low_1), single(high_1)),
        agreement=Intraclass(agreement, f_3, low_2, high_2),
        consistency=Intraclass(single(f_3), f_3, single(low_3), single(high_3)),
        one_way_mean=Intraclass(1 - 1 / f_1, f_1, 1 - 1 / low_1, 1 - 1 / high_1),
        agreement_mean=Intraclass(
            (between - error) / (between + (raters - error) / n),
            f_3,
            stepped_up(low_2),
            stepped_up(high_2),
        ),
        consistency_mean=Intraclass(1 - 1 / f_3, f_3, 1 - 1 / low_3, 1 - 1 / high_3),
    )


def within_group_agreement(ratings: ArrayLike, lowest: float, highest: float) -> float | Refusal:
    """Return how far raters of one target agree, beside raters who answer by chance.

    Parameters
    ----------
    ratings : array_like, shape (n_raters, n_items)
        NaN marks a missing rating; items with fewer than two ratings are left out.
    lowest, highest : float
        Ends of the scale, whose whole categories chance would choose alike.

    Returns
    -------
    float or Refusal
        r_wg(J): 1 for raters who say the same, 0 for chance or worse. Refused: fewer than two
        raters of any item, infinite ratings.

    Raises
    ------
    ValueError
        If ``ratings`` is not two-dimensional or the scale has no two categories.

    References
    ----------
    James, Demaree and Wolf, "Estimating within-group interrater reliability with and without
    response bias", *Journal of Applied Psychology* 69 (1984) 85-98.
    """
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2:  # noqa: PLR2004 - raters and items
        raise ValueError(f"a table of raters and items expected, not of shape {table.shape}")
    if highest <= lowest:
        raise ValueError(f"a scale from {lowest} to {highest} has no two categories")
    if np.any(np.isinf(table)):
        return Refusal(INFINITE_VALUE, "a rating is infinite")
    table = table[:, np.count_nonzero(np.isfinite(table), axis=0) > 1]
    if table.shape[1] == 0:
        return Refusal(TOO_FEW_READINGS, "no item was rated by two")
    items = table.shape[1]
    of_chance = ((highest - lowest + 1) ** 2 - 1) / 12
    share = float(np.nanvar(table, axis=0, ddof=1).mean()) / of_chance
    if share >= 1:
        return 0.0
    return float(items * (1 - share) / (items * (1 - share) + share))
