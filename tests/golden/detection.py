"""Detection kinds: from a recipe to our functions."""

from typing import Any

import numpy as np

from orchestration.statistics.detection import bunching as at_threshold
from orchestration.statistics.detection import digits as by_digit
from orchestration.statistics.detection import relations
from orchestration.statistics.detection.threshold import judge_threshold
from orchestration.statistics.refusal import TOO_FEW_READINGS, Refusal
from tests.golden.cases import Answer, Case
from tests.golden.design import also_joined


def bunching(case: Case) -> Any:
    """The first column stands at the top, each further one under its name."""
    named = case.columns["values"]
    columns = named if isinstance(named, list) else [named]
    cutoff, window = float(case.options["cutoff"]), float(case.options.get("window", 1))
    alpha = float(case.options.get("density_alpha", 0.05))
    tree: dict[str, Any] = {"cutoff": cutoff, "window": window, "density_test": {}}
    for place, name in enumerate(columns):
        values = np.asarray(case.table[name])
        tree[name] = _windows(values, cutoff, window)
        density = _density(values, cutoff, alpha)
        # One column needs no name.
        tree["density_test"] |= {name: density} | (density if len(columns) == 1 else {})
        if place == 0:
            tree.update(tree[name])
    return tree


def _windows(values: np.ndarray, cutoff: float, window: float) -> Any:
    found = at_threshold.count_in_windows(values, cutoff, window)
    if isinstance(found, Refusal):
        # Of values that all lie elsewhere the counts are known, and the test is not.
        count = 0 if found.reason == TOO_FEW_READINGS else found
        return {"below": count, "above": count, "binom_p": found}
    return {"below": found.below, "above": found.above, "binom_p": found.p_value}


def _density(values: np.ndarray, cutoff: float, alpha: float) -> Any:
    """The bare test of the paper; where a side has too few distinct values, that of the counts."""
    found = at_threshold.density_break(values, cutoff, fewest=1, fewest_levels=0)
    if isinstance(found, Refusal):
        verdict = judge_threshold(values, cutoff, alpha=alpha)
        if isinstance(verdict, Refusal):
            return {"significant": verdict}
        return {"significant": verdict.significant, "p": verdict.p_value}
    return {
        "significant": found.p_value < alpha,
        **dict.fromkeys(("p", "p_value"), found.p_value),
        "t": found.statistic,
        "density_left": found.left,
        "density_right": found.right,
    }


def digits(case: Case) -> Any:
    """The first column stands at the top, and every column under its name.

    Where first and last digits have columns of their own, each test is that of its column.
    """
    roles = {test: role for test, names in TESTS.items() for role in names if case.has(role)}
    if len(roles) > 1 or "terminal" in roles:
        return _by_test(case, roles)
    named = next(iter(case.columns.values())) if case.columns else list(case.table)
    tree: dict[str, Any] = {}
    for name in named if isinstance(named, list) else [named]:
        one = _digits(np.asarray(case.table[name]), case.options)
        tree = {**one, **tree, name: one}
    return tree


TESTS = {
    "benford": ("benford", "first", "first_digit", "values", "value", "amount"),
    "terminal": ("terminal", "last", "last_digit", "terminal_digit", "readings"),
}


def _by_test(case: Case, roles: dict[str, str]) -> dict[str, Any]:
    each = {test: _digits(np.asarray(case.column(role)), case.options)
            for test, role in roles.items()}  # fmt: skip
    tree = {name: each[test][name] for test in each for name in (*TESTS[test], test)
            if name in each[test]}  # fmt: skip
    asked = str(case.options.get("test", next(iter(roles)))).lower()
    chosen = "terminal" if any(word in asked for word in ("terminal", "last")) else "benford"
    top = each.get(chosen, {}).get(chosen)
    return also_joined({**(top if isinstance(top, dict) else {}), **tree})


def _digits(values: np.ndarray, options: Any) -> dict[str, Any]:
    stated = next((options[key] for key in ("decimals", "digits") if key in options), None)
    decimals = _decimals(values) if stated is None else int(stated)
    fewest = int(options.get("fewest", 10))
    # Over less than one power of ten no digit can be as likely as Benford's law has it.
    orders = float(options.get("orders", 1.0))
    first = by_digit.first_digits(values, fewest=fewest, orders=orders)
    last = by_digit.last_digits(values, decimals=decimals, fewest=fewest)
    benford, terminal = _digit_tree(first), _digit_tree(last)
    tree = {
        **dict.fromkeys(("benford", "first", "first_digit"), benford),
        **dict.fromkeys(("terminal", "last", "last_digit", "terminal_digit"), terminal),
        **(benford if isinstance(benford, dict) else {}),
    }
    return also_joined(tree)


def _digit_tree(found: by_digit.DigitTest | Refusal) -> Any:
    if isinstance(found, Refusal):
        return found
    shares = found.counts / found.n
    return {
        **dict.fromkeys(("counts", "observed", "count"), found.counts),
        **dict.fromkeys(("shares", "freq", "proportions"), shares),
        **dict.fromkeys(("chi2", "chisq", "stat", "statistic"), found.chi2),
        **dict.fromkeys(("p", "p_value", "chi2_p"), found.p_value),
        **dict.fromkeys(("mad", "mean_absolute_deviation"), found.mean_absolute_deviation),
        "expected": found.n * found.expected,
        "expected_share": found.expected,
        "df": found.freedom,
        "n": found.n,
    }


def _decimals(values: np.ndarray, most: int = 9) -> int:
    """Fewest decimals in which all values are written."""
    there = values[np.isfinite(values)]
    return next((d for d in range(most) if np.allclose(there, np.round(there, d), 1e-12, 0)), most)


def kpi_relations(case: Case) -> Any:
    """All KPIs of the first list of columns; distances without sign unless the options say so."""
    stated = next((one for one in case.columns.values() if isinstance(one, list)), None)
    names = stated or [name for name, column in case.table.items() if column.dtype.kind == "f"]
    series = np.column_stack([case.table[name] for name in names])
    distance = str(case.options.get("distance", "absolute")).lower()
    absolute = "abs" in distance or "|" in distance
    found = relations.relate(series, absolute=absolute)
    tree: dict[str, Any] = {"ccf": _ccf(case, names)}
    if isinstance(found, Refusal):
        return tree | dict.fromkeys(("spearman", "eigenvalues", "vif", "partial"), found)
    tree |= {
        "n": found.n,
        "pearson": found.pearson,
        "spearman": found.spearman,
        "spearman_p": found.p_spearman,
        "spearman_p_bh": found.adjusted_spearman,
        "pearson_p": found.p_pearson,
        "pearson_p_bh": found.adjusted_pearson,
        "partial": found.partial,
        "partial_p": found.p_partial,
        "partial_p_bh": found.adjusted_partial,
        "vif": dict(zip(names, found.inflation.tolist(), strict=True)),
        **dict.fromkeys(("eigenvalues", "eigen"), found.eigenvalues),
        **dict.fromkeys(("heights", "height", "merge_height", "merge_heights"), found.heights),
        "merge": found.merges,
    }
    tested = str(case.options.get("bh", case.options.get("p_adjust", "partial")))
    of = next((one for one in ("spearman", "pearson") if one in tested.lower()), "partial")
    upper = np.triu_indices(len(names), 1)
    tree |= dict.fromkeys(("bh", "p_bh", "p_adjusted"), tree[f"{of}_p_bh"][upper])
    tree |= {"p": tree[f"{of}_p"][upper]}
    cut = {"heights": found.heights, "height": found.heights, "merge": found.merges}
    cut["order"] = _order(found.merges, len(found.merges))
    count = _stated(case, ("k", "clusters", "n_clusters", "cut_k"))
    height = _stated(case, ("h", "cut", "cut_height", "height"))
    if count is not None or height is not None:
        labels = relations.clusters(
            found,
            count=None if count is None else int(count),
            height=None if count is not None else height,
        )
        cut |= {"clusters": labels, "cluster": labels}
        tree |= {"clusters": labels, "cluster": labels}
    tree |= dict.fromkeys(("hclust", "linkage", "average_linkage"), cut)
    for name in ("spearman", "pearson", "partial"):
        asked = case.expected.get(name) if isinstance(case.expected, dict) else None
        if isinstance(asked, dict) and set(asked) <= set(names):
            rows = zip(names, np.asarray(tree[name]).tolist(), strict=True)
            tree[name] = {one: dict(zip(names, row, strict=True)) for one, row in rows}
    return also_joined(tree)


def _order(merges: np.ndarray, step: int) -> list[int]:
    """KPIs (from 1) from left to right below a join."""
    return [kpi for one in merges[step - 1] for kpi in ([-one] if one < 0 else _order(merges, one))]


def _ccf(case: Case, names: list[str]) -> Any:
    """Of the columns that the options or the roles x and y name, else of the first two."""
    within = case.options.get("ccf")
    named = case.options.under(within if isinstance(within, dict) else {})
    pair = within if isinstance(within, list) else [named.get("x"), named.get("y")]
    if not all(one in case.table for one in pair):
        pair = [case.columns.get("x"), case.columns.get("y")]
    if not all(isinstance(one, str) and one in case.table for one in pair):
        pair = names[:2]
    x, y = (np.asarray(case.table[one]) for one in pair)
    lag = next((named[key] for key in ("lag_max", "max_lag", "lags", "lag") if key in named), None)
    # R's default.
    most = int(10 * np.log10(x.size)) if lag is None else int(lag)
    found = relations.cross_correlation(x, y, most)
    if isinstance(found, Refusal):
        return found
    if isinstance(case.expected, dict) and isinstance(case.expected.get("ccf"), list):
        return found[1]
    return {
        **{str(lag): r for lag, r in zip(*found, strict=True)},
        **dict.fromkeys(("lag", "lags"), found[0]),
        **dict.fromkeys(("r", "acf", "ccf", "values"), found[1]),
        "best_lag": int(found[0][np.abs(found[1]).argmax()]),
        "max_lag": int(found[0][np.abs(found[1]).argmax()]),
    }


def _stated(case: Case, names: tuple[str, ...]) -> Any:
    options = case.options
    return next(
        (options[name] for name in names if isinstance(options.get(name), int | float)), None
    )


KINDS: dict[str, Answer] = {
    "bunching": bunching,
    "digits": digits,
    "kpi_relations": kpi_relations,
}
