"""Feeds that are written from finished tables: who knows each row from which day on.

A book holds the feeds of one subject. `deliveries.py` asks every book for its history, then for
each day; what a row means is in the subject's model, how it is spelt in its exports.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orchestration.demo.faults import File
from orchestration.demo.size import day_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestration.demo.company import Company

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Changes:
    """A feed that sends what is new or changed.

    Attributes
    ----------
    feed : str
    moments : tuple of arrays, shape (rows,)
        Days on which a row becomes known or changes; its first moment is when it begins to exist.
    write : callable
        Given row numbers and the day as of which they are written, returns one file.
    """

    feed: str
    moments: tuple[Ints, ...]
    write: Callable[[Ints, int], bytes]

    def history(self, cut: int) -> bytes | None:
        """Return all that exists on the last day of the history, as it stands then."""
        return self._file(np.flatnonzero(self.moments[0] <= cut), cut)

    def of_day(self, day: int) -> bytes | None:
        """Return what became known or changed on a day."""
        changed = np.any([moment == day for moment in self.moments], axis=0)
        return self._file(np.flatnonzero(changed), day)

    def _file(self, rows: Ints, day: int) -> bytes | None:
        return self.write(rows, day) if len(rows) else None


@dataclass(frozen=True)
class Snapshots:
    """A feed that sends all it holds, on the days on which that is due.

    Attributes
    ----------
    feed : str
    is_due : callable
        Says of a production day whether the delivery after it holds this feed.
    write : callable
        Given the day as of which it is written, returns one file, or None where nothing exists.
    """

    feed: str
    is_due: Callable[[int], bool]
    write: Callable[[int], bytes | None]

    def history(self, cut: int) -> bytes | None:
        """Return what the first delivery holds."""
        return self.write(cut)

    def of_day(self, day: int) -> bytes | None:
        """Return the snapshot of a day on which one is due."""
        return self.write(day) if self.is_due(day) else None


class FeedBook:
    """The feeds of one subject, and what was planted in them."""

    def __init__(
        self, company: Company, feeds: list[Changes | Snapshots], planted: dict[str, Any]
    ) -> None:
        self._cut = company.size.cut
        self._feeds, self._planted = feeds, planted

    def history(self, _months: list[tuple[int, int]]) -> Iterator[File]:
        """Yield one file of each feed: small feeds need no file a month."""
        for feed in self._feeds:
            yield from self._files(feed.feed, self._cut + 1, feed.history(self._cut), self._cut + 1)

    def daily(self, day: int) -> Iterator[File]:
        """Yield what the delivery after a production day holds."""
        for feed in self._feeds:
            yield from self._files(feed.feed, day + 1, feed.of_day(day), day)

    def truth(self) -> dict[str, Any]:
        """Return what the models of this book drew and no feed says."""
        return self._planted

    def _files(
        self, feed: str, delivered: int, content: bytes | None, label: int
    ) -> Iterator[File]:
        if content is not None:
            yield File(feed, delivered, f"{day_of(label):%Y%m%d}", content)
