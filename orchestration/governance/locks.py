"""What a lock of a period covers: the entities under an org unit, as the tree stood then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

Entity = tuple[str, str]


@dataclass(frozen=True)
class Unit:
    """An org unit and what it stands under, from the first to the last day, both inclusive."""

    org_unit_id: str
    parent_id: str | None
    valid_from: dt.date
    valid_to: dt.date


@dataclass(frozen=True)
class Belonging:
    """An entity that belongs to an org unit, from the first to the last day, both inclusive."""

    entity_kind: str
    entity_id: str
    org_unit_id: str
    valid_from: dt.date
    valid_to: dt.date


def entities_under(
    org_unit_id: str,
    first: dt.date,
    last: dt.date,
    *,
    units: Iterable[Unit],
    belongings: Iterable[Belonging],
) -> set[Entity]:
    """Return kind and id of the entities that a lock of an org unit's period covers.

    An entity is covered if all units that it belonged to on its last day within the period were
    the locked one or stood under it on that day. So a leader who also answered for something
    elsewhere is not covered: their figures are not the unit's alone.

    Parameters
    ----------
    org_unit_id : str
        The locked unit.
    first, last : date
        The period, both inclusive.
    units : iterable of Unit
        The org tree.
    belongings : iterable of Belonging
        Which units each entity belongs to.
    """
    tree: dict[str, list[Unit]] = {}
    for unit in units:
        tree.setdefault(unit.org_unit_id, []).append(unit)
    held: dict[Entity, list[Belonging]] = {}
    for one in belongings:
        if one.valid_from <= last and one.valid_to >= first:
            held.setdefault((one.entity_kind, one.entity_id), []).append(one)
    covered = set()
    for entity, rows in held.items():
        day = min(last, max(row.valid_to for row in rows))
        on_that_day = [row for row in rows if row.valid_from <= day <= row.valid_to]
        if all(_is_under(row.org_unit_id, org_unit_id, day, tree) for row in on_that_day):
            covered.add(entity)
    return covered


def _is_under(unit: str | None, top: str, day: dt.date, tree: dict[str, list[Unit]]) -> bool:
    seen = set[str]()
    while unit is not None and unit not in seen:
        if unit == top:
            return True
        seen.add(unit)
        unit = next(
            (row.parent_id for row in tree.get(unit, []) if row.valid_from <= day <= row.valid_to),
            None,
        )
    return False
