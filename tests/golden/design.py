"""The design matrix of a formula: treatment coding, the first level in sort order is the base.

And the two ways in which cases write a named group of figures: `a.b` and `a_b`.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.golden.cases import label

Columns = dict[str, np.ndarray]


def parts(formula: str) -> tuple[str, list[str]]:
    """Response and terms of `y ~ a + b + a:b`; `a * b` is `a + b + a:b`, constants are left out."""
    response, right = (side.strip() for side in formula.split("~", 1))
    terms: list[str] = []
    for written in right.split("+"):
        factors = [one.strip() for one in written.split("*")]
        for term in (*factors, *([":".join(factors)] if len(factors) > 1 else ())):
            if term not in {"0", "1", "-1", *terms}:
                terms.append(term)
    return response, terms


def bare(name: str) -> str:
    """The column in `factor(x)`, `ordered(x)` or `x`."""
    within = re.fullmatch(r"[\w.]+\((.*)\)", name)
    return within.group(1).split(",")[0].strip() if within else name


def coded(
    table: Mapping[str, np.ndarray], terms: list[str], bases: Mapping[str, str] | None = None
) -> Columns:
    """The columns of the terms, named as R names them, without a constant."""
    found: Columns = {}
    for term in terms:
        product: Columns = {"": np.ones(next(iter(table.values())).size)}
        for factor in term.split(":"):
            own = _main(table, factor, (bases or {}).get(bare(factor)))
            product = {
                f"{before}:{name}" if before else name: left * right
                for name, right in own.items()
                for before, left in product.items()
            }
        found |= product
    return found


def _main(table: Mapping[str, np.ndarray], factor: str, base: str | None) -> Columns:
    values = table[bare(factor)]
    if values.dtype.kind == "f" and factor == bare(factor):
        return {factor: values}
    levels = np.unique(values[values == values])  # noqa: PLR0124 - NaN is no level
    named = {label(level.item()): level for level in levels}
    first = str(base) if base is not None and str(base) in named else next(iter(named))
    return {
        f"{factor}{name}": (values == level).astype(float)
        for name, level in named.items()
        if name != first
    }


def also_joined(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The tree, and each figure of its groups once more at the top under `group_figure`."""
    joined = {
        f"{group}_{name}": figure
        for group, figures in tree.items()
        if isinstance(figures, Mapping)
        for name, figure in figures.items()
    }
    return {**joined, **tree}
