"""Kinds of mixed models: from a recipe to our functions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from orchestration.statistics.mixed import generalised, linear
from orchestration.statistics.mixed.covariance import GroupEffects, VarianceComponent
from orchestration.statistics.refusal import Refusal
from tests.golden.cases import Answer, Case, is_there, remark_unread

RESPONSES = ("response", "outcome", "y", "rating", "value", "count", "events", "score")
OVER_EXPECTED = (
    "predicted_over_expected",
    "predicted_expected",
    "predicted_to_expected",
    "pred_over_exp",
    "pe_ratio",
    "ratio",
)
COVARIATES = ("fixed", "covariates", "covariate", "x", "criterion")


def lmm(case: Case) -> Any:
    table = _table(case)
    found = linear.fit_linear(
        _formula(case),
        table,
        method=_method(case),
        weights=_by_role(case, table, "weights"),
        satterthwaite=True,
    )
    if isinstance(found, Refusal):
        return found
    fixed = _named(found.names)
    residual = found.residual_variance
    tree = {
        "reml": found.method == "REML",
        "n": found.n,
        "fixef": dict(zip(fixed, found.fixed, strict=True)),
        "se": dict(zip(fixed, found.se, strict=True)),
        "t": dict(zip(fixed, found.fixed / found.se, strict=True)),
        "satterthwaite_df": dict(zip(fixed, found.freedom, strict=True)),
        "p": dict(zip(fixed, found.p_value, strict=True)),
        "varcomp": _components(case, found.components),
        "theta": found.theta,
        "sigma": np.sqrt(residual),
        "loglik": found.log_likelihood,
        f"{found.method.lower()}_loglik": found.log_likelihood,
        "deviance": -2 * found.log_likelihood,
        "aic": found.aic,
        "bic": found.bic,
        "singular": found.singular,
        **_effects(case, found.effects),
        **_shares(found.components),
    }
    for one in reversed(found.effects):
        # One figure where all levels have as many rows and one is asked for.
        alike = not isinstance(_stated(case, "reliability"), list) and np.ptp(one.n) == 0
        tree |= {f"reliability_{name}": one.reliability for name in _names(one.group)}
        tree["reliability"] = one.reliability[0] if alike else one.reliability
    return tree


def glmm(case: Case) -> Any:
    table = _table(case)
    trials = _by_role(case, table, "trials")
    formula = _formula(case)
    if "offset(" not in formula:
        offset = case.columns.get("offset", case.options.get("offset"))
        exposure = case.columns.get("exposure", case.options.get("exposure"))
        if exposure is not None:
            offset = f"log({exposure})"
        if offset is not None:
            formula = f"{formula} + offset({offset})"
    if case.options.get("nAGQ", 1) != 1:
        raise ValueError("a glmm is fitted by the Laplace approximation (nAGQ = 1) alone")
    if _family(case) == "binomial":
        formula, table, trials = _of_shares(case, formula, _zero_one(formula, table), trials)
    found = generalised.fit_generalised(formula, table, family=_family(case), trials=trials)
    if isinstance(found, Refusal):
        return found
    means = {}
    for at in reversed(range(len(found.effects))):
        figures = {
            **dict.fromkeys(OVER_EXPECTED, found.predicted_over_expected[at]),
            "predicted": found.predicted[at],
            "expected": found.expected[at],
        }
        # Those of the first factor under the plain names too.
        means |= figures
        for name in _names(found.effects[at].group):
            means |= {f"{start}_{name}": figure for start, figure in figures.items()}
    return {**_generalised(case, found), **means}


def _of_shares(
    case: Case, formula: str, table: dict[str, np.ndarray], trials: np.ndarray | None
) -> tuple[str, dict[str, np.ndarray], np.ndarray | None]:
    """R's two other ways to say successes among trials: `y/n`, and shares with weights."""
    response, _, terms = formula.partition("~")
    weights = _by_role(case, table, "weights")
    successes, slash, among = (part.strip() for part in response.partition("/"))
    if slash and among in table:
        return f"{successes} ~{terms}", table, table[among]
    if weights is not None and response.strip() in table:
        counted = {**table, "successes_": np.round(table[response.strip()] * weights)}
        return f"successes_ ~{terms}", counted, weights
    return formula, table, trials


def _zero_one(formula: str, table: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A response of two words as R takes it: the first in sort order is the failure."""
    response = formula.partition("~")[0].strip()
    column = table.get(response)
    if column is None or column.dtype.kind == "f":
        return table
    there = is_there(column)
    code = np.where(there, (column != np.unique(column[there])[0]).astype(float), np.nan)
    return {**table, response: code}


def rater_severity(case: Case) -> Any:
    parts = case.options.get("parts", {"lmm": {}, "clmm": {}})
    tree = {}
    for name, options in parts.items():
        expected = case.expected.get(name, {}) if isinstance(case.expected, Mapping) else {}
        part = replace(case, options=case.options.under(options), expected=expected)
        linear_part = name.startswith("lmm") or ("method" in options and "link" not in options)
        tree[name] = lmm(part) if linear_part else _cumulative(part)
        remark_unread(case, set(options) - part.options.read, f" of {name}")
    return tree


def _cumulative(case: Case) -> Any:
    link = case.options.get("link", "logit")
    if str(case.options.get("approximation", "laplace")).lower() != "laplace":
        raise ValueError("a cumulative model is fitted by the Laplace approximation alone")
    found = generalised.fit_cumulative(_formula(case), _table(case), link=link)
    if isinstance(found, Refusal):
        return found
    thresholds = dict(zip(found.threshold_names, found.thresholds, strict=True))
    tree = _generalised(case, found)
    # The sd of the random effects themselves, not those of their predictions.
    for one in found.components:
        if one.second is None and one.first == "(Intercept)":
            tree |= {f"sd_{name}": one.sd_or_correlation for name in _names(one.group)}
            tree |= {f"var_{name}": one.value for name in _names(one.group)}
    return tree | {
        "thresholds": thresholds,
        "se_thresholds": dict(zip(found.threshold_names, found.threshold_se, strict=True)),
        "beta": tree["fixef"],
        "se_beta": tree["se"],
    }


def _generalised(case: Case, found: generalised.GeneralisedMixed) -> dict[str, Any]:
    fixed = _named(found.names)
    return {
        "n": found.n,
        "fixef": dict(zip(fixed, found.fixed, strict=True)),
        "se": dict(zip(fixed, found.se, strict=True)),
        "z": dict(zip(fixed, found.z, strict=True)),
        "p": dict(zip(fixed, found.p_value, strict=True)),
        "varcomp": _components(case, found.components),
        "theta": found.theta,
        "loglik": found.log_likelihood,
        "deviance": -2 * found.log_likelihood,
        "aic": found.aic,
        "bic": found.bic,
        "singular": found.singular,
        **_effects(case, found.effects),
    }


def _family(case: Case) -> Literal["binomial", "poisson"]:
    said = str(case.options.get("family", "")).lower()
    link = case.options.get("link")
    if link not in {None, "logit", "log"}:
        raise ValueError(f"a glmm with the link {link!r} is not known: logit or log")
    if said in {"binomial", "bernoulli", "logit", "logistic"}:
        return "binomial"
    if said in {"poisson", "log"}:
        return "poisson"
    if not said:
        # By its response: successes and failures, or two values, else counts.
        response = _formula(case).partition("~")[0].strip()
        values = _table(case).get(response)
        two = values is not None and np.unique(values[is_there(values)]).size <= 2
        shared = "trials" in case.columns or "/" in response or response.startswith("cbind")
        return "binomial" if two or shared else "poisson"
    raise ValueError(f"a glmm of the family {said!r} is not known: binomial or poisson")


def _stated(case: Case, leaf: str) -> Any:
    """The shape in which the answer, or that of the first variant, states a leaf."""
    branches = [case.expected, *(case.expected.values() if case.expected else ())]
    named = [branch[leaf] for branch in branches if isinstance(branch, Mapping) and leaf in branch]
    return named[0] if named else None


def _method(case: Case) -> linear.Method:
    said = case.options.get("method", case.options.get("REML", case.options.get("reml", True)))
    if said in {True, False}:
        return "REML" if said else "ML"
    if str(said).upper() not in {"REML", "ML"}:
        raise ValueError(f"the method {said!r} is not known: REML, ML")
    return "REML" if str(said).upper() == "REML" else "ML"


def _formula(case: Case) -> str:
    """The formula, or the one that the roles of the columns mean."""
    said = case.options.get("formula", case.formula)
    if said is not None:
        return said
    response = next(case.columns[role] for role in RESPONSES if role in case.columns)
    covariates = [
        name for role in COVARIATES if role in case.columns for name in _list(case.columns[role])
    ]
    taken = {*RESPONSES, *COVARIATES, "trials", "n", "exposure", "offset", "weights", "random"}
    groups = _list(case.columns.get("random", case.options.get("random", []))) or [
        name for role, named in case.columns.items() if role not in taken for name in _list(named)
    ]
    bars = [name if "|" in name else f"(1 | {name})" for name in groups]
    return f"{response} ~ {' + '.join(['1', *covariates, *bars])}"


def _table(case: Case) -> dict[str, np.ndarray]:
    """The columns under their own names, and under those of their roles where these are free."""
    roles = {
        role: case.table[name]
        for role, name in case.columns.items()
        if isinstance(name, str) and name in case.table
    }
    return {**roles, **case.table}


def _by_role(case: Case, table: Mapping[str, np.ndarray], role: str) -> np.ndarray | None:
    named = case.columns.get(role, case.options.get(role))
    return None if named is None else table[named]


def _list(named: str | Sequence[str]) -> list[str]:
    return [named] if isinstance(named, str) else list(named)


def _named(names: Sequence[str]) -> list[str]:
    return ["Intercept" if name == "(Intercept)" else name for name in names]


def _components(case: Case, components: Sequence[VarianceComponent]) -> list[dict[str, Any]]:
    nested = "/" in _formula(case).partition("~")[2]
    return [
        {
            "grp": _as_lme4_nests(one.group) if nested else one.group,
            "var1": one.first,
            "var2": one.second,
            "vcov": one.value,
            "sdcor": one.sd_or_correlation,
        }
        for one in components
    ]


def _as_lme4_nests(group: str) -> str:
    """`c:(b:a)` of (1 | a/b/c)."""
    inner, _, outer = group.partition(":")
    return f"{inner}:({outer})" if ":" in outer else group


def _shares(components: Sequence[VarianceComponent]) -> dict[str, float]:
    variances = [one for one in components if one.second is None]
    total = sum(one.value for one in variances)
    return {
        f"icc_{_short(one.group)}": one.value / total
        for one in variances
        if one.group != "Residual" and one.first == "(Intercept)"
    }


def _effects(case: Case, effects: Sequence[GroupEffects]) -> dict[str, Any]:
    """Modes and their sd: an array per factor and coefficient, and a row per level."""
    tree: dict[str, Any] = {}
    for one in effects:
        for name in _names(one.group):
            tree[f"levels_{name}"] = one.levels
            for at, coefficient in enumerate(_coefficients(one)):
                ends = {name, f"{name}_{coefficient}"} if at == 0 else {f"{name}_{coefficient}"}
                for end in ends:
                    tree[f"blup_{end}"] = tree[f"mode_{end}"] = one.effect[:, at]
                    tree[f"sd_{end}"] = one.sd_given_fixed[:, at]
                    tree[f"se_{end}"] = one.sd[:, at]
    if len(effects) == 1:
        one = effects[0]
        rows = [
            {one.group.lower(): level, one.group: level}
            | dict(zip(_coefficients(one), one.effect[at], strict=True))
            | {
                f"sd_{name}": figure
                for name, figure in zip(_coefficients(one), one.sd_given_fixed[at], strict=True)
            }
            for at, level in enumerate(one.levels)
        ]
        stated = _stated(case, "blup")
        as_rows = isinstance(stated, list) and any(isinstance(row, Mapping) for row in stated)
        tree["blup"] = rows if as_rows else one.effect[:, 0]
        tree["sd_blup"] = one.sd_given_fixed[:, 0]
    return tree


def _coefficients(one: GroupEffects) -> list[str]:
    return ["intercept" if name == "(Intercept)" else name.lower() for name in one.coefficients]


def _names(group: str) -> set[str]:
    """How a leaf may name a grouping factor: `leader:site`, `leader_site`, `leader`."""
    return {group, _short(group), group.replace(":", "_")}


def _short(group: str) -> str:
    """`leader` of `leader:site`."""
    return group.partition(":")[0]


KINDS: dict[str, Answer] = {"lmm": lmm, "glmm": glmm, "rater_severity": rater_severity}
