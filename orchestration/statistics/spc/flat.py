"""Many series laid end to end in one array, and the sums over each of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def checked_start(series_start: ArrayLike, n_points: int) -> Ints:
    """Return the first positions of series laid end to end.

    Raises
    ------
    ValueError
        If the first series does not begin at 0, or one has no points.
    """
    start = np.asarray(series_start, dtype=np.int64)
    lengths = np.diff(start, append=n_points)
    if n_points and (start.size == 0 or start[0] != 0 or np.any(lengths <= 0)):
        raise ValueError(
            "series_start must rise strictly from 0 and stay below the number of points "
            f"({n_points}); a series without points has no place in it"
        )
    return start


@dataclass(frozen=True)
class FlatSeries:
    """Where each series begins, and to which series each point belongs.

    Attributes
    ----------
    start : ndarray of int, shape (n_series,)
        Position of each series' first point, rising strictly from 0.
    of_point : ndarray of int, shape (n_points,)
        Number of the series of each point.
    """

    start: Ints
    of_point: Ints

    @classmethod
    def from_start(cls, series_start: ArrayLike, n_points: int) -> Self:
        """Build from the first positions.

        Raises
        ------
        ValueError
            As `checked_start`.
        """
        start = checked_start(series_start, n_points)
        lengths = np.diff(start, append=n_points)
        return cls(start=start, of_point=np.repeat(np.arange(start.size), lengths))

    def total(self, values: ArrayLike) -> Floats:
        """Sum of each series, shape (n_series,), over its finite values.

        Summed series by series, so that a series' total does not depend on which other series
        stand beside it.
        """
        figures = np.asarray(values)
        if figures.size == 0:
            return np.zeros(self.start.size)
        if figures.dtype == np.bool_:
            return np.add.reduceat(figures, self.start, dtype=np.int32).astype(np.float64)
        figures = figures.astype(np.float64, copy=False)
        there = np.isfinite(figures)
        if not there.all():
            figures = np.where(there, figures, 0.0)
        return np.add.reduceat(figures, self.start)

    def spread(self, per_series: Floats) -> Floats:
        """Repeat one value per series over the series' points, shape (n_points,)."""
        return per_series[self.of_point]


BLOCK: Final = 2**14
"""Points worked on at once by what runs over millions: their arrays stay in the fast cache."""


def blocks(
    series_start: ArrayLike, n_points: int, *, size: int = BLOCK
) -> Iterator[tuple[slice, slice]]:
    """Yield stretches of whole series: the slice of the series and that of their points.

    A stretch has about ``size`` points; a series longer than that is one of its own.
    """
    start = np.asarray(series_start, dtype=np.int64)
    ends = np.append(start[1:], n_points)
    first = 0
    while first < start.size:
        last = int(np.searchsorted(ends, start[first] + size, side="right"))
        last = max(last, first + 1)
        yield slice(first, last), slice(int(start[first]), int(ends[last - 1]))
        first = last
