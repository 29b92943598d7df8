"""What the published snapshot says to whoever decides: read there, computed nowhere here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import duckdb

from orchestration.ingest.sql import column_list, quote_relation
from orchestration.publication.snapshot import CURRENT, DATABASE, read_current

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestration.settings import Settings

IMPACT = "governance.rpt_target_impact"


def target_impacts(settings: Settings) -> dict[int, list[dict[str, Any]]]:
    """Return the rows of `rpt_target_impact` by the number of their act.

    An act that was recorded after the last run has none yet.

    Raises
    ------
    SnapshotError
        If the snapshot is damaged.
    """
    found: dict[int, list[dict[str, Any]]] = {}
    for row in published_rows(settings, IMPACT, order_by=("act_seq", "entity_kind", "entity_id")):
        found.setdefault(row["act_seq"], []).append(row)
    return found


def precedents(settings: Settings, kpi: str) -> list[dict[str, Any]]:
    """Return the rulings on disputes over a KPI, the oldest first, from `reg_dispute`.

    Raises
    ------
    SnapshotError
        If the snapshot is damaged.
    """
    rows = published_rows(settings, "governance.reg_dispute", order_by=("act_seq",))
    return [
        {name: row.get(name) for name in _RULING}
        for row in rows
        if row["kpi_id"] == kpi and row["state_code"] == "ruled" and row["recorded_to_utc"] is None
    ]


_RULING: Final = (
    *("act_seq", "kpi_id", "org_unit_id", "claim", "ruling", "principle", "cites"),
    *("ordered_change", "change_by"),
)


def notices(
    settings: Settings, *, person: str | None = None, every: bool = False
) -> list[dict[str, Any]]:
    """Return who was told of what and has not acknowledged it; or all that was told.

    Raises
    ------
    SnapshotError
        If the snapshot is damaged.
    """
    rows = published_rows(settings, "governance.fct_notices", order_by=("act_seq", "person_id"))
    return [
        row
        for row in rows
        if (every or row["is_open"]) and (person is None or row["person_id"] == person)
    ]


def kpi_review(settings: Settings, *, every: bool = False) -> list[dict[str, Any]]:
    """Return the rows of `rpt_kpi_review`: candidates for retirement, or every KPI.

    Raises
    ------
    SnapshotError
        If the snapshot is damaged.
    """
    rows = published_rows(settings, "governance.rpt_kpi_review", order_by=("kpi_id",))
    return [row for row in rows if every or row["is_candidate"]]


def published_rows(
    settings: Settings, relation: str, *, order_by: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the rows of a published table; none before a run of this version has published it.

    Raises
    ------
    SnapshotError
        If the snapshot is damaged.
    """
    if not (settings.published / CURRENT).exists():
        return []
    snapshot = read_current(settings.published)
    if relation not in {table.relation for table in snapshot.tables}:
        return []
    with duckdb.connect(str(snapshot.file(DATABASE)), read_only=True) as con:
        rows = con.execute(
            f"select * from {quote_relation(relation)} order by {column_list(list(order_by))}"
        )
        names = [column[0] for column in rows.description or ()]
        return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
