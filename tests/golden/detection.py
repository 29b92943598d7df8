"""Detection kinds: from a recipe to our functions."""

from typing import Any

import numpy as np

from orchestration.statistics.detection import bunching as at_threshold
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


KINDS: dict[str, Answer] = {"bunching": bunching}
