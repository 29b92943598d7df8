"""How a figure of ours is compared with the reference: leaves, tolerances, verdicts."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["ok", "differs", "missing", "refused"]

# Point numbers and rule names: exact, whatever the tolerance.
POINTS = re.compile(r"(^|[._])(signals\w*|violations|beyond|nelson\d|we\d)$")
CLUSTERS = re.compile(r"(^|[._])clusters?(\[\d+\])?$")
MISSING = object()


@dataclass(frozen=True)
class Refused:
    """An answer that was refused, with its name."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Figure:
    """One leaf of a case's expected tree and what became of it."""

    case: str
    path: str
    expected: Any
    ours: Any
    verdict: Verdict


def leaves(
    tree: Any, steps: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Way to and value of every leaf: a scalar, or an array of scalars (of any depth)."""
    if isinstance(tree, Mapping):
        for key, branch in tree.items():
            yield from leaves(branch, (*steps, key))
    elif _holds_tables(tree):
        for number, branch in enumerate(tree):
            yield from leaves(branch, (*steps, number))
    else:
        yield steps, tree


def joined(steps: Sequence[str | int]) -> str:
    """The path of a leaf as the tolerances spell it: `a.b`, `a[0].b`."""
    path = ""
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def look_up(tree: Any, steps: Sequence[str | int]) -> Any:
    """The leaf of our tree under the same steps, a refusal on the way, or MISSING."""
    for step in steps:
        if isinstance(tree, Refused):
            return tree
        if isinstance(step, int):
            if not isinstance(tree, Sequence) or isinstance(tree, str) or step >= len(tree):
                return MISSING
            tree = tree[step]
        elif isinstance(tree, Mapping) and step in tree:
            tree = tree[step]
        else:
            return MISSING
    return tree


def compare(
    case: str,
    expected: Any,
    ours: Any,
    tolerance: Mapping[str, float | str],
    not_required: Sequence[str] = (),
) -> list[Figure]:
    """All figures of a case in the order of the expected tree."""
    figures = []
    for steps, value in leaves(expected):
        path = joined(steps)
        if any(matches(path, pattern) for pattern in not_required):
            continue
        answer = look_up(ours, steps)
        if isinstance(answer, Mapping) and not isinstance(value, Mapping):
            # What we name and they number, or leave without a name, is compared in order.
            figures_named = list(answer.values())
            answer = (
                figures_named if isinstance(value, list) or len(answer) != 1 else figures_named[0]
            )
        if isinstance(answer, Refused):
            verdict: Verdict = "ok" if value is None else "refused"
        elif answer is MISSING:
            verdict = "missing"
        else:
            verdict = (
                "ok" if agrees(path, value, answer, tolerance_of(path, tolerance)) else "differs"
            )
        figures.append(Figure(case, path, value, None if answer is MISSING else answer, verdict))
    return figures


def tolerance_of(path: str, tolerance: Mapping[str, float | str]) -> float | str:
    """The tolerance of the last pattern that matches; `default` is the one for all."""
    found = tolerance.get("default", 0.0)
    for pattern, value in tolerance.items():
        if pattern != "default" and matches(path, pattern):
            found = value
    return found


def matches(path: str, pattern: str) -> bool:
    """Glob over the whole path: `*` any text, `?` one character; brackets mean themselves."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, path) is not None


def agrees(path: str, expected: Any, ours: Any, tolerance: float | str) -> bool:
    """Whether one leaf of ours is the expected one."""
    if _shape(expected) != _shape(ours):
        return False
    theirs, mine = list(_flat(expected)), list(_flat(ours))
    if CLUSTERS.search(path):
        return _by_appearance(theirs) == _by_appearance(mine)
    if POINTS.search(path) or not all(_is_number(x) or x is None for x in theirs):
        return all(map(_same, theirs, mine))
    return _close(theirs, mine, tolerance)


def _close(theirs: list[Any], mine: list[Any], tolerance: float | str) -> bool:
    if [x is None for x in theirs] != [_is_gap(x) for x in mine]:
        return False
    pairs = [(t, m) for t, m in zip(theirs, mine, strict=True) if t is not None]
    if not all(_is_number(m) and math.isfinite(m) for _, m in pairs):
        return False
    if isinstance(tolerance, str):
        return all(_on_side(m - t, tolerance) for t, m in pairs)
    scale = max((abs(t) for t, _ in pairs), default=0.0)
    return max((abs(m - t) for t, m in pairs), default=0.0) <= tolerance * scale


def _on_side(difference: float, bound: str) -> bool:
    sign, figure = bound.split()
    if sign not in {">=", "<="}:
        raise ValueError(f"a one-sided tolerance begins with >= or <=, not {bound!r}")
    return difference >= float(figure) if sign == ">=" else difference <= float(figure)


def _holds_tables(tree: Any) -> bool:
    return isinstance(tree, Sequence) and any(isinstance(branch, Mapping) for branch in tree)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def _shape(value: Any) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_shape(item) for item in value]
    return "mapping" if isinstance(value, Mapping) else None


def _by_appearance(labels: Sequence[Any]) -> list[int]:
    number: dict[Any, int] = {}
    return [number.setdefault(label, len(number)) for label in labels]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_gap(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _same(theirs: Any, ours: Any) -> bool:
    if theirs is None:
        return _is_gap(ours)
    return isinstance(theirs, bool) == isinstance(ours, bool) and theirs == ours
