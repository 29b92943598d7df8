"""What is in a relation of the warehouse, for those who look at it from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration.ingest.sql import quote_relation

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb


@dataclass(frozen=True)
class Relation:
    """Row count and columns of one table or view."""

    rows: int
    columns: tuple[tuple[str, str], ...]


def describe_relations(con: duckdb.DuckDBPyConnection, names: Iterable[str]) -> dict[str, Relation]:
    """Return rows and columns of relations named `schema.table`.

    Tables are counted from their metadata; a view is run once, without reading its columns.
    """
    described: dict[str, Relation] = {}
    for name in names:
        counted = con.execute(f"select count(*) from {quote_relation(name)}").fetchall()
        columns = con.execute(f"describe {quote_relation(name)}").fetchall()
        described[name] = Relation(
            rows=counted[0][0], columns=tuple((column[0], column[1]) for column in columns)
        )
    return described
