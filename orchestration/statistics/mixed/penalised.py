"""The penalised least squares system of a mixed model, eliminated group by group.

With random effects b = Lambda u, u of unit variance, every model of this package solves systems in
M = Lambda' Z' W Z Lambda + I. The largest grouping factor makes a block-diagonal corner, because a
row belongs to one of its levels: it is eliminated first, level by level, and what remains (the
Schur complement, as wide as the other factors together) is dense. That is exact for nested and
crossed factors alike, and needs no sparse Cholesky: with two factors the fill-in would be dense
there anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lapack

from orchestration.statistics.mixed.formula import Group
from orchestration.statistics.spc.flat import Floats

Indexes = NDArray[np.intp]
# Columns up to which LAPACK keeps to one thread.
_ONE_BLOCK: Final = 120
_TILE: Final = 64
# Figures of a dense block that are held at once: 80 MB.
_MOST_AT_ONCE: Final = 10_000_000
# Per grouping factor, one array of shape (levels, coefficients, ...).
PerGroup = list[Floats]


@dataclass(frozen=True)
class CrossProducts:
    """Blocks of Z' W Z.

    Attributes
    ----------
    own : list of ndarray, shape (levels, p, p)
        Per factor.
    between : dict of (int, int) to ndarray, shape (pairs, p, p')
        Per pair of factors, for the pairs of levels that share a row.
    """

    own: PerGroup
    between: dict[tuple[int, int], Floats]


class Incidence:
    """Which row belongs to which level of which factor; the factors in order, largest first."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self.groups = tuple(groups)
        self.rows = groups[0].index.size
        self.levels = [len(group.levels) for group in groups]
        self.widths = [group.design.shape[1] for group in groups]
        self.index = [group.index for group in groups]
        self.design = [np.ascontiguousarray(group.design.T) for group in groups]
        # A column of ones need not be multiplied.
        self._ones = [[bool((column == 1).all()) for column in design] for design in self.design]
        # Per pair of factors: level of the one, level of the other, and the pair of each row.
        self.pairs: dict[tuple[int, int], tuple[Indexes, Indexes, Indexes]] = {}
        for one in range(len(groups)):
            for other in range(one + 1, len(groups)):
                self.pairs[one, other] = _pairs(
                    self.index[one], self.index[other], self.levels[one], self.levels[other]
                )
        self.offsets = np.cumsum(
            [0, *(n * p for n, p in zip(self.levels[1:], self.widths[1:], strict=True))]
        )
        self._pattern()

    def _pattern(self) -> None:
        """Lay out the sparse block between the first factor and the rest, and its transpose."""
        p = self.widths[0]
        rows, columns = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)]
        for other in range(1, len(self.groups)):
            first, second, _ = self.pairs[0, other]
            wide = self.widths[other]
            row = p * first[:, None, None] + np.arange(p)[:, None]
            column = self.offsets[other - 1] + wide * second[:, None, None] + np.arange(wide)
            row, column = np.broadcast_arrays(row, column)
            rows.append(row.ravel())
            columns.append(column.ravel())
        row, column = np.concatenate(rows), np.concatenate(columns)
        self.shape = (self.levels[0] * p, int(self.offsets[-1]))
        self._by_row = np.lexsort((column, row))
        self._by_column = np.lexsort((row, column))
        self._indices = column[self._by_row].astype(np.int32)
        self._indices_t = row[self._by_column].astype(np.int32)
        self._indptr = _indptr(row, self.shape[0])
        self._indptr_t = _indptr(column, self.shape[1])

    def sparse(self, entries: Floats) -> tuple[sparse.csr_array, sparse.csr_array]:
        """Return the block between the first factor and the rest, and its transpose."""
        wide = (entries[self._by_row], self._indices, self._indptr)
        tall = (entries[self._by_column], self._indices_t, self._indptr_t)
        return (
            sparse.csr_array(wide, shape=self.shape),
            sparse.csr_array(tall, shape=self.shape[::-1]),
        )

    def cross_products(self, weights: Floats | None) -> CrossProducts:
        """Return the blocks of Z' W Z, W diagonal (ones where None)."""
        own = []
        for at, design in enumerate(self.design):
            block = np.empty((self.levels[at], len(design), len(design)))
            for a in range(len(design)):
                for b in range(a + 1):
                    figures = self._product(weights, (at, a), (at, b))
                    block[:, a, b] = block[:, b, a] = _count(
                        self.index[at], figures, self.levels[at]
                    )
            own.append(block)
        between = {}
        for (one, other), (first, _, pair) in self.pairs.items():
            block = np.empty((first.size, self.widths[one], self.widths[other]))
            for a in range(self.widths[one]):
                for b in range(self.widths[other]):
                    figures = self._product(weights, (one, a), (other, b))
                    block[:, a, b] = _count(pair, figures, first.size)
            between[one, other] = block
        return CrossProducts(own, between)

    def _product(self, weights: Floats | None, *columns: tuple[int, int]) -> Floats | None:
        figures = weights
        for group, column in columns:
            if not self._ones[group][column]:
                design = self.design[group][column]
                figures = design if figures is None else figures * design
        return figures

    def transposed(self, values: Floats) -> PerGroup:
        """Return Z' values: per factor (levels, p, k), of values of shape (n, k)."""
        found = []
        for at, design in enumerate(self.design):
            block = np.empty((self.levels[at], len(design), values.shape[1]))
            for a in range(len(design)):
                for k in range(values.shape[1]):
                    figures = self._product(values[:, k], (at, a))
                    block[:, a, k] = _count(self.index[at], figures, self.levels[at])
            found.append(block)
        return found

    def times(self, effects: PerGroup) -> Floats:
        """Return Z effects, shape (n,), of effects of shape (levels, p) per factor."""
        total = np.zeros(self.rows)
        for at, design in enumerate(self.design):
            for a, column in enumerate(design):
                total += column * effects[at][self.index[at], a]
        return total


class Factor:
    """M = Lambda' Z' W Z Lambda + I, factorised.

    Parameters
    ----------
    incidence : Incidence
    cross : CrossProducts
    templates : list of ndarray, shape (p, p)
        Per factor the lower triangle T with which Lambda repeats itself.

    Attributes
    ----------
    log_determinant : float
    """

    def __init__(
        self, incidence: Incidence, cross: CrossProducts, templates: Sequence[Floats]
    ) -> None:
        self.incidence = incidence
        first = templates[0]
        corner = first.T @ cross.own[0] @ first + np.eye(first.shape[0])
        self.corner = np.linalg.cholesky(corner)
        self.corner_inverse = np.linalg.inv(self.corner)
        diagonal = np.diagonal(self.corner, axis1=1, axis2=2)
        self.log_determinant = 2 * float(np.log(diagonal).sum())
        self.rest: Floats | None = None  # the inverse triangle of the Schur complement
        if len(templates) == 1:
            return
        scaled = self.corner_inverse @ first.T
        entries = []
        for other in range(1, len(templates)):
            of_pair = scaled[incidence.pairs[0, other][0]]
            entries.append((of_pair @ cross.between[0, other] @ templates[other]).ravel())
        self.wide, self.tall = incidence.sparse(np.concatenate(entries))
        schur = self._rest(cross, templates)
        schur -= (self.tall @ self.wide).toarray()
        # The inverse triangle serves solutions and variances alike.
        self.rest, log_determinant = inverse_triangle(schur)
        self.log_determinant += log_determinant

    def _rest(self, cross: CrossProducts, templates: Sequence[Floats]) -> Floats:
        size, offsets = self.incidence.shape[1], self.incidence.offsets
        block = np.zeros((size, size))
        for one in range(1, len(templates)):
            start, wide = offsets[one - 1], self.incidence.widths[one]
            own = templates[one].T @ cross.own[one] @ templates[one] + np.eye(wide)
            at = start + wide * np.arange(self.incidence.levels[one])[:, None] + np.arange(wide)
            block[at[:, :, None], at[:, None, :]] = own
            for other in range(one + 1, len(templates)):
                first, second, _ = self.incidence.pairs[one, other]
                rows = start + wide * first[:, None] + np.arange(wide)
                width = self.incidence.widths[other]
                columns = offsets[other - 1] + width * second[:, None] + np.arange(width)
                both = templates[one].T @ cross.between[one, other] @ templates[other]
                block[rows[:, :, None], columns[:, None, :]] = both
                block[columns[:, :, None], rows[:, None, :]] = both.transpose(0, 2, 1)
        return block

    def solve(self, right: PerGroup) -> PerGroup:
        """Return M^-1 right, of arrays of shape (levels, p, k) per factor."""
        first = self.corner_inverse @ right[0]
        k = first.shape[2]
        if self.rest is None:
            return [self.corner_inverse.transpose(0, 2, 1) @ first]
        flat = first.reshape(-1, k)
        below = np.concatenate([block.reshape(-1, k) for block in right[1:]])
        below = below - self.tall @ flat
        solved = self.rest.T @ (self.rest @ below)
        flat = flat - self.wide @ solved
        found = [self.corner_inverse.transpose(0, 2, 1) @ flat.reshape(first.shape)]
        for other in range(1, len(right)):
            start, end = self.incidence.offsets[other - 1 : other + 1]
            found.append(solved[start:end].reshape(right[other].shape))
        return found

    def inverse(self) -> "Inverse":
        """Return the blocks of M^-1 that variances and derivatives need."""
        return Inverse(self)


class Inverse:
    """Blocks of M^-1.

    Attributes
    ----------
    own : list of ndarray, shape (levels, p, p)
        Diagonal blocks, per factor.
    """

    def __init__(self, factor: Factor) -> None:
        incidence = factor.incidence
        self.incidence = incidence
        up = factor.corner_inverse.transpose(0, 2, 1)
        self._up = up
        self._factor = factor
        if factor.rest is None:
            self.own = [up @ factor.corner_inverse]
            return
        # S^-1 = R'R with R the inverse triangle; V S^-1 V' = (V R')(V R')', some levels at a time:
        # V R' is dense.
        twice = np.empty_like(up)
        levels, p = up.shape[:2]
        step = max(1, _MOST_AT_ONCE // (p * len(factor.rest)))
        for start in range(0, levels, step):
            some = factor.wide[p * start : p * (start + step)] @ factor.rest.T
            some = some.reshape(-1, p, len(factor.rest))
            twice[start : start + step] = np.einsum("jak,jbk->jab", some, some)
        self.own = [up @ (np.eye(up.shape[1]) + twice) @ factor.corner_inverse]
        for one in range(1, len(incidence.groups)):
            start, end = incidence.offsets[one - 1 : one + 1]
            columns = factor.rest[:, start:end]
            columns = columns.reshape(columns.shape[0], -1, incidence.widths[one])
            self.own.append(np.einsum("kja,kjb->jab", columns, columns))

    @cached_property
    def rest(self) -> Floats:
        """The dense corner of M^-1."""
        triangle = self._factor.rest
        if triangle is None:
            raise ValueError("a single grouping factor has no dense corner")
        return triangle.T @ triangle

    @cached_property
    def _across(self) -> Floats:
        """V S^-1: the corner between the first factor and the rest, but for its sign and scale."""
        across: Floats = self._factor.wide @ self.rest
        return across

    def between(self, one: int, other: int) -> Floats:
        """Return the blocks of pairs of levels that share a row, shape (pairs, p, p')."""
        first, second, _ = self.incidence.pairs[one, other]
        width = self.incidence.widths[other]
        columns = self.incidence.offsets[other - 1] + width * second[:, None] + np.arange(width)
        p = self.incidence.widths[one]
        blocks: Floats
        if one == 0:
            rows = p * first[:, None] + np.arange(p)
            blocks = -self._up[first] @ self._across[rows[:, :, None], columns[:, None, :]]
            return blocks
        rows = self.incidence.offsets[one - 1] + p * first[:, None] + np.arange(p)
        blocks = self.rest[rows[:, :, None], columns[:, None, :]]
        return blocks

    def leverages(self, templates: Sequence[Floats]) -> Floats:
        """Return z Lambda M^-1 Lambda' z' of every row, shape (n,)."""
        scaled = [
            design.T @ template
            for design, template in zip(self.incidence.design, templates, strict=True)
        ]
        total = np.zeros(self.incidence.rows)
        for one, block in enumerate(self.own):
            index = self.incidence.index[one]
            total += np.einsum("na,nab,nb->n", scaled[one], block[index], scaled[one])
        for (one, other), (_, _, pair) in self.incidence.pairs.items():
            block = self.between(one, other)[pair]
            total += 2 * np.einsum("na,nab,nb->n", scaled[one], block, scaled[other])
        return total


def scaled_back(templates: Sequence[Floats], effects: PerGroup) -> PerGroup:
    """Return Lambda u of arrays of shape (levels, p, k) per factor."""
    return [template @ block for template, block in zip(templates, effects, strict=True)]


def scaled(templates: Sequence[Floats], sums: PerGroup) -> PerGroup:
    """Return Lambda' Z'v of arrays of shape (levels, p, k) per factor."""
    return [template.T @ block for template, block in zip(templates, sums, strict=True)]


def inverse_triangle(matrix: Floats) -> tuple[Floats, float]:
    """Return the inverse of the lower Cholesky triangle, and the log-determinant, of a matrix.

    By tiles of 64, whose products the BLAS leaves to one thread. LAPACK's own routines share
    larger blocks among threads that wait for each other actively: on two busy cores, 600 columns
    took 190 CPU-ms so, and 12 in tiles; 1,500 took 350, and 74.

    Raises
    ------
    LinAlgError
        If the matrix is not positive definite.
    """
    size = len(matrix)
    if size <= _ONE_BLOCK:
        return _inverse_of_tile(matrix)
    count = -(-size // _TILE)
    padded = np.eye(count * _TILE)
    padded[:size, :size] = matrix
    tiles = _tiled(padded, count)
    inverse = np.zeros_like(tiles)
    log_determinant = 0.0
    for k in range(count):
        inverse[k, k], log_of_tile = _inverse_of_tile(tiles[k, k])
        log_determinant += log_of_tile
        tiles[k + 1 :, k] = tiles[k + 1 :, k] @ inverse[k, k].T
        for j in range(k + 1, count):
            tiles[j:, j] -= tiles[j:, k] @ tiles[j, k].T
        done = np.zeros((k, _TILE, _TILE))
        for j in range(k):
            done[: j + 1] += tiles[k, j] @ inverse[j, : j + 1]
        inverse[k, :k] = -inverse[k, k] @ done
    whole = inverse.transpose(0, 2, 1, 3).reshape(count * _TILE, count * _TILE)
    return np.ascontiguousarray(whole[:size, :size]), log_determinant


def _inverse_of_tile(matrix: Floats) -> tuple[Floats, float]:
    triangle, failed = lapack.dpotrf(matrix, lower=1)
    if failed:
        raise np.linalg.LinAlgError("the system of the random effects is not positive definite")
    inverse, _ = lapack.dtrtri(triangle, lower=1)
    return inverse, 2 * float(np.log(np.diagonal(triangle)).sum())


def _tiled(matrix: Floats, count: int) -> Floats:
    tiles = matrix.reshape(count, _TILE, count, _TILE).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(tiles)


def _pairs(
    one: Indexes, other: Indexes, ones: int, others: int
) -> tuple[Indexes, Indexes, Indexes]:
    codes = one * others + other
    if ones * others <= 4 * codes.size + 10_000:
        # Counting is three times quicker than sorting where the table of pairs is small.
        seen = np.bincount(codes, minlength=ones * others) > 0
        found = np.flatnonzero(seen)
        pair = (np.cumsum(seen) - 1)[codes]
    else:
        found, pair = np.unique(codes, return_inverse=True)
    return found // others, found % others, pair.astype(np.intp)


def _count(index: Indexes, figures: Floats | None, levels: int) -> Floats:
    return np.bincount(index, weights=figures, minlength=levels).astype(np.float64, copy=False)


def _indptr(sorted_or_not: Indexes, size: int) -> NDArray[np.int32]:
    counts = np.bincount(sorted_or_not, minlength=size)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
