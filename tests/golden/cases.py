"""A reference case as it lies in its folder, and our answer to it."""

import csv
import json
import math
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from orchestration.statistics.refusal import Refusal
from tests.golden.compare import MISSING, Figure, Refused, compare, leaves


@dataclass(frozen=True)
class Options(Mapping[str, Any]):
    """Options of a recipe that remember which of them were looked up."""

    stated: Mapping[str, Any]
    read: set[str] = field(default_factory=set)

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return self.stated[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.stated)

    def __len__(self) -> int:
        return len(self.stated)

    def under(self, laid_over: Mapping[str, Any]) -> "Options":
        """These options with those of a variant over them; what is read counts for both."""
        return Options({**self.stated, **laid_over}, self.read)


@dataclass(frozen=True)
class Case:
    """One case; `options` are those of the recipe, or of the variant that is being answered."""

    name: str
    kind: str
    columns: Mapping[str, Any]
    options: Options
    variants: Mapping[str, Mapping[str, Any]]
    formula: str | None
    table: Mapping[str, np.ndarray]
    expected: Any
    tolerance: Mapping[str, float | str]
    not_required: tuple[str, ...]
    remarks: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path, root: Path) -> Self:
        """Read `data.csv` and `expected.json`.

        Raises
        ------
        OSError, ValueError
            If a file is missing or cannot be read as what it should be.
        """
        stated = json.loads((folder / "expected.json").read_text(encoding="utf-8-sig"))
        for part, within in (("recipe", stated), ("expected", stated), ("kind", "recipe")):
            if part not in (stated["recipe"] if within == "recipe" else within):
                raise ValueError(f"expected.json states no {part!r}")
        recipe = stated["recipe"]
        return cls(
            name=named(folder, root),
            kind=recipe["kind"],
            columns=recipe.get("columns") or {},
            options=Options(recipe.get("options") or {}),
            variants=recipe.get("variants") or {},
            formula=stated.get("formula", recipe.get("formula")),
            table=_table(folder / "data.csv"),
            expected=stated["expected"],
            tolerance=stated.get("tolerance") or {},
            not_required=tuple(stated.get("not_required") or ()),
        )

    def word(self, option: str, words: Mapping[Any, Any], otherwise: Any) -> Any:
        """What the word of an option means; that it is not known is remarked, not passed over."""
        said = self.options.get(option)
        if said is not None and said not in words:
            self.remarks.append(
                f"the option {option} is not known as {said!r}: {otherwise!r} taken"
            )
        return words.get(said, otherwise)

    def complete(self, *names: str) -> Self:
        """The case with those rows alone in which all these columns have a value."""
        there = np.ones(next(iter(self.table.values())).size, dtype=bool)
        for name in names:
            there &= is_there(self.table[name])
        return replace(self, table={name: column[there] for name, column in self.table.items()})

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


def named(folder: Path, root: Path) -> str:
    """The case's name: its way below the folder that is run."""
    return folder.name if folder == root else str(folder.relative_to(root))


def is_there(column: np.ndarray) -> np.ndarray:
    """Where a column of a table has a value: no NaN, no empty text."""
    return ~np.isnan(column) if column.dtype.kind == "f" else column != ""


def label(value: Any) -> str:
    """A level as R writes it: 2021 and not 2021.0, TRUE and not True."""
    if isinstance(value, bool):
        return str(value).upper()
    return f"{value:.15g}" if isinstance(value, int | float) else str(value)


def labels(column: np.ndarray) -> np.ndarray:
    """The levels of a column as text, row by row."""
    return np.array([label(value) for value in column.tolist()])


def find(root: Path) -> Iterator[Path]:
    """Folders of all cases below a folder, in order of name."""
    yield from sorted(path.parent for path in root.rglob("expected.json"))


def figures(case: Case, kinds: Mapping[str, Answer]) -> list[Figure]:
    """Answer a case by its recipe and compare every figure."""
    ours = answer(case, kinds.get(case.kind))
    return compare(case.name, case.expected, ours, case.tolerance, case.not_required)


def answer(case: Case, compute: Answer | None) -> Any:
    """Our tree for a case: that of its options, with those of its variants under their names.

    What fails takes its own figures alone; that, and options that no answer has looked up, are
    remarked: an option that only tells is as welcome as one that we should have known is not.
    """
    if compute is None:
        case.remarks.append(f"the kind {case.kind!r} is not known")
        return MISSING
    tree: Any = {}
    read: set[str] = {"columns"}
    if any(not _within(steps, case.variants) for steps, _ in leaves(case.expected)):
        tree = _attempt(case, compute, "")
        read |= case.options.read
    for name, laid_over in case.variants.items():
        # A variant may have columns of its own too.
        columns = {**case.columns, **(laid_over.get("columns") or {})}
        varied = replace(
            case, columns=columns, options=Options({**case.options.stated, **laid_over})
        )
        *above, last = name.split(".")
        branch = tree if isinstance(tree, dict) else {}
        tree = branch
        for step in above:
            branch = branch.setdefault(step, {})
        branch[last] = _attempt(varied, compute, name)
        read |= varied.options.read
        remark_unread(case, {*laid_over} - varied.options.read - {"columns"}, f" of {name}")
    remark_unread(case, {*case.options.stated} - read, "")
    return tree


def _attempt(case: Case, compute: Answer, variant: str) -> Any:
    try:
        return plain(compute(case))
    except Exception:  # noqa: BLE001 - what fails is remarked, and the others go on
        case.remarks.append(f"{variant} failed\n{traceback.format_exc()}".lstrip())
        return MISSING


def remark_unread(case: Case, options: set[str], of: str) -> None:
    """Name the options that nobody has looked up, and whose they are."""
    if options:
        case.remarks.append(f"no answer reads the options {', '.join(sorted(options))}{of}")


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
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *lines = list(csv.reader(file)) or [[]]
    if not header:
        raise ValueError("data.csv has no header")
    # An empty line is the missing value of a table with one column, and nothing in others.
    rows = [line or [""] for line in lines if line or len(header) == 1]
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise ValueError(f"row {number} of data.csv has {len(row)} fields, not {len(header)}")
    return {name: _typed([row[at] for row in rows]) for at, name in enumerate(header)}


def _typed(texts: list[str]) -> np.ndarray:
    try:
        return np.array([float(text) if text not in {"", "NA"} else np.nan for text in texts])
    except ValueError:
        return np.array(["" if text == "NA" else text for text in texts])
