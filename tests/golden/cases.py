"""A reference case as it lies in its folder, and our answer to it."""

import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from orchestration.statistics.refusal import Refusal
from tests.golden.compare import MISSING, Figure, Refused, compare, leaves


@dataclass(frozen=True)
class Case:
    """One case; `options` are those of the recipe, or of the variant that is being answered."""

    name: str
    kind: str
    columns: Mapping[str, Any]
    options: Mapping[str, Any]
    variants: Mapping[str, Mapping[str, Any]]
    formula: str | None
    table: Mapping[str, np.ndarray]
    expected: Any
    tolerance: Mapping[str, float | str]
    not_required: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path, root: Path) -> Self:
        """Read `data.csv` and `expected.json`."""
        stated = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
        recipe = stated["recipe"]
        return cls(
            name=str(folder.relative_to(root)),
            kind=recipe["kind"],
            columns=recipe.get("columns", {}),
            options=recipe.get("options", {}),
            variants=recipe.get("variants", {}),
            formula=stated.get("formula", recipe.get("formula")),
            table=_table(folder / "data.csv"),
            expected=stated["expected"],
            tolerance=stated.get("tolerance", {}),
            not_required=tuple(stated.get("not_required", ())),
        )

    def has(self, role: str) -> bool:
        """Whether the recipe names a column for this role."""
        return role in self.columns

    def column(self, role: str) -> np.ndarray:
        """The column of a role; of a role with several columns, the matrix."""
        named = self.columns[role]
        if isinstance(named, list):
            return np.column_stack([self.table[name] for name in named])
        return self.table[named]


Answer = Callable[[Case], Any]


def find(root: Path) -> Iterator[Path]:
    """Folders of all cases below a folder, in order of name."""
    yield from sorted(path.parent for path in root.rglob("expected.json"))


def figures(case: Case, kinds: Mapping[str, Answer]) -> list[Figure]:
    """Answer a case by its recipe and compare every figure."""
    ours = answer(case, kinds.get(case.kind))
    return compare(case.name, case.expected, ours, case.tolerance, case.not_required)


def answer(case: Case, compute: Answer | None) -> Any:
    """Our tree for a case: that of its options, with those of its variants under their names."""
    if compute is None:
        return MISSING
    tree: Any = {}
    if any(not _within(steps, case.variants) for steps, _ in leaves(case.expected)):
        tree = plain(compute(case))
    for name, laid_over in case.variants.items():
        varied = replace(case, options={**case.options, **laid_over})
        *above, last = name.split(".")
        branch = tree if isinstance(tree, dict) else {}
        tree = branch
        for step in above:
            branch = branch.setdefault(step, {})
        branch[last] = plain(compute(varied))
    return tree


def plain(value: Any) -> Any:
    """Our answer in the types of JSON; NaN is null, a refusal is kept as one."""
    if isinstance(value, Refusal):
        return Refused(value.reason, value.detail)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def _within(steps: tuple[str | int, ...], variants: Mapping[str, Any]) -> bool:
    return any(
        list(steps[: len(parts)]) == parts for parts in (name.split(".") for name in variants)
    )


def _table(path: Path) -> dict[str, np.ndarray]:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    return {name: _typed([row[at] for row in rows]) for at, name in enumerate(header)}


def _typed(texts: list[str]) -> np.ndarray:
    try:
        return np.array([float(text) if text not in {"", "NA"} else np.nan for text in texts])
    except ValueError:
        return np.array(texts)
