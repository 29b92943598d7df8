"""Detection kinds: from a recipe to our functions."""

from typing import Any

import numpy as np

from orchestration.statistics.detection import bunching as at_threshold
from orchestration.statistics.detection import digits as by_digit
from orchestration.statistics.detection.threshold import judge_threshold
from orchestration.statistics.refusal import Refusal
from tests.golden.cases import Answer, Case


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
        tree["density_test"][name] = _density(values, cutoff, alpha)
        if place == 0 and isinstance(tree[name], dict):
            tree.update(tree[name])
    return tree


def _windows(values: np.ndarray, cutoff: float, window: float) -> Any:
    found = at_threshold.count_in_windows(values, cutoff, window)
    if isinstance(found, Refusal):
        return found
    return {"below": found.below, "above": found.above, "binom_p": found.p_value}


def _density(values: np.ndarray, cutoff: float, alpha: float) -> Any:
    verdict = judge_threshold(values, cutoff, alpha=alpha)
    if isinstance(verdict, Refusal):
        return {"significant": verdict}
    tree: dict[str, Any] = {"significant": verdict.significant, "p": verdict.p_value}
    found = at_threshold.density_break(values, cutoff)
    if not isinstance(found, Refusal):
        tree |= {"t": found.statistic, "density_left": found.left, "density_right": found.right}
    return tree


def digits(case: Case) -> Any:
    """The first column stands at the top, and every column under its name."""
    named = next(iter(case.columns.values())) if case.columns else list(case.table)
    tree: dict[str, Any] = {}
    for name in named if isinstance(named, list) else [named]:
        one = _digits(np.asarray(case.table[name]), case.options)
        tree = {**one, **tree, name: one}
    return tree


def _digits(values: np.ndarray, options: Any) -> dict[str, Any]:
    stated = next((options[key] for key in ("decimals", "digits") if key in options), None)
    decimals = _decimals(values) if stated is None else int(stated)
    first, last = by_digit.first_digits(values), by_digit.last_digits(values, decimals=decimals)
    benford, terminal = _digit_tree(first), _digit_tree(last)
    return {
        **dict.fromkeys(("benford", "first", "first_digit"), benford),
        **dict.fromkeys(("terminal", "last", "last_digit", "terminal_digit"), terminal),
        **(benford if isinstance(benford, dict) else {}),
    }


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


KINDS: dict[str, Answer] = {"bunching": bunching, "digits": digits}
