"""What Python finds in a model, found anew only where the model or the method has changed.

A further day changes few of the inputs of statistics, as most of them read complete months. To find
the same again took 7 CPU s of a day on the default demo, to see that nothing changed takes 0.1.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.ingest.sql import is_one_of, quote_identifier, quote_literal, quote_relation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import duckdb
    import pandas as pd

    from orchestration.resources.warehouse import Warehouse

METHODS = ("governance", "statistics")
LIBRARIES = ("numpy", "pandas", "scipy", "statsmodels")
# The one part of an input that is not looked at in parts.
WHOLE = ""


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
    warehouse: Warehouse,
    source: str | tuple[str, ...],
    output: str,
    method: Callable[..., Findings],
    *,
    by: str | None = None,
) -> Findings | None:
    """Make ``output`` hold what ``method`` finds in ``source``; None where it already does.

    The output remembers in its comment what it was found in and by which code, so that a table
    which was replaced, restored or wiped is never taken for a current one.

    Parameters
    ----------
    warehouse : Warehouse
        Holds all tables.
    source : str or tuple of str
        ``schema.table`` of one table or of several; the order of their rows must not matter to the
        method.
    output : str
        ``schema.table``.
    method : callable
        Takes the rows of each source. Pure: the same rows give the same findings.
    by : str, optional
        Column of all tables whose values the method treats apart from each other: only those
        whose rows changed are looked at again, and only they are in what is returned.
    """
    sources = (source,) if isinstance(source, str) else source
    with warehouse.connect() as con:
        columns = " ".join(_columns(con, one) for one in sources)
        head, parts = f"{columns} by {methods_hash()}", _parts(con, sources, by)
        remembered = json.loads(_comment(con, output) or "{}")
    before: dict[str, str] = remembered.get("parts", {}) if remembered.get("head") == head else {}
    if before == parts:
        return None
    changed = [part for part in parts if before.get(part) != parts[part]]
    if by is None or len(changed) == len(parts) or not before.keys() <= parts.keys():
        findings, kept = method(*(warehouse.read(one) for one in sources)), None
    else:
        where = is_one_of(quote_identifier(by), changed)
        findings = method(*(warehouse.read(one, where=where) for one in sources))
        unchanged = is_one_of(quote_identifier(by), [part for part in parts if part not in changed])
        kept = f"select * from {quote_relation(output)} where {unchanged} union all by name"
    memory = json.dumps({"head": head, "parts": parts})
    warehouse.replace(output, findings.rows, kept=kept, comment=memory)
    return findings


def _parts(
    con: duckdb.DuckDBPyConnection, relations: Sequence[str], by: str | None
) -> dict[str, str]:
    """Return a hash over the rows of each part, whatever their order.

    Number and sum of 64-bit hashes of rows, as their exclusive or would not see a row twice.
    """
    part = quote_literal(WHOLE) if by is None else quote_identifier(by)
    found: dict[str, list[str]] = {}
    for at, relation in enumerate(relations):
        rows = con.execute(
            f"select {part}, count(*), sum(hash(one)) from {quote_relation(relation)} as one "
            "group by 1 order by 1"
        ).fetchall()
        for name, count, total in rows:
            found.setdefault(name, [""] * len(relations))[at] = f"{count} {total:x}"
    return {name: "; ".join(hashes) for name, hashes in sorted(found.items())}


def _columns(con: duckdb.DuckDBPyConnection, relation: str) -> str:
    columns = con.execute(f"describe {quote_relation(relation)}").fetchall()
    return hashlib.sha256(repr(columns).encode()).hexdigest()[:16]


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
    return digest.hexdigest()[:16]


def _comment(con: duckdb.DuckDBPyConnection, relation: str) -> str | None:
    schema, table = relation.split(".")
    row = con.execute(
        "select comment from duckdb_tables() where schema_name = ? and table_name = ?",
        [schema, table],
    ).fetchone()
    return None if row is None else row[0]
