"""Formulas in the notation of R's lme4: what they say, and the matrices they mean.

A formula is read with Python's own parser (nothing is executed): `||` is written as `>>` and `:`
and `^` as `**`, which bind as they should. Only the functions named here may be called.
"""

import ast
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from orchestration.statistics.refusal import (
    INFINITE_VALUE,
    NO_VALUE,
    NO_VARIATION,
    SINGULAR_COVARIANCE,
    Refusal,
)
from orchestration.statistics.spc.flat import Floats

Table = Mapping[str, NDArray[np.generic]]
# The variables that are multiplied: (), ("Days",), ("line", "log(age)").
Term = tuple[str, ...]

_FUNCTIONS: Final[Mapping[str, Callable[[Floats], Floats]]] = {
    "log": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "log1p": np.log1p,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "I": np.asarray,
    "as.numeric": np.asarray,
    "scale": lambda x: (x - np.nanmean(x)) / np.nanstd(x, ddof=1),
}
_FACTORS: Final = ("factor", "as.factor")
INTERCEPT: Final = "(Intercept)"


@dataclass(frozen=True)
class Random:
    """One random term: its coefficients vary by the levels of `group`.

    Attributes
    ----------
    terms : tuple of Term
        `()` is the intercept.
    group : tuple of str
        Columns whose combinations are the levels, the inner one first.
    """

    terms: tuple[Term, ...]
    group: tuple[str, ...]

    @property
    def name(self) -> str:
        """The grouping factor as lme4 names it: `leader:site`."""
        return ":".join(self.group)


@dataclass(frozen=True)
class Formula:
    """A formula taken apart."""

    response: str
    fixed: tuple[Term, ...]
    offsets: tuple[str, ...]
    random: tuple[Random, ...]


@dataclass(frozen=True)
class Group:
    """Levels of one grouping factor and the columns whose coefficients vary by level.

    Attributes
    ----------
    name : str
    levels : tuple of str
        In order of id: numbers by size, text by letter.
    index : ndarray of int, shape (n,)
        Level of each row.
    design : ndarray, shape (n, p)
    coefficients : tuple of str, length p
    blocks : tuple of tuple of int
        Columns whose coefficients are correlated with each other, one tuple per random term.
    """

    name: str
    levels: tuple[str, ...]
    index: NDArray[np.intp]
    design: Floats
    coefficients: tuple[str, ...]
    blocks: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Frame:
    """The matrices of a formula over the rows that have every value.

    Attributes
    ----------
    response : ndarray, shape (n,) or (n, 2)
        Two columns where the formula says `cbind(successes, failures)`.
    fixed : ndarray, shape (n, k)
    names : tuple of str, length k
    offset : ndarray, shape (n,)
    groups : tuple of Group
        One per grouping factor, in lme4's order: most levels first.
    rows : ndarray of int, shape (n,)
        Rows of the table that were used.
    """

    response: Floats
    fixed: Floats
    names: tuple[str, ...]
    offset: Floats
    groups: tuple[Group, ...]
    rows: NDArray[np.intp]


def parse(formula: str) -> Formula:
    """Return the parts of a formula.

    Understood: `y ~ x + a * b + log(x) + factor(k) + I(x^2) + offset(log(e))`, `- 1`, `+ 0`;
    `(1 | g)`, `(1 | a/b)`, `(1 | a:b)`, `(x | g)`, `(0 + x | g)`, `(x || g)`.

    Raises
    ------
    ValueError
        If the formula cannot be read.
    """
    left, tilde, right = formula.partition("~")
    if not tilde:
        raise ValueError(f"the formula {formula!r} has no ~ between response and terms")
    try:
        tree = ast.parse(_spelt(right), mode="eval").body
        ast.parse(_spelt(left), mode="eval")
    except SyntaxError as error:
        raise ValueError(f"the formula {formula!r} cannot be read: {error.msg}") from error
    fixed: list[Term] = [()]
    offsets: list[str] = []
    random: list[Random] = []
    for node, sign in _summands(tree):
        bar = _bar(node)
        if bar is not None:
            random.extend(_random(bar, formula))
        elif isinstance(node, ast.Call) and _name(node.func) == "offset":
            offsets.append(ast.unparse(node.args[0]))
        else:
            _add(fixed, node, sign)
    return Formula(_spelt(left).strip(), _sorted(fixed), tuple(offsets), tuple(random))


def frame(formula: Formula | str, table: Table, extra: Sequence[str] = ()) -> Frame | Refusal:
    """Return the matrices of a formula over a table.

    Parameters
    ----------
    formula : Formula or str
    table : mapping of str to ndarray, shape (n,)
        Columns; NaN or empty text marks a missing value, and its row is left out, as R does.
    extra : sequence of str
        Further columns (trials, weights) whose missing values leave a row out too.

    Returns
    -------
    Frame or Refusal
        Text covariates get treatment coding, the first level in sort order as base. Refused: no
        complete row, an infinite value, a covariate or grouping factor with one level, fixed
        terms of which one follows from the others.

    Raises
    ------
    ValueError
        If a column does not exist, or the formula has no random term.
    """
    said = parse(formula) if isinstance(formula, str) else formula
    if not said.random:
        raise ValueError("a mixed model needs a random term such as (1 | leader)")
    rows = np.flatnonzero(_complete(said, table, extra))
    if rows.size == 0:
        return Refusal(NO_VALUE, "no row has all values that the model needs")
    kept = {name: np.asarray(column)[rows] for name, column in table.items()}
    response = _response(said.response, kept)
    built = design(said.fixed, kept)
    if isinstance(built, Refusal):
        return built
    fixed, names = built
    offset = np.zeros(rows.size)
    for text in said.offsets:
        offset = offset + _evaluate(text, kept)
    for what, figures in (("response", response), ("covariates", fixed), ("offset", offset)):
        if not np.isfinite(figures).all():
            return Refusal(INFINITE_VALUE, f"the {what} have infinite or undefined values")
    if fixed.shape[1] and np.linalg.matrix_rank(_unit_columns(fixed)) < fixed.shape[1]:
        return Refusal(SINGULAR_COVARIANCE, "a fixed term follows from the others")
    groups = _groups(said.random, kept)
    if isinstance(groups, Refusal):
        return groups
    return Frame(response, fixed, names, offset, groups, rows)


def design(terms: Sequence[Term], table: Table) -> tuple[Floats, tuple[str, ...]] | Refusal:
    """Return the columns of fixed terms and their names as R prints them.

    A factor gets contrasts to its base where the term without it is in the model too, and one
    column per level where it is not (R's rule).
    """
    there = {frozenset(term) for term in terms}
    size = len(next(iter(table.values())))
    columns: list[Floats] = []
    names: list[str] = []
    for term in terms:
        parts = []
        for variable in term:
            contrasts = frozenset(term) - {variable} in there
            part = _variable(variable, table, contrasts=contrasts)
            if isinstance(part, Refusal):
                return part
            parts.append(part)
        # The first variable moves fastest, as in R.
        for picked in product(*reversed(parts)):
            of_term = picked[::-1]
            columns.append(np.prod([column for _, column in of_term], axis=0) * np.ones(size))
            names.append(":".join(name for name, _ in of_term) or INTERCEPT)
    matrix = np.column_stack(columns) if columns else np.zeros((size, 0))
    return matrix, tuple(names)


def levels_of(column: NDArray[np.generic]) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    """Return the levels of a column in order of id, as text, and the level of each row."""
    # Objects that are all numbers become numbers, others text.
    given = np.array(column.tolist()) if column.dtype.kind == "O" else column
    if given.dtype.kind in "OUS":
        # Hashing the ids and sorting the levels alone: 50,000 rows in 5 ms, sorted 20.
        names = [str(name) for name in given.tolist()]
        known = sorted(set(names))
        number = {name: at for at, name in enumerate(known)}
        return tuple(known), np.array([number[name] for name in names], dtype=np.intp)
    values, index = np.unique(given, return_inverse=True)
    return tuple(_as_text(value) for value in values), index.astype(np.intp)


def is_missing(column: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Return where a column has no value: NaN, None or empty text."""
    if column.dtype.kind == "O":
        return np.array(
            [
                name is None or name == "" or (isinstance(name, float) and math.isnan(name))
                for name in column.tolist()
            ]
        )
    if column.dtype.kind in "US":
        return np.asarray(column == "", dtype=np.bool_)
    return np.isnan(column.astype(np.float64))


def _spelt(text: str) -> str:
    python = text.replace("||", ">>").replace("^", "**")
    return re.sub(r":", "**", python).strip()


def _as_r(text: str) -> str:
    return text.replace(" ** ", "^").replace("**", "^")


def _summands(node: ast.expr, sign: int = 1) -> list[tuple[ast.expr, int]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        later = sign if isinstance(node.op, ast.Add) else -sign
        return _summands(node.left, sign) + _summands(node.right, later)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _summands(node.operand, -sign)
    return [(node, sign)]


def _bar(node: ast.expr) -> ast.BinOp | None:
    within = isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.RShift)
    return node if within and isinstance(node, ast.BinOp) else None


def _add(terms: list[Term], node: ast.expr, sign: int) -> None:
    if isinstance(node, ast.Constant) and node.value in {0, 1}:
        keep = (node.value == 1) == (sign > 0)
        terms[:] = ([()] if keep else []) + [term for term in terms if term]
        return
    for term in _products(node):
        if sign > 0 and frozenset(term) not in {frozenset(other) for other in terms}:
            terms.append(term)
        elif sign < 0:
            terms[:] = [other for other in terms if frozenset(other) != frozenset(term)]


def _products(node: ast.expr) -> list[Term]:
    """Return the terms that a product stands for: a * b is a, b and a:b."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Pow):
        left, right = _products(node.left), _products(node.right)
        crossed = [tuple(dict.fromkeys(a + b)) for a, b in product(left, right)]
        return [*left, *right, *crossed] if isinstance(node.op, ast.Mult) else crossed
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        left, right = _products(node.left), _products(node.right)
        every = tuple(dict.fromkeys(sum(left, ())))
        return [*left, *(every + b for b in right)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_products(node.left), *_products(node.right)]
    return [(ast.unparse(node),)]


def _sorted(terms: Sequence[Term]) -> tuple[Term, ...]:
    return tuple(sorted(terms, key=len))


def _random(node: ast.BinOp, formula: str) -> list[Random]:
    terms: list[Term] = [()]
    for part, sign in _summands(node.left):
        _add(terms, part, sign)
    if not terms:
        raise ValueError(f"a random term of {formula!r} has no coefficient")
    found = []
    for group in _nesting(node.right):
        if isinstance(node.op, ast.RShift):
            found += [Random((term,), group) for term in _sorted(terms)]
        else:
            found.append(Random(_sorted(terms), group))
    return found


def _nesting(node: ast.expr) -> list[tuple[str, ...]]:
    """Return the grouping factors of `a`, `a:b` and `a/b` (b within a, then a)."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        outer, inner = _nesting(node.left), _nesting(node.right)
        return [*(b + outer[0] for b in inner), *outer]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return [_nesting(node.left)[0] + _nesting(node.right)[0]]
    return [(ast.unparse(node),)]


def _complete(said: Formula, table: Table, extra: Sequence[str]) -> NDArray[np.bool_]:
    used = {*extra, *said.offsets, said.response}
    used |= {variable for term in said.fixed for variable in term}
    for random in said.random:
        used |= {*random.group, *(variable for term in random.terms for variable in term)}
    names = {name for text in used for name in _names(ast.parse(text, mode="eval").body)}
    complete: NDArray[np.bool_] | None = None
    for name in sorted(names):
        if name not in table:
            raise ValueError(f"the model needs a column {name}, and there is none")
        there = ~is_missing(np.asarray(table[name]))
        complete = there if complete is None else complete & there
    assert complete is not None
    return complete


def _names(node: ast.expr) -> set[str]:
    """Columns that an expression reads; `a.b` is one column, as R may have it."""
    if isinstance(node, ast.Name | ast.Attribute):
        return {_name(node)}
    # A function's own name is no column.
    parts = node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
    return set().union(*(_names(part) for part in parts if isinstance(part, ast.expr)))


def _name(node: ast.expr) -> str:
    return ast.unparse(node)


def _response(text: str, table: Table) -> Floats:
    node = ast.parse(text, mode="eval").body
    if isinstance(node, ast.Call) and _name(node.func) == "cbind":
        return np.column_stack([_value(part, table) for part in node.args])
    return _value(node, table)


def _evaluate(text: str, table: Table) -> Floats:
    return _value(ast.parse(text, mode="eval").body, table)


def _value(node: ast.expr, table: Table) -> Floats:
    """Return the value of an arithmetic expression, row by row."""
    size = len(next(iter(table.values())))
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return np.full(size, float(node.value))
    if isinstance(node, ast.Name | ast.Attribute):
        return np.asarray(table[_name(node)]).astype(np.float64)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, table)
    if isinstance(node, ast.Call) and _name(node.func) in _FUNCTIONS:
        # Logarithms of 0 and roots of -1 are not finite: the caller refuses them.
        with np.errstate(all="ignore"):
            return _FUNCTIONS[_name(node.func)](_value(node.args[0], table))
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        with np.errstate(all="ignore"):
            return _ARITHMETIC[type(node.op)](_value(node.left, table), _value(node.right, table))
    raise ValueError(f"{_as_r(ast.unparse(node))} is not understood in a formula")


_ARITHMETIC: Final[Mapping[type, Callable[[Floats, Floats], Floats]]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}


def _variable(text: str, table: Table, *, contrasts: bool) -> list[tuple[str, Floats]] | Refusal:
    """Columns of one variable: one for a number, one per level (less the base) for text."""
    node = ast.parse(text, mode="eval").body
    named = _as_r(text)
    if isinstance(node, ast.Call) and _name(node.func) in _FACTORS:
        column = np.asarray(table[_name(node.args[0])])
    elif isinstance(node, ast.Name | ast.Attribute) and table[_name(node)].dtype.kind in "OUSb":
        column = np.asarray(table[_name(node)])
    else:
        return [(named, _value(node, table))]
    levels, index = levels_of(column)
    if len(levels) < 2:  # noqa: PLR2004
        return Refusal(NO_VARIATION, f"the covariate {named} has one level only: {levels[0]}")
    first = 1 if contrasts else 0
    return [
        (f"{named}{level}", (index == at).astype(np.float64))
        for at, level in enumerate(levels)
        if at >= first
    ]


def _groups(random: Sequence[Random], table: Table) -> tuple[Group, ...] | Refusal:
    by_name: dict[str, list[Random]] = {}
    for term in random:
        by_name.setdefault(term.name, []).append(term)
    groups = []
    for name, terms in by_name.items():
        levels, index = _crossed_levels(terms[0].group, table)
        if len(levels) < 2:  # noqa: PLR2004
            return Refusal(NO_VARIATION, f"the grouping factor {name} has one level only")
        columns: list[Floats] = []
        names: list[str] = []
        blocks: list[tuple[int, ...]] = []
        for term in terms:
            built = design(term.terms, table)
            if isinstance(built, Refusal):
                return built
            blocks.append(tuple(range(len(names), len(names) + len(built[1]))))
            columns.append(built[0])
            names += built[1]
        groups.append(
            Group(name, levels, index, np.column_stack(columns), tuple(names), tuple(blocks))
        )
    sizes = [len(group.levels) for group in groups]
    if any(later > earlier for earlier, later in combinations(sizes, 2)):
        # lme4 reverses an ascending order, and with it the groups of one size.
        groups = [groups[at] for at in np.argsort(sizes, kind="stable")[::-1]]
    return tuple(groups)


def _crossed_levels(
    columns: Sequence[str], table: Table
) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    """Levels of combined columns that occur, the first column moving slowest, as R orders them."""
    names, index = levels_of(table[columns[0]])
    for column in columns[1:]:
        more, other = levels_of(table[column])
        codes, index = np.unique(index * len(more) + other, return_inverse=True)
        names = tuple(f"{names[code // len(more)]}:{more[code % len(more)]}" for code in codes)
    return names, index.astype(np.intp)


def _as_text(value: np.generic) -> str:
    if isinstance(value, np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _unit_columns(matrix: Floats) -> Floats:
    lengths = np.linalg.norm(matrix, axis=0)
    return matrix / np.where(lengths > 0, lengths, 1)
