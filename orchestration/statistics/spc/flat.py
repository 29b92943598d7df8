"""Many series laid end to end in one array, and the sums over each of them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


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
            If the first series does not begin at 0, or one has no points.
        """
        start = np.asarray(series_start, dtype=np.int64)
        lengths = np.diff(start, append=n_points)
        if n_points and (start.size == 0 or start[0] != 0 or np.any(lengths <= 0)):
            raise ValueError(
                "series_start must rise strictly from 0 and stay below the number of points "
                f"({n_points}); a series without points has no place in it"
            )
        return cls(start=start, of_point=np.repeat(np.arange(start.size), lengths))

    def total(self, values: ArrayLike) -> Floats:
        """Sum of each series, shape (n_series,), over its finite values.

        Summed one after another within a series, so that a series' total does not depend on
        which other series stand beside it.
        """
        weights = np.nan_to_num(np.asarray(values, dtype=np.float64), nan=0.0)
        totals = np.bincount(self.of_point, weights=weights, minlength=self.start.size)
        return totals.astype(np.float64)

    def spread(self, per_series: Floats) -> Floats:
        """Repeat one value per series over the series' points, shape (n_points,)."""
        return per_series[self.of_point]
