"""Fairness kinds: from a recipe to our functions."""

from typing import Any

import numpy as np

from orchestration.statistics.fairness import adjusted, tables
from orchestration.statistics.refusal import Refusal
from tests.golden.cases import Answer, Case


def two_by_two(case: Case) -> Any:
    groups = _groups(case)
    found = tables.compare_two_groups(_table(case, groups))
    return found if isinstance(found, Refusal) else _tree(found, groups)


def stratified_2x2(case: Case) -> Any:
    groups, strata = _groups(case), np.unique(case.column("stratum"))
    each = [_table(case, groups, case.column("stratum") == stratum) for stratum in strata]
    marginal = tables.compare_two_groups(np.sum(each, axis=0))
    found = tables.compare_within_strata(each)
    if isinstance(marginal, Refusal):
        return marginal
    if isinstance(found, Refusal):
        return found
    named = case.columns["stratum"].lower()
    return {
        **_tree(marginal, groups),
        "cmh": {
            "stat": found.corrected,
            "p": found.corrected_p_value,
            "or": found.odds_ratio,
            "ci": [found.low, found.high],
        },
        "cmh_no_correction": {"stat": found.statistic, "p": found.p_value},
        "cmh_exact": {"p": found.exact_p_value, "or": found.exact_odds_ratio},
        "homogeneity": {
            "breslow_day": found.breslow_day,
            "tarone": found.tarone,
            "df": found.freedom,
            "p_breslow_day": found.breslow_day_p_value,
        },
        f"rates_by_{named}": [
            {named: str(stratum)}
            | {group.lower(): row[0] / row.sum() for group, row in zip(groups, one, strict=True)}
            for stratum, one in zip(strata, each, strict=True)
        ],
        "logit": _logit(case, groups),
    }


def _tree(found: tables.TwoByTwo, groups: list[str]) -> dict[str, Any]:
    return {
        "rates": dict(zip(groups, found.rates.tolist(), strict=True)),
        "adverse_impact_ratio": found.impact_ratio,
        "chi2": found.chi2,
        "chi2_p": found.chi2_p_value,
        "chi2_yates": found.chi2_yates,
        "chi2_yates_p": found.chi2_yates_p_value,
        "fisher_or": found.odds_ratio,
        "fisher_p": found.fisher_p_value,
        "fisher_ci": [found.odds_ratio_low, found.odds_ratio_high],
    }


def _groups(case: Case) -> list[str]:
    """Both groups, the reference first."""
    named = np.unique(case.column("group")).astype(str).tolist()
    reference = str(case.columns.get("reference", case.options.get("reference", named[0])))
    return [reference, *(group for group in named if group != reference)]


def _favourable(case: Case) -> np.ndarray:
    outcome = case.column("outcome")
    return outcome == case.columns.get("favourable", case.options.get("favourable", 1))


def _freq(case: Case) -> np.ndarray:
    return case.column("freq") if case.has("freq") else np.ones(case.column("group").size)


def _table(case: Case, groups: list[str], among: Any = True) -> np.ndarray:
    group, freq, good = case.column("group").astype(str), _freq(case), _favourable(case)
    return np.array(
        [[freq[(group == name) & (good == side) & among].sum() for side in (True, False)]
         for name in groups]
    )  # fmt: skip


def _logit(case: Case, groups: list[str]) -> Any:
    found = adjusted.adjusted_log_odds(
        _favourable(case),
        case.column("group"),
        case.column("stratum"),
        reference=groups[0],
        frequency=_freq(case),
    )
    if isinstance(found, Refusal):
        return found

    def named(first: float, group: Any, stratum: Any) -> dict[str, float]:
        by_group = {f"{case.columns['group']}{level}": figure for level, figure in group.items()}
        by_stratum = {f"{case.columns['stratum']}{key}": value for key, value in stratum.items()}
        return {"Intercept": first, **by_group, **by_stratum}

    return {
        "coef": named(found.intercept, found.group, found.stratum),
        "se": named(found.se_intercept, found.se_group, found.se_stratum),
        "deviance": found.deviance,
    }


KINDS: dict[str, Answer] = {"two_by_two": two_by_two, "stratified_2x2": stratified_2x2}
