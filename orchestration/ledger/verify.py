"""Whether the ledger is still what was written, entry by entry, and where it first is not.

Everything is calculated again from the rows: payloads against commitments, hashes, the order, the
copies by which entries are found, every erasure against its order, every entry against the hash
that was anchored for it; then the triggers, and SQLite's own look at its file. One transaction sees
one state, however much is appended meanwhile; rows are read a page at a time, so memory is flat.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from orchestration.ledger.chain import (
    ERASURE_ORDER,
    GENESIS,
    StoredEntry,
    entry_fault,
)
from orchestration.ledger.errors import LedgerDamagedError
from orchestration.ledger.store import PAGE_ROWS, Ledger, orders_erasure
from orchestration.ledger.tables import CHAIN, ERASURES, PAYLOADS, foreign_guard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestration.ledger.anchor import Anchor, Anchors

NOTHING_COMPLETED = '"completes":null'


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes
    ----------
    entries : int
        Entries that are what was written; after a bad one, no more are counted.
    first_bad : int or None
        Number of the first entry that is bad or missing, as far as it can be said: a damaged file
        or anchor need not concern any.
    what : str or None
        What is wrong, None if nothing is.
    anchors : int
        Anchors that were checked.
    unanchored : int
        Good entries after the newest anchor: if these were cut off, nobody could tell.
    erased : int
        Entries whose payload was lawfully removed.
    keys : tuple of str
        The public keys that signed the anchors, oldest first: compare them with those you noted.
    """

    entries: int
    first_bad: int | None
    what: str | None
    anchors: int
    unanchored: int
    erased: int
    keys: tuple[str, ...]

    @property
    def sentence(self) -> str | None:
        """What is wrong and what to do about it, as every refused write says it."""
        return None if self.what is None else str(LedgerDamagedError(self.what))


def verify(ledger: Ledger, anchors: Anchors | None = None) -> Verification:
    """Recompute the whole ledger and hold it against its anchors.

    Without anchors, a ledger that was cut off or made anew with hashes of its own looks whole.

    Raises
    ------
    LedgerBusyError
        If the ledger cannot be read because others hold it.
    """
    walk = _Walk(anchors)
    first_bad: int | None = None
    what: str | None = None
    try:
        with ledger.snapshot() as connection:
            walk.through(connection)
            _check_database(connection)
    except _BadEntryError as bad:
        first_bad, what = bad.seq, bad.what
    except LedgerDamagedError as damage:
        # Where reading ended, if it did not end well; else it is not about an entry.
        first_bad, what = None if walk.is_through else walk.seq + 1, damage.what
    if what is None:
        what = walk.anchored.fault
    entries = walk.seq if first_bad is None else min(walk.seq, first_bad - 1)
    return Verification(
        entries=entries,
        first_bad=first_bad,
        what=what,
        anchors=walk.anchored.count,
        unanchored=max(0, entries - walk.anchored.seq),
        erased=walk.erased,
        keys=tuple(walk.anchored.keys),
    )


class _BadEntryError(LedgerDamagedError):
    def __init__(self, seq: int, what: str) -> None:
        super().__init__(what)
        self.seq = seq


class _Anchored:
    """The anchored hashes, entry by entry, until the first anchor that is not what was signed."""

    def __init__(self, anchors: Anchors | None) -> None:
        self.count = 0
        self.seq = 0
        self.keys: list[str] = []
        self.fault: str | None = None
        # Those of now, before any entry is read: later ones may know of later entries.
        self.hashes = self._read(anchors.read()) if anchors else iter(())

    def _read(self, anchors: Iterator[Anchor]) -> Iterator[str]:
        try:
            for anchor in anchors:
                self.count += 1
                self.seq = anchor.seq
                if anchor.key not in self.keys:
                    self.keys.append(anchor.key)
                yield from anchor.hashes
        except LedgerDamagedError as damage:
            self.fault = damage.what


class _Walk:
    """Goes through all rows of all tables; `seq` is the last entry that was good."""

    def __init__(self, anchors: Anchors | None) -> None:
        self.anchored = _Anchored(anchors)
        self.seq = 0
        self.is_through = False
        self.erased = 0
        self._previous = GENESIS
        self._recorded_at = ""
        self._orders: dict[int, Mapping[str, Any]] = {}
        self._completed: set[int] = set()

    def through(self, connection: sa.Connection) -> None:
        erasures = dict(connection.execute(sa.select(ERASURES)).tuples().all())
        for chained, aside in self._rows(connection):
            self._check(chained, aside, is_erased=self.seq + 1 in erasures)
        missing = next(self.anchored.hashes, None)
        if missing is not None:
            # The rest of the anchors is read to know how far the ledger went.
            for _ in self.anchored.hashes:
                pass
            raise _BadEntryError(
                self.seq + 1,
                f"it ends with entry {self.seq}, and its anchor tells of {self.anchored.seq}",
            )
        self._check_erasures(erasures)
        self.is_through = True

    def _rows(
        self, connection: sa.Connection
    ) -> Iterator[tuple[sa.Row[Any] | None, sa.Row[Any] | None]]:
        """Yield chain and payload rows side by side, each table in its own order.

        A driver that fails in the middle of a page does not say at which row: then the rest is read
        row by row, which ends with the bad one's error.
        """
        size = PAGE_ROWS
        seq = 0
        while True:
            try:
                chained, aside = (
                    connection.execute(
                        sa.select(table).where(table.c.seq > seq).order_by(table.c.seq).limit(size)
                    ).all()
                    for table in (CHAIN, PAYLOADS)
                )
            except sa.exc.DBAPIError:
                if size == 1:
                    raise
                size = 1
                continue
            if not chained and not aside:
                return
            yield from itertools.zip_longest(chained, aside)
            # Every row so far was what was expected, or the walk has ended.
            seq += max(len(chained), len(aside))

    def _check(
        self, chained: sa.Row[Any] | None, aside: sa.Row[Any] | None, *, is_erased: bool
    ) -> None:
        seq = self.seq + 1
        if chained is None or chained.seq != seq:
            raise _BadEntryError(seq, f"entry {seq} is missing")
        if aside is None or aside.seq != seq:
            raise _BadEntryError(seq, f"entry {seq} has lost its payload")
        stored = StoredEntry._make([*chained, *aside[1:]])
        fault = entry_fault(stored, is_erased=is_erased)
        if fault is None and stored.previous_hash != self._previous:
            fault = "it does not name the hash of the entry before"
        if fault is None and stored.recorded_at < self._recorded_at:
            fault = "it was recorded before the entry before"
        anchored = next(self.anchored.hashes, stored.entry_hash)
        if fault is None and anchored != stored.entry_hash:
            fault = "it is another than the one that was anchored"
        if fault is not None:
            raise _BadEntryError(seq, f"entry {seq} is bad, {fault}")
        self.seq, self._previous, self._recorded_at = seq, stored.entry_hash, stored.recorded_at
        self.erased += is_erased
        self._note_orders(stored)

    def _note_orders(self, stored: StoredEntry) -> None:
        if stored.payload is None:
            return
        if stored.act_type == ERASURE_ORDER:
            self._orders[stored.seq] = json.loads(stored.payload)
        elif stored.refers_to in self._orders and NOTHING_COMPLETED not in stored.payload:
            self._completed.add(json.loads(stored.payload)["completes"])

    def _check_erasures(self, erasures: Mapping[int, int]) -> None:
        for seq, ordered_by in sorted(erasures.items()):
            order = self._orders.get(ordered_by)
            if (
                seq > self.seq
                or order is None
                or not orders_erasure(order, seq)
                or not (order["outcome"] == "effective" or ordered_by in self._completed)
            ):
                raise _BadEntryError(
                    seq, f"entry {seq} was erased without an effective order that names it"
                )


def _check_database(connection: sa.Connection) -> None:
    guard = foreign_guard(connection)
    if guard is not None:
        raise LedgerDamagedError(f"its guards were changed, {guard} is missing or not its own")
    if connection.dialect.name == "sqlite":
        # What reads well by number may be lost to a search: pages and indexes.
        found = connection.exec_driver_sql("pragma integrity_check(1)").scalar_one()
        if found != "ok":
            raise LedgerDamagedError(f"its file is damaged ({found})")
