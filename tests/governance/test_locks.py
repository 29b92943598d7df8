"""A lock covers what stood under the unit at the end of the period, and nothing beside it."""

from __future__ import annotations

import datetime as dt

import pytest

from orchestration.governance.locks import Belonging, Unit, entities_under

FIRST, LAST = dt.date(2026, 8, 1), dt.date(2026, 8, 31)
START, OPEN = dt.date(2020, 1, 1), dt.date(9999, 12, 31)


def day(text):
    return dt.date.fromisoformat(text)


def unit(name, parent, since=START, until=OPEN):
    return Unit(name, parent, since, until)


def site(name, of, since=START, until=OPEN):
    return Belonging("site", name, of, since, until)


def leader(name, of, since=START, until=OPEN):
    return Belonging("leader", name, of, since, until)


TREE = [
    unit("ENT", None),
    unit("S-A", "ENT"),
    unit("S-B", "ENT"),
    unit("L-A1", "S-A"),
    unit("L-A2", "S-A"),
]


def covered(top, belongings, units=TREE):
    found = entities_under(top, FIRST, LAST, units=units, belongings=belongings)
    return sorted(entity for _, entity in found)


def test_a_unit_covers_itself_and_all_below_it():
    plants = [site("A", "S-A"), site("B", "S-B"), site("A1", "L-A1"), site("HQ", "ENT")]

    assert covered("S-A", plants) == ["A", "A1"]
    assert covered("ENT", plants) == ["A", "A1", "B", "HQ"]
    assert covered("L-A2", plants) == []


@pytest.mark.parametrize(
    ("moved_on", "under"),
    [("2026-08-01", ["S-B"]), ("2026-08-31", ["S-B"]), ("2026-09-01", ["S-A"])],
)
def test_the_tree_counts_as_it_stood_on_the_last_day_of_the_period(moved_on, under):
    eve = day(moved_on) - dt.timedelta(days=1)
    tree = [row for row in TREE if row.org_unit_id != "L-A1"]
    tree += [unit("L-A1", "S-A", until=eve), unit("L-A1", "S-B", since=day(moved_on))]

    found = [top for top in ("S-A", "S-B") if covered(top, [site("X", "L-A1")], tree)]

    assert found == under


def test_what_ended_within_the_period_counts_as_on_its_last_day():
    left = leader("E1", "L-A1", until=day("2026-08-10"))
    before = leader("E2", "L-A1", until=day("2026-07-31"))

    assert covered("S-A", [left, before]) == ["E1"]


def test_a_leader_who_also_leads_elsewhere_is_not_covered():
    both = [leader("E1", "L-A1"), leader("E1", "S-B")]
    moved = day("2026-08-16")
    follows = [
        leader("E2", "S-B", until=moved - dt.timedelta(days=1)),
        leader("E2", "L-A1", since=moved),
    ]

    assert covered("S-A", [*both, *follows]) == ["E2"]
    assert covered("ENT", [*both, *follows]) == ["E1", "E2"]


def test_a_circle_in_the_tree_covers_nothing_and_ends():
    tree = [unit("X", "Y"), unit("Y", "X")]

    assert covered("S-A", [site("A", "X")], tree) == []
