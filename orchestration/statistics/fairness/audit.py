"""A fairness audit: favourable outcomes by group, with everything that must stand beside a ratio.

Four fifths and significance disagree: at small n a ratio is noise, at large n a test finds what
does not matter. So a ratio never comes without its n, its interval and its exact tests, and says
whether one person more or less would turn it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.stats import chi2_contingency, fisher_exact, norm

from orchestration.statistics.fairness.multiplicity import adjust_p_values
from orchestration.statistics.fairness.tables import (
    LARGEST_EXACT,
    Stratified,
    TwoByTwo,
    compare_two_groups,
    compare_within_strata,
    exact_p_values,
    refuse_table,
)
from orchestration.statistics.refusal import (
    IMPOSSIBLE_COUNT,
    NO_VARIATION,
    TOO_FEW_READINGS,
    TOO_MANY,
    ZERO_DENOMINATOR,
    Refusal,
    refuse_infinite,
)
from orchestration.statistics.spc.flat import Floats, Ints

FOUR_FIFTHS: Final = 0.8
"""The cut of the EEOC Uniform Guidelines (1978); a declared one may stand in its place."""

Finding = Literal["adverse", "below_cut_by_chance", "significant_above_cut", "none"]
Role = Literal["legitimate", "possibly_tainted"]


@dataclass(frozen=True)
class ImpactRatio:
    """One group against the reference group.

    Attributes
    ----------
    n, n_reference : int
        Members.
    rate, rate_reference : float
        Share with the favourable outcome.
    ratio, low, high : float
        Rate over the reference's, with a score interval.
    is_below_cut : bool
        By the counts, not by the rounded ratio: 3 of 5 against 6 of 8 is four fifths and not below.
    fisher_p_value, mid_p_value : float
        Exact, two-sided; the second counts half of the table seen, and is less conservative.
    adjusted_p_value : float
        The mid-p held to a false discovery rate over the groups of the audit.
    turned_by_one : bool
        Whether the ratio comes to the other side of the cut where one favourable outcome goes from
        a member of one group to one of the other.
    finding : {"adverse", "below_cut_by_chance", "significant_above_cut", "none"}
        By the cut and the adjusted p-value together.
    """

    n: int
    n_reference: int
    rate: float
    rate_reference: float
    ratio: float
    is_below_cut: bool
    low: float
    high: float
    fisher_p_value: float
    mid_p_value: float
    adjusted_p_value: float
    turned_by_one: bool
    finding: Finding


@dataclass(frozen=True)
class StrataAudit:
    """Two groups, together and within strata.

    Attributes
    ----------
    tables : ndarray of int, shape (n_strata, 2, 2)
        As they were given.
    pooled : Stratified or None
        Withheld where the strata disagree: one figure would hide that.
    homogeneity_p_value : float
        Breslow-Day; NaN of one informative stratum.
    decides : {"strata", "marginal_and_strata"}
        A stratum that may itself be the outcome of bias (a grade, a rating) explains nothing away:
        then the marginal figure stands as well.
    reverses : bool
        Whether the group with the lower rate overall has the higher odds within strata (Simpson);
        False where nothing is pooled.
    """

    tables: Ints
    pooled: Stratified | None
    homogeneity_p_value: float
    decides: Literal["strata", "marginal_and_strata"]
    reverses: bool

    @cached_property
    def marginal(self) -> TwoByTwo:
        """Strata put together; exact intervals, found when they are asked for."""
        found = compare_two_groups(self.tables.sum(axis=0))
        assert not isinstance(found, Refusal)  # what is refused has no audit
        return found

    @cached_property
    def strata(self) -> tuple[TwoByTwo | Refusal, ...]:
        """Each stratum by itself, likewise."""
        return tuple(compare_two_groups(one) for one in self.tables)


@dataclass(frozen=True)
class Coverage:
    """Who is in the audit.

    Attributes
    ----------
    share : ndarray, shape (k,)
        Audited members of each group over all its members.
    p_value : float
        Of equal shares: Fisher for two groups, chi-square for more.
    selective : bool
        Whether shares differ beyond chance: what is found then holds for those audited alone.
    rate_low, rate_high : ndarray, shape (k,)
        Favourable rate of the whole group if none, or all, of those left out had the outcome.
    """

    share: Floats
    p_value: float
    selective: bool
    rate_low: Floats
    rate_high: Floats


@dataclass(frozen=True)
class ByRater:
    """Whether raters differ in how they treat a group.

    Attributes
    ----------
    homogeneity_p_value : float
        Breslow-Day over raters, the rater x group interaction.
    mid_p_values, adjusted_p_values : ndarray, shape (raters,)
        Of each rater; NaN where a rater says nothing (one group, or outcomes all alike).
    """

    homogeneity_p_value: float
    mid_p_values: Floats
    adjusted_p_values: Floats


@dataclass(frozen=True)
class StageChange:
    """What a stage of review (calibration, sign-off) did to two groups.

    Attributes
    ----------
    raised, lowered : ndarray of int, shape (2,)
        Members whose outcome became favourable, or ceased to be, reference group first.
    p_value : float
        Fisher's exact test that those changed were raised as often in both groups; 1 where only
        one group, or one direction, was changed.
    """

    raised: Ints
    lowered: Ints
    p_value: float


def impact_ratios(
    favourable: ArrayLike,
    members: ArrayLike,
    *,
    reference: int,
    cut: float = FOUR_FIFTHS,
    alpha: float = 0.05,
    confidence: float = 0.95,
) -> tuple[ImpactRatio | Refusal, ...] | Refusal:
    """Return every group against the reference group.

    Parameters
    ----------
    favourable, members : array_like of int, shape (k,)
        Of each group.
    reference : int
        Place of the reference group, declared before the audit.
    cut : float
        Ratio below which a difference matters, declared before the audit; taken as the decimal that
        it prints as.
    alpha : float
        False discovery rate over the groups.
    confidence : float

    Returns
    -------
    tuple of (ImpactRatio or Refusal), one for each group but the reference, in order, or Refusal
        A group is refused where nothing can be compared: it has no members, all outcomes of both
        groups are alike, or both have more than `LARGEST_EXACT` members. All is refused for
        negative or broken counts.

    Raises
    ------
    ValueError
        If shapes differ, or there is no such reference group.

    References
    ----------
    EEOC, Uniform Guidelines (1978) and Questions and Answers (1979), 20-22; Koopman, *Biometrics*
    40 (1984) 513-517 (interval); Lancaster, *Journal of the American Statistical Association* 56
    (1961) 223-234 (mid-p).
    """
    good, total = np.asarray(favourable, dtype=np.float64), np.asarray(members, dtype=np.float64)
    if good.shape != total.shape or good.ndim != 1:
        raise ValueError(f"favourable {good.shape} and members {total.shape} differ in shape")
    if not 0 <= reference < good.size:
        raise ValueError(f"there is no group {reference} of {good.size}")
    broken = ~(np.isfinite(good) & np.isfinite(total) & (good >= 0) & (good <= total))
    broken |= (good != np.round(good)) | (total != np.round(total))
    if broken.any():
        at = int(np.flatnonzero(broken)[0]) + 1
        return Refusal(IMPOSSIBLE_COUNT, f"group {at}: {good[at - 1]:g} of {total[at - 1]:g}")
    counts = np.column_stack([good, total - good]).astype(np.int64)
    tables = [counts[[reference, at]] for at in range(good.size) if at != reference]
    exact = [_exact(table) for table in tables]
    mid = np.array([np.nan if isinstance(one, Refusal) else one[1] for one in exact])
    adjusted = adjust_p_values(mid, "BH")
    if isinstance(adjusted, Refusal):
        adjusted = mid
    return tuple(
        one
        if isinstance(one, Refusal)
        else _ratio(table, (*one, float(p)), cut, alpha=alpha, confidence=confidence)
        for table, one, p in zip(tables, exact, adjusted, strict=True)
    )


def finding_of(adjusted_p_value: float, *, is_below_cut: bool, alpha: float) -> Finding:
    """Return what a ratio and its test say together, the p-value adjusted for all tests made.

    Parameters
    ----------
    adjusted_p_value : float
    is_below_cut : bool
    alpha : float
    """
    is_significant = adjusted_p_value < alpha
    if is_below_cut:
        return "adverse" if is_significant else "below_cut_by_chance"
    return "significant_above_cut" if is_significant else "none"


def audit_strata(tables: ArrayLike, *, role: Role, alpha: float = 0.05) -> StrataAudit | Refusal:
    """Return two groups overall and within strata.

    Parameters
    ----------
    tables : array_like of int, shape (n_strata, 2, 2)
        Rows: reference group, other group. Columns: favourable, not favourable.
    role : {"legitimate", "possibly_tainted"}
        Declared before the audit: whether the stratum may rightly explain a difference (the job
        applied for) or may itself come of bias (a grade given by the same managers).
    alpha : float
        Below which the strata are taken to disagree.

    Returns
    -------
    StrataAudit or Refusal
        Refused as the tables put together are.

    References
    ----------
    Bickel, Hammel and O'Connell, *Science* 187 (1975) 398-404.
    """
    counts = np.asarray(tables, dtype=np.float64)
    together = counts.sum(axis=0)
    refusal = refuse_table(together)
    if refusal is not None:
        return refusal
    within = compare_within_strata(counts)
    p = float("nan") if isinstance(within, Refusal) else within.breslow_day_p_value
    pooled = None if isinstance(within, Refusal) or p < alpha else within
    # Above 0 where the reference group has the higher odds over all.
    leans = together[0, 0] * together[1, 1] - together[0, 1] * together[1, 0]
    reverses = pooled is not None and bool((pooled.odds_ratio - 1) * leans < 0)
    return StrataAudit(
        tables=counts.astype(np.int64),
        pooled=pooled,
        homogeneity_p_value=p,
        decides="strata" if role == "legitimate" else "marginal_and_strata",
        reverses=reverses,
    )


def coverage(
    audited: ArrayLike, members: ArrayLike, favourable: ArrayLike, *, alpha: float = 0.05
) -> Coverage | Refusal:
    """Return whether those in the audit stand for their groups.

    Parameters
    ----------
    audited, members, favourable : array_like of int, shape (k,)
        Of each group: those with consent and data, all, and those audited with the outcome.
    alpha : float

    Returns
    -------
    Coverage or Refusal
        Refused: infinite counts, one group, a group without members, more than `LARGEST_EXACT`
        members of two groups, more audited than members, more favourable
        than audited.

    Raises
    ------
    ValueError
        If shapes differ.

    References
    ----------
    Manski, *Partial Identification of Probability Distributions* (2003), for the bounds.
    """
    seen, total, good = (
        np.asarray(one, dtype=np.float64) for one in (audited, members, favourable)
    )
    if not seen.shape == total.shape == good.shape:
        raise ValueError(f"shapes differ: {seen.shape}, {total.shape}, {good.shape}")
    refusal = refuse_infinite(audited=seen, members=total, favourable=good)
    if refusal is None and seen.size == 1:
        refusal = Refusal(TOO_FEW_READINGS, "there is one group only")
    elif refusal is None and seen.size == 2 and total.sum() > LARGEST_EXACT:  # noqa: PLR2004 - Fisher's
        refusal = _too_many(total.sum())
    if refusal is not None:
        return refusal
    if np.any(total <= 0):
        return Refusal(ZERO_DENOMINATOR, "a group has no members")
    if not np.all((good >= 0) & (good <= seen) & (seen <= total)):
        return Refusal(IMPOSSIBLE_COUNT, "a part of a group is larger than the group")
    table = np.column_stack([seen, total - seen])
    if np.any(table.sum(axis=0) == 0):
        p = 1.0
    elif seen.size == 2:  # noqa: PLR2004 - Fisher's table has two rows
        p = float(fisher_exact(table).pvalue)
    else:
        p = float(chi2_contingency(table).pvalue)
    return Coverage(
        share=seen / total,
        p_value=p,
        selective=p < alpha,
        rate_low=good / total,
        rate_high=(good + total - seen) / total,
    )


def by_rater(tables: ArrayLike) -> ByRater | Refusal:
    """Return whether raters differ in how they treat a group.

    Parameters
    ----------
    tables : array_like of int, shape (raters, 2, 2)
        As in `audit_strata`, one table for each rater.

    Returns
    -------
    ByRater or Refusal
        Refused: no two raters with both groups and both outcomes.
    """
    counts = np.asarray(tables, dtype=np.int64)
    within = compare_within_strata(counts)
    if isinstance(within, Refusal):
        return within
    if within.freedom < 1:
        return Refusal(TOO_FEW_READINGS, "one rater alone has both groups and both outcomes")
    exact = [_exact(one) for one in counts]
    mid = np.array([np.nan if isinstance(one, Refusal) else one[1] for one in exact])
    adjusted = adjust_p_values(mid, "BH")
    assert not isinstance(adjusted, Refusal)  # two raters at least have a p-value
    return ByRater(within.breslow_day_p_value, mid, adjusted)


def stage_change(
    before: Sequence[bool] | ArrayLike,
    after: Sequence[bool] | ArrayLike,
    group: ArrayLike,
    *,
    reference: str,
) -> StageChange | Refusal:
    """Return whether a stage of review moved the outcomes of one group more than the other's.

    Parameters
    ----------
    before, after : array_like of bool, shape (n,)
        Whether each person's outcome was favourable before and after the stage.
    group : array_like of str, shape (n,)
        Two groups.
    reference : str

    Returns
    -------
    StageChange or Refusal
        Refused: other than two groups, nobody changed.

    Raises
    ------
    ValueError
        If shapes differ or the reference group does not occur.
    """
    first, last = np.asarray(before, dtype=np.bool_), np.asarray(after, dtype=np.bool_)
    label = np.asarray(group).astype(str)
    if not first.shape == last.shape == label.shape:
        raise ValueError(f"shapes differ: {first.shape}, {last.shape}, {label.shape}")
    if reference not in label:
        raise ValueError(f"the reference group {reference} does not occur")
    names = np.unique(label)
    if names.size != 2:  # noqa: PLR2004 - one group against another
        return Refusal(TOO_FEW_READINGS, f"{names.size} groups, two are compared")
    own = [label == reference, label != reference]
    raised = np.array([np.count_nonzero(~first & last & one) for one in own])
    lowered = np.array([np.count_nonzero(first & ~last & one) for one in own])
    if raised.sum() + lowered.sum() == 0:
        return Refusal(NO_VARIATION, "the stage changed nobody's outcome")
    return StageChange(
        raised, lowered, float(fisher_exact(np.column_stack([raised, lowered])).pvalue)
    )


def _too_many(members: float) -> Refusal:
    return Refusal(
        TOO_MANY, f"{members:.0f} members, exact tests are made of {LARGEST_EXACT} at most"
    )


def _exact(table: Ints) -> tuple[float, float] | Refusal:
    """Fisher's two-sided p-value and its mid-p."""
    if np.any(table.sum(axis=1) == 0):
        return Refusal(ZERO_DENOMINATOR, "a group has no members")
    if np.any(table.sum(axis=0) == 0):
        return Refusal(NO_VARIATION, "all outcomes are alike")
    if table.sum() > LARGEST_EXACT:
        return _too_many(table.sum())
    return exact_p_values(table)


def _ratio(
    table: Ints, tests: tuple[float, float, float], cut: float, *, alpha: float, confidence: float
) -> ImpactRatio:
    """Return the ratio with its interval; the tests are Fisher's, its mid-p and that adjusted."""
    fisher, mid, adjusted = tests
    (good_reference, _), (good, _) = table.tolist()
    n_reference, n = table.sum(axis=1).tolist()
    rate, rate_reference = good / n, good_reference / n_reference
    low, high = _score_interval(table, confidence)
    exact_cut = Fraction(str(float(cut)))

    def is_below(good: int, good_reference: int) -> bool:
        least = exact_cut.numerator * good_reference * n
        return bool(good * n_reference * exact_cut.denominator < least)

    below = is_below(good, good_reference)
    # One outcome changes hands: to this group where the ratio is below the cut, else from it.
    moved = 1 if below else -1
    possible = 0 <= good + moved <= n and 0 <= good_reference - moved <= n_reference
    return ImpactRatio(
        n=n,
        n_reference=n_reference,
        rate=rate,
        rate_reference=rate_reference,
        ratio=rate / rate_reference if rate_reference else float("inf"),
        is_below_cut=below,
        low=low,
        high=high,
        fisher_p_value=fisher,
        mid_p_value=mid,
        adjusted_p_value=adjusted,
        turned_by_one=possible and is_below(good + moved, good_reference - moved) != below,
        finding=finding_of(adjusted, is_below_cut=below, alpha=alpha),
    )


def _score_interval(table: Ints, confidence: float) -> tuple[float, float]:
    """Ratios that the score test does not reject; 0 and infinity where a group has no outcome.

    statsmodels' interval of the same name divides by nil there.
    """
    (good_reference, _), (good, _) = table.tolist()
    n_reference, n = table.sum(axis=1).tolist()
    reach = norm.ppf((1 + confidence) / 2)

    def score(log_ratio: float) -> float:
        ratio = np.exp(log_ratio)
        # The rates most likely among those with this ratio.
        a = (n + n_reference) * ratio
        b = ratio * (n + good_reference) + good + n_reference
        at_reference = (b - np.sqrt(b**2 - 4 * a * (good + good_reference))) / (2 * a)
        at = ratio * at_reference
        spread = at * (1 - at) / n + ratio**2 * at_reference * (1 - at_reference) / n_reference
        return float((good / n - ratio * good_reference / n_reference) / np.sqrt(spread))

    # The score falls as the ratio rises.
    low = 0.0 if good == 0 else float(np.exp(brentq(lambda at: score(at) - reach, -20, 20)))
    if good_reference == 0:
        return low, float("inf")
    return low, float(np.exp(brentq(lambda at: score(at) + reach, -20, 20)))
