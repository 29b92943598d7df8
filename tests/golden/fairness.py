"""Fairness kinds: from a recipe to our functions."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.stats import chi2_contingency

from orchestration.statistics.fairness import adjusted, clustering, ordinal, tables
from orchestration.statistics.refusal import Refusal
from tests.golden import design
from tests.golden.cases import Answer, Case, is_there, label, labels, remark_unread

OUTCOMES = ("outcome", "y", "response", "rating", "grade", "ordinal")
FREQUENCIES = ("freq", "weights", "weight", "n")
LINKS: dict[str, ordinal.Link] = {
    "logit": "logit",
    "logistic": "logit",
    "probit": "probit",
    "cloglog": "cloglog",
    "loglog": "loglog",
    "cauchit": "cauchit",
}


RATIO = ("adverse_impact_ratio", "impact_ratio", "ratio")
SELECTED = ("favourable", "selected", "hired", "successes", "events", "count", "yes")
NOT_SELECTED = ("unfavourable", "rejected", "not_selected", "failures", "no")
ALL = ("n", "total", "trials", "applicants", "size")


def two_by_two(case: Case) -> Any:
    case = _as_rows(case)
    groups = _groups(case)
    if len(groups) > 2:
        return _many_groups(_table(case, groups), groups)
    found = tables.compare_two_groups(_table(case, groups))
    return found if isinstance(found, Refusal) else _tree(found, groups)


def _many_groups(table: np.ndarray, groups: list[str]) -> dict[str, Any]:
    """Three groups and more: the lowest rate over the highest, and one test of all."""
    rates = table[:, 0] / table.sum(axis=1)
    test = chi2_contingency(table, correction=False)
    named = dict(zip(groups, rates.tolist(), strict=True))
    return {
        **dict.fromkeys(("rates", "selection_rates"), named),
        **dict.fromkeys(RATIO, float(rates.min() / rates.max())),
        "ratios": {group: rate / max(named.values()) for group, rate in named.items()},
        "chi2": float(test.statistic),
        "chi2_p": float(test.pvalue),
        "chi2_df": int(test.dof),
    }


def _as_rows(case: Case) -> Case:
    """A row per outcome, of those with all values; one row per group with counts becomes two."""
    if case.has("outcome"):
        roles = ("outcome", "group", "stratum", "freq")
        return case.complete(*(case.columns[role] for role in roles if case.has(role)))
    good = _counts(case, SELECTED)
    bad = _counts(case, NOT_SELECTED)
    if bad is None:
        bad = _counts(case, ALL) - good
    group = case.column("group")
    table = {
        "group": np.tile(group, 2),
        "outcome": np.repeat([1.0, 0.0], group.size),
        "freq": np.concatenate([good, bad]),
    }
    columns = {"group": "group", "outcome": "outcome", "freq": "freq", "favourable": 1}
    stated = {"reference": case.columns["reference"]} if case.has("reference") else {}
    return replace(case, table=table, columns=columns | stated)


def _counts(case: Case, roles: tuple[str, ...]) -> Any:
    there = [role for role in roles if case.columns.get(role) in case.table]
    if not there and roles is not NOT_SELECTED:
        raise ValueError(f"the recipe names no outcome, and no column of {', '.join(roles)}")
    return case.column(there[0]) if there else None


def stratified_2x2(case: Case) -> Any:
    case = _as_rows(case)
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
            {named: label(stratum.item())}
            | {
                group.lower(): row[0] / row.sum() if row.sum() else None
                for group, row in zip(groups, one, strict=True)
            }
            for stratum, one in zip(strata, each, strict=True)
        ],
        "logit": _logit(case, groups),
    }


def _tree(found: tables.TwoByTwo, groups: list[str]) -> dict[str, Any]:
    rates = dict(zip(groups, found.rates.tolist(), strict=True))
    return {
        **dict.fromkeys(("rates", "selection_rates"), rates),
        **dict.fromkeys(RATIO, found.impact_ratio),
        "chi2": found.chi2,
        "chi2_p": found.chi2_p_value,
        "chi2_yates": found.chi2_yates,
        "chi2_yates_p": found.chi2_yates_p_value,
        "fisher_or": found.odds_ratio,
        "fisher_p": found.fisher_p_value,
        "fisher_ci": [found.odds_ratio_low, found.odds_ratio_high],
        "fisher": {
            "or": found.odds_ratio,
            "p": found.fisher_p_value,
            "ci": [found.odds_ratio_low, found.odds_ratio_high],
        },
    }


def _groups(case: Case) -> list[str]:
    """The groups, the reference first."""
    named = labels(np.unique(case.column("group"))).tolist()
    reference = label(case.columns.get("reference", case.options.get("reference", named[0])))
    return [reference, *(group for group in named if group != reference)]


def _favourable(case: Case) -> np.ndarray:
    stated = label(case.columns.get("favourable", case.options.get("favourable", 1)))
    outcome = labels(case.column("outcome"))
    known = set(outcome.tolist())
    same = {"1": "TRUE", "TRUE": "1", "0": "FALSE", "FALSE": "0"}
    good = next((one for one in (stated, same.get(stated)) if one in known), None)
    if good is None:
        raise ValueError(
            f"no outcome is the favourable one, {stated!r}: {', '.join(sorted(known))}"
        )
    return outcome == good


def _freq(case: Case) -> np.ndarray:
    return case.column("freq") if case.has("freq") else np.ones(case.column("group").size)


def _table(case: Case, groups: list[str], among: Any = True) -> np.ndarray:
    group, freq, good = labels(case.column("group")), _freq(case), _favourable(case)
    return np.array(
        [[freq[(group == name) & (good == side) & among].sum() for side in (True, False)]
         for name in groups]
    )  # fmt: skip


def _logit(case: Case, groups: list[str]) -> Any:
    found = adjusted.adjusted_log_odds(
        _favourable(case),
        labels(case.column("group")),
        labels(case.column("stratum")),
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


def ordinal_regression(case: Case) -> Any:
    """Both links where none is named; rank tests of the group, or of the first covariate."""
    roles = {role: name for role, name in case.columns.items() if _is_column(case, name)}
    if case.formula:
        response, terms = design.parts(case.formula)
        response = design.bare(response)
    else:
        response = roles[next(role for role in OUTCOMES if role in roles)]
        predictors = [name for role, name in roles.items() if role not in (*OUTCOMES, *FREQUENCIES)]
        terms = [one for name in predictors for one in (name if isinstance(name, list) else [name])]
    weight = next((roles[role] for role in FREQUENCIES if role in roles), None)
    needed = {design.bare(factor) for term in terms for factor in term.split(":")}
    ranked_by = roles["group"] if "group" in roles else design.bare(terms[0].split(":")[0])
    counted = [weight] if weight else []
    paired = case.complete(response, ranked_by, *counted)
    case = case.complete(response, *needed, *counted)
    freq = case.table[weight] if weight else None
    outcome, levels = _ordered(case, response)
    reference = case.columns.get("reference", case.options.get("reference"))
    bases = {roles["group"]: reference} if reference is not None and "group" in roles else {}
    columns = design.coded(case.table, terms, bases)
    matrix = np.column_stack(list(columns.values()))
    named = [case.options[key] for key in ("link", "method") if case.options.get(key) in LINKS]
    if not named and "link" in case.options:
        named = [case.options["link"]]
    links = case.options.get("links", named or ["logit", "probit"])
    if not set(links) <= set(LINKS):
        raise ValueError(f"a link of {', '.join(links)} is not known: {', '.join(LINKS)}")
    each = {
        link: _polr(outcome, matrix, freq, LINKS[link], list(columns), levels) for link in links
    }
    first = each[links[0]]
    # A row without a covariate still has its rank.
    tests = _ranks(
        _ordered(paired, response)[0],
        paired.table[ranked_by],
        paired.table[weight] if weight else None,
        reference,
    )
    return design.also_joined(
        {
            **each,
            **{f"polr_{link}": one for link, one in each.items()},
            **(first if isinstance(first, dict) else {}),
            "polr": first,
            **tests,
        }
    )


def _is_column(case: Case, name: Any) -> bool:
    return all(one in case.table for one in (name if isinstance(name, list) else [name]))


def _ordered(case: Case, response: str) -> tuple[np.ndarray, list[str]]:
    """The outcome as places in the order of its levels, which the recipe may state."""
    values = case.table[response]
    stated = next(
        (
            where[key]
            for where in (case.options, case.columns)
            for key in ("levels", "order", "categories")
            if isinstance(where.get(key), list)
        ),
        None,
    )
    if stated is None:
        levels = np.unique(values)
        return np.searchsorted(levels, values), labels(levels).tolist()
    named = [label(level) for level in stated]
    return np.array([named.index(text) for text in labels(values).tolist()]), named


def _polr(
    outcome: np.ndarray,
    matrix: np.ndarray,
    freq: np.ndarray | None,
    link: ordinal.Link,
    names: list[str],
    levels: list[str],
) -> Any:
    found = ordinal.cumulative_link(outcome, matrix, link=link, frequency=freq)
    if isinstance(found, Refusal):
        return found
    there = [levels[place] for place in found.categories]
    cuts = [f"{low}|{high}" for low, high in pairwise(there)]
    coef = dict(zip(names, found.slopes.tolist(), strict=True))
    zeta = dict(zip(cuts, found.thresholds.tolist(), strict=True))
    errors = [*found.se_slopes.tolist(), *found.se_thresholds.tolist()]
    se = dict(zip([*names, *cuts], errors, strict=True))
    ratio = {name: value / se[name] for name, value in (coef | zeta).items()}
    return {
        "coef": coef,
        "beta": coef,
        "zeta": zeta,
        "thresholds": zeta,
        "se": se,
        "se_coef": {name: se[name] for name in names},
        "se_zeta": {name: se[name] for name in cuts},
        "t": ratio,
        "odds_ratio": {name: float(np.exp(value)) for name, value in coef.items()},
        "deviance": found.deviance,
        "loglik": found.log_likelihood,
        "aic": found.deviance + 2 * len(errors),
        "n": found.n,
    }


def _ranks(outcome: np.ndarray, group: np.ndarray, freq: np.ndarray | None, first: Any) -> Any:
    times = np.ones(outcome.size, dtype=int) if freq is None else freq.astype(int)
    # The reference group, where one is named, comes first.
    code = np.array([(label(one) != label(first), one) for one in group.tolist()], dtype=object)
    order = sorted({tuple(one) for one in code.tolist()})
    place = np.array([order.index(tuple(one)) for one in code.tolist()])
    found = ordinal.compare_by_ranks(np.repeat(outcome, times), np.repeat(place, times))
    if isinstance(found, Refusal):
        return {"wilcoxon": found, "kruskal": found}
    pair = {"W": found.w, "stat": found.w, "statistic": found.w, "p": found.w_p_value}
    ranks = {
        "stat": found.kruskal,
        "statistic": found.kruskal,
        "chi2": found.kruskal,
        "H": found.kruskal,
        "df": found.freedom,
        "p": found.kruskal_p_value,
    }
    return {"wilcoxon": pair, "wilcox": pair, "kruskal": ranks, "kruskal_wallis": ranks}


def morans_i(case: Case) -> Any:
    """Weights as the options say: inverse distances unless neighbours or a band are named.

    Places are coordinates, or the cells of a grid row by row.
    """
    places, value = _places(case)
    there = is_there(value)
    given = _given_weights(case)
    weights = _weights(case, places[there]) if given is None else given[np.ix_(there, there)]
    found = clustering.morans_i(
        value[there],
        weights,
        permutations=int(_option(case, ("permutations", "nsim", "n_perm"), 999)),
        seed=int(case.options.get("seed", 0)),
        # The moments need four; a reference may be as small as that.
        fewest=int(case.options.get("fewest", 4)),
    )
    if isinstance(found, Refusal):
        return found
    p = case.word(
        "alternative",
        {
            **dict.fromkeys(("two.sided", "two-sided", "two_sided"), found.p_two_sided),
            "greater": found.p_greater,
            "less": 1 - found.p_greater,
        },
        found.p_two_sided,
    )
    random, normal = found.variance_randomisation, found.variance_normality
    by = {
        "randomisation": {"variance": random, "sd": np.sqrt(random), "z": found.z_randomisation},
        "normality": {"variance": normal, "sd": np.sqrt(normal), "z": found.z_normality},
    }
    chosen = "normality" if _option(case, ("randomisation",), True) is False else "randomisation"
    figures = {
        **dict.fromkeys(("I", "i", "observed", "statistic", "moran", "morans_i"), found.i),
        **dict.fromkeys(("expected", "expectation", "E", "EI", "E_I"), found.expected),
        **dict.fromkeys(("p", "p_value", "p.value"), p),
        **dict.fromkeys(("p_permutation", "p_perm", "permutation_p"), found.p_permutation),
        "p_two_sided": found.p_two_sided,
        "p_greater": found.p_greater,
        "n": found.n,
    }
    one = by[chosen]
    at_top = {
        **dict.fromkeys(("variance", "var", "VI"), one["variance"]),
        "sd": one["sd"],
        "z": one["z"],
    }
    return {**figures, **by, **at_top, "var_normality": normal, "var_randomisation": random}


def _places(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates, of one or two axes, and the values."""
    taken = [role for role in WEIGHTS if case.has(role)]
    grid = case.options.get("grid")
    value = next((role for role in ("value", "values", "z", "score") if case.has(role)), None)
    if value is None:
        axes = {role for pair in AXES for role in pair if set(pair) <= set(case.columns)}
        beside = {*axes, *taken, "id", "place", "site", "unit", "position", "pos", "coords"}
        value = next(role for role in case.columns if role not in beside)
    values = np.asarray(case.column(value))
    if isinstance(grid, list):
        cell = np.arange(grid[0] * grid[1])
        return np.column_stack([cell // grid[1], cell % grid[1]]).astype(float), values
    for pair in AXES:
        if all(role in case.columns and role != value for role in pair):
            return np.column_stack([case.column(role) for role in pair]), values
    for role, named in case.columns.items():
        if role not in (value, *taken) and isinstance(named, list):
            return np.asarray(case.column(role)), values
    # In a line: by their position, else in the order of the rows.
    line = next((role for role in ("position", "pos", "x", "order") if case.has(role)), None)
    place = np.arange(values.size) if line is None or line == value else case.column(line)
    return np.asarray(place, dtype=float)[:, None], values


AXES = (("x", "y"), ("lat", "lon"), ("latitude", "longitude"), ("east", "north"), ("row", "col"))
WEIGHTS = ("weights", "w", "neighbours", "neighbors", "adjacency")


def _given_weights(case: Case) -> np.ndarray | None:
    """Weights that stand in the data, a column per place."""
    role = next((one for one in WEIGHTS if isinstance(case.columns.get(one), list)), None)
    if role is None:
        return None
    weights = np.asarray(case.column(role))
    plain = case.options.get("style") == "B" or not _among_flags(case.options)
    return weights if plain else clustering.row_standardised(weights)


def _weights(case: Case, places: np.ndarray) -> np.ndarray:
    stated = case.options.get("weights", case.options.get("weight", ""))
    nested = stated if isinstance(stated, dict) else {}
    named = case.options.under(nested)
    kind = str(named.get("type", named.get("kind", stated))).lower()
    metric: clustering.Metric = "great_circle" if "lat" in str(case.columns) else "euclidean"
    between = clustering.distances(places, str(named.get("metric", metric)))  # type: ignore[arg-type]
    count = _among(named, ("k", "neighbours", "neighbors", "knn"))
    furthest = _among(named, ("threshold", "max_distance", "furthest", "radius", "band", "d_max"))
    if "queen" in kind or "rook" in kind:
        furthest = 1.5 if "queen" in kind else 1.0
    if count is not None and ("near" in kind or "knn" in kind or furthest is None):
        weights = clustering.nearest_neighbour_weights(between, int(count))
    elif furthest is not None and "inverse" not in kind:
        weights = clustering.band_weights(between, furthest=float(furthest))
    elif kind and not any(word in kind for word in ("inverse", "idw", "reciprocal")):
        raise ValueError(f"weights by {kind!r} are not known, or need a threshold or k")
    else:
        weights = clustering.inverse_distance_weights(between, power=float(named.get("power", 1)))
        if furthest is not None:
            weights = weights * clustering.band_weights(between, furthest=float(furthest))
    # Binary weights are nought and one, unless their rows are said to be standardised.
    style = "B" if "binary" in kind and not _says_flags(named) else "W"
    plain = str(named.get("style", style)) == "B" or not _among_flags(named)
    remark_unread(case, set(nested) - named.read, " of the weights")
    return weights if plain else clustering.row_standardised(weights)


def _among(options: Any, names: tuple[str, ...]) -> Any:
    return next(
        (options[name] for name in names if isinstance(options.get(name), int | float)), None
    )


FLAGS = ("row_standardised", "row_standardized", "row_standardise", "row_standardize")


def _says_flags(options: Any) -> bool:
    return any(name in options for name in FLAGS)


def _among_flags(options: Any) -> bool:
    return bool(next((options[name] for name in FLAGS if name in options), True))


def _option(case: Case, names: tuple[str, ...], otherwise: Any) -> Any:
    return next((case.options[name] for name in names if name in case.options), otherwise)


KINDS: dict[str, Answer] = {
    "morans_i": morans_i,
    "two_by_two": two_by_two,
    "stratified_2x2": stratified_2x2,
    "ordinal_regression": ordinal_regression,
}
