"""What Python finds in a model, found anew only where the model or the method has changed.

A further day changes few of the inputs of statistics, as most of them read complete months. To find
the same again took 7 CPU s of a day on the default demo, to see that nothing changed takes 0.1.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.ingest.sql import quote_literal, quote_relation

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb
    import pandas as pd

    from orchestration.resources.warehouse import Warehouse

METHODS = ("governance", "statistics")
LIBRARIES = ("numpy", "pandas", "scipy", "statsmodels")


@dataclass(frozen=True)
class Findings:
    """Rows that a method found, and what it says of them as a whole.

    Attributes
    ----------
    rows : DataFrame
        A row per finding or refusal.
    about : dict
        Figures for the run's metadata.
    """

    rows: pd.DataFrame
    about: dict[str, Any] = field(default_factory=dict)


def find(
    warehouse: Warehouse, source: str, output: str, method: Callable[[pd.DataFrame], Findings]
) -> Findings | None:
    """Make ``output`` hold what ``method`` finds in ``source``; None where it already does.

    The output remembers in its comment what it was found in and by which code, so that a table
    which was replaced, restored or wiped is never taken for a current one.

    Parameters
    ----------
    warehouse : Warehouse
        Holds both tables.
    source, output : str
        ``schema.table``; the order of rows in the source must not matter to the method.
    method : callable
        Pure: the same rows give the same findings.
    """
    with warehouse.connect() as con:
        found_in = f"{input_hash(con, source)} by {methods_hash()}"
        if _comment(con, output) == found_in:
            return None
    findings = method(warehouse.read(source))
    warehouse.replace(output, findings.rows)
    with warehouse.connect() as con:
        con.execute(f"comment on table {quote_relation(output)} is {quote_literal(found_in)}")
    return findings


def input_hash(con: duckdb.DuckDBPyConnection, relation: str) -> str:
    """Return a hash over names, types and rows of ``schema.table``, whatever their order.

    The sum of 64-bit hashes of rows, as their exclusive or would not see a row that comes twice.
    """
    name = quote_relation(relation)
    columns = con.execute(f"describe {name}").fetchall()
    rows = con.execute(f"select count(*), sum(hash(one)) from {name} as one").fetchone()
    return hashlib.sha256(repr((columns, rows)).encode()).hexdigest()[:32]


@cache
def methods_hash() -> str:
    """Return a hash over the code of all methods and the libraries that they stand on."""
    digest = hashlib.sha256()
    package = Path(__file__).parents[1]
    for folder in METHODS:
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(str(path.relative_to(package)).encode())
            digest.update(path.read_bytes())
    for library in LIBRARIES:
        digest.update(f"{library} {importlib.metadata.version(library)}".encode())
    return digest.hexdigest()[:32]


def _comment(con: duckdb.DuckDBPyConnection, relation: str) -> str | None:
    schema, table = relation.split(".")
    row = con.execute(
        "select comment from duckdb_tables() where schema_name = ? and table_name = ?",
        [schema, table],
    ).fetchone()
    return None if row is None else row[0]
