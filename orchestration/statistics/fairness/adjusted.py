"""Odds of a favourable outcome by group, adjusted for strata."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import statsmodels.api as sm
from numpy.typing import ArrayLike

from orchestration.statistics.refusal import (
    NO_COMPARISON,
    NO_VARIATION,
    SINGULAR_COVARIANCE,
    Refusal,
)

# Log odds beyond this are a perfect separation that the iteration has not yet followed to infinity.
_LARGEST_LOG_ODDS = 15.0


@dataclass(frozen=True)
class AdjustedOdds:
    """Logistic regression on group and stratum, each against its base.

    Attributes
    ----------
    intercept, se_intercept : float
        Log odds of the reference group in the first stratum.
    group, se_group, stratum, se_stratum : mapping of level to float
        Log odds ratios; the bases are left out.
    deviance : float
    """

    intercept: float
    se_intercept: float
    group: Mapping[str, float]
    se_group: Mapping[str, float]
    stratum: Mapping[str, float]
    se_stratum: Mapping[str, float]
    deviance: float


def adjusted_log_odds(
    favourable: ArrayLike,
    group: ArrayLike,
    stratum: ArrayLike,
    *,
    reference: str,
    frequency: ArrayLike | None = None,
) -> AdjustedOdds | Refusal:
    """Return log odds ratios of groups within strata, by maximum likelihood.

    Parameters
    ----------
    favourable : array_like of bool, shape (n,)
    group, stratum : array_like of str, shape (n,)
        The base stratum is the first in sort order.
    reference : str
        Base group.
    frequency : array_like, shape (n,), optional
        How often each row was seen; by default once.

    Returns
    -------
    AdjustedOdds or Refusal
        Refused: one group only, outcomes all alike, a group that occurs in strata of its own only
        (the design is singular), a level whose outcomes are all alike (perfect separation).

    Raises
    ------
    ValueError
        If the reference group does not occur.

    References
    ----------
    McCullagh and Nelder, *Generalized Linear Models*.
    """
    good = np.asarray(favourable, dtype=np.bool_)
    seen = np.ones(good.size) if frequency is None else np.asarray(frequency, dtype=np.float64)
    groups, strata = np.asarray(group).astype(str), np.asarray(stratum).astype(str)
    there = seen > 0
    good, groups, strata, seen = good[there], groups[there], strata[there], seen[there]
    if reference not in groups:
        raise ValueError(f"the reference group {reference} does not occur")
    if np.all(groups == reference):
        return Refusal(NO_COMPARISON, f"{reference} is the only group")
    if good.all() or not good.any():
        return Refusal(NO_VARIATION, "all outcomes are alike")
    others = [name for name in np.unique(groups).tolist() if name != reference]
    later = np.unique(strata).tolist()[1:]
    design = np.column_stack(
        [
            np.ones(good.size),
            *(groups == name for name in others),
            *(strata == name for name in later),
        ]
    ).astype(np.float64)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return Refusal(SINGULAR_COVARIANCE, "groups and strata cannot be told apart")
    for labels, names in ((groups, [reference, *others]), (strata, np.unique(strata).tolist())):
        for name in names:
            outcomes = good[labels == name]
            if outcomes.all() or not outcomes.any():
                return Refusal(NO_VARIATION, f"all outcomes of {name} are alike")
    fit = sm.GLM(good.astype(float), design, sm.families.Binomial(), freq_weights=seen).fit(
        tol=1e-12
    )
    if np.abs(fit.params).max() > _LARGEST_LOG_ODDS:
        return Refusal(NO_VARIATION, "groups and strata foresee the outcome perfectly")
    between = 1 + len(others)
    beta, se = fit.params.tolist(), fit.bse.tolist()
    return AdjustedOdds(
        intercept=beta[0],
        se_intercept=se[0],
        group=dict(zip(others, beta[1:between], strict=True)),
        se_group=dict(zip(others, se[1:between], strict=True)),
        stratum=dict(zip(later, beta[between:], strict=True)),
        se_stratum=dict(zip(later, se[between:], strict=True)),
        deviance=float(fit.deviance),
    )
