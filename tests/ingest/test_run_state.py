"""What a run must know of the runs before it."""

from __future__ import annotations

import duckdb
import pytest

from orchestration.ingest.run_state import are_views_current, last_published


@pytest.fixture
def con():
    with duckdb.connect() as con:
        last_published(con)  # creates the tables
        yield con


def enter(con, *runs):
    for hour, (definitions, is_published) in enumerate(runs):
        con.execute(
            "insert into ops.run_history values ('r', date '2026-10-01', ?, false, "
            "timestamp '2026-10-01' + to_hours(?), ?, null, null)",
            [definitions, hour, "2026-10-02" if is_published else None],
        )


@pytest.mark.parametrize(
    ("runs", "definitions", "is_latest"),
    [
        ([("A", True)], "A", True),
        ([("A", True), ("B", True)], "B", True),
        ([("A", True), ("A", False)], "A", False),
        # The failed run may have built some models of B: neither A nor B stands as a whole.
        ([("A", True), ("B", False)], None, False),
        ([("A", True), ("B", False), ("A", False)], None, False),
        ([("A", True), ("B", False), ("A", True)], "A", True),
    ],
)
def test_definitions_stand_unless_a_later_run_began_with_others(con, runs, definitions, is_latest):
    enter(con, *runs)

    published = last_published(con)

    assert (published.definition_hash, published.is_latest) == (definitions, is_latest)
    assert are_views_current(con, "A") == (definitions == "A")


def test_before_the_first_publication_nothing_stands(con):
    enter(con, ("A", False))

    assert last_published(con) is None
    assert not are_views_current(con, "A")
