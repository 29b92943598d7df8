"""What holds: the plain fold of entries to one truth per subject, valid day and recorded instant.

Acts are laid one over the other in the order in which they took effect, as sheets of paper on a
table whose width is the valid days: what lies on top is the truth, and what a later sheet covers
was the truth until then. Recording asks it for one subject while it holds the ledger; the
registers in the warehouse are computed in SQL by another way and tested against it.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from orchestration.ledger.store import Recorded

OPEN_END = dt.date.max
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Effect:
    """An act that took effect, and the entry with which it did: its own, or what completed it."""

    act: Recorded
    by: Recorded

    @property
    def valid_from(self) -> dt.date:
        """First day; without one of its own the day (UTC) on which it took effect."""
        said = _said(self.act)["valid_from"]
        return self.by.recorded_at.date() if said is None else dt.date.fromisoformat(said)

    @property
    def valid_to(self) -> dt.date:
        """Last day, inclusive."""
        said = _said(self.act)["valid_to"]
        return OPEN_END if said is None else dt.date.fromisoformat(said)


@dataclass(frozen=True)
class Rectangle:
    """One truth: valid days, both inclusive, by recorded instants, the last exclusive.

    ``recorded_to`` is None where it still stands, ``valid_to`` 9999-12-31 where it is open.
    """

    register: str
    subject: str
    act_seq: int
    act_type: str
    fields: Mapping[str, Any]
    valid_from: dt.date
    valid_to: dt.date
    recorded_from: dt.datetime
    recorded_to: dt.datetime | None


def register_of(act_type: str) -> str:
    """Return the register that a type of act belongs to: `target` of `target.change`."""
    return act_type.partition(".")[0]


def effects(entries: Iterable[Recorded]) -> list[Effect]:
    """Return the acts that took effect, in the order in which they did.

    Parameters
    ----------
    entries : iterable of Recorded
        In the order of the ledger. What was refused or erased never counts; a pending act takes
        effect with the first later entry that completes it.
    """
    found = []
    pending: dict[int, Recorded] = {}
    for entry in entries:
        if entry.payload is None or entry.payload["outcome"] == "refused":
            continue
        completed = pending.pop(entry.payload["completes"], None)
        if completed is not None:
            found.append(Effect(completed, entry))
        if entry.payload["outcome"] == "effective":
            found.append(Effect(entry, entry))
        elif entry.payload["outcome"] == "pending":
            pending[entry.seq] = entry
    return found


def rectangles(entries: Iterable[Recorded], ends: Container[str]) -> list[Rectangle]:
    """Return the truths of all subjects as rectangles of which no two share a point.

    Parameters
    ----------
    entries : iterable of Recorded
        In the order of the ledger; those of one subject are enough for its truths, if the consents
        to its acts are among them.
    ends : container of str
        Types whose acts cover their days with nothing.

    Returns
    -------
    list of Rectangle
        In the order in which their acts took effect, then by valid days.
    """
    tables: dict[tuple[str, str], list[_Sheet]] = defaultdict(list)
    done: list[tuple[Effect, _Sheet, dt.datetime | None]] = []
    for effect in effects(entries):
        said = _said(effect.act)
        if effect.valid_from > effect.valid_to:
            continue
        table = tables[register_of(said["act_type"]), said["subject"]]
        covered = _lay(table, _Sheet(effect, effect.valid_from, effect.valid_to))
        done += [(sheet.effect, sheet, effect.by.recorded_at) for sheet in covered]
    done += [(sheet.effect, sheet, None) for table in tables.values() for sheet in table]
    done.sort(key=lambda one: (one[0].by.seq, one[0].act.seq, one[1].first))
    return [
        _rectangle(effect, sheet, until)
        for effect, sheet, until in done
        if _said(effect.act)["act_type"] not in ends and until != effect.by.recorded_at
    ]


def truth_at(
    rectangles: Iterable[Rectangle], valid: dt.date, recorded: dt.datetime | None = None
) -> Rectangle | None:
    """Return what held on a day as far as it was recorded by an instant; None if nothing did.

    Parameters
    ----------
    rectangles : iterable of Rectangle
        Of one subject of one register.
    valid : datetime.date
        The day that is asked for.
    recorded : datetime.datetime, optional
        What was recorded later is not known; with its zone, as entries have it. Default: all that
        has been recorded.

    Raises
    ------
    ValueError
        If they hold two truths, as those of two subjects do.
    """
    found = [
        one
        for one in rectangles
        if one.valid_from <= valid <= one.valid_to
        and (recorded is None or one.recorded_from <= recorded)
        and (one.recorded_to is None or (recorded is not None and recorded < one.recorded_to))
    ]
    if len(found) > 1:
        acts = " and ".join(str(one.act_seq) for one in found)
        raise ValueError(
            f"On {valid} acts {acts} both hold: ask for one subject of one register at a time."
        )
    return found[0] if found else None


@dataclass(frozen=True)
class _Sheet:
    """A stretch of days on which an act lies on top."""

    effect: Effect
    first: dt.date
    last: dt.date


def _lay(table: list[_Sheet], new: _Sheet) -> list[_Sheet]:
    """Lay a sheet on a table, in the order of days, and return the parts that it covers."""
    start = bisect_left(table, new.first, key=lambda sheet: sheet.last)
    stop = start
    while stop < len(table) and table[stop].first <= new.last:
        stop += 1
    under = table[start:stop]
    table[start:stop] = [*_before(under, new), new, *_after(under, new)]
    return [
        replace(one, first=max(one.first, new.first), last=min(one.last, new.last)) for one in under
    ]


def _before(under: list[_Sheet], new: _Sheet) -> Iterator[_Sheet]:
    if under and under[0].first < new.first:
        yield replace(under[0], last=new.first - DAY)


def _after(under: list[_Sheet], new: _Sheet) -> Iterator[_Sheet]:
    if under and under[-1].last > new.last:
        yield replace(under[-1], first=new.last + DAY)


def _rectangle(effect: Effect, sheet: _Sheet, until: dt.datetime | None) -> Rectangle:
    said = _said(effect.act)
    return Rectangle(
        register=register_of(said["act_type"]),
        subject=said["subject"],
        act_seq=effect.act.seq,
        act_type=said["act_type"],
        fields=said["fields"],
        valid_from=sheet.first,
        valid_to=sheet.last,
        recorded_from=effect.by.recorded_at,
        recorded_to=until,
    )


def _said(entry: Recorded) -> Mapping[str, Any]:
    assert entry.payload is not None, "an effect has a payload"
    return entry.payload
