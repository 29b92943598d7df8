"""What Python finds in a model, found anew only where the model or the method has changed.

A further day changes few of the inputs of statistics, as most of them read complete months. To find
the same again took 7 CPU s of a day on the default demo, to see that nothing changed takes 0.1.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestration.ingest.sql import is_one_of, quote_identifier, quote_relation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import duckdb
    import pandas as pd

    from orchestration.resources.warehouse import Warehouse

METHODS = ("governance", "statistics")
LIBRARIES = ("numpy", "pandas", "scipy", "statsmodels")


def find(
    warehouse: Warehouse,
    sources: Sequence[str],
    output: str,
    method: Callable[..., pd.DataFrame],
    *,
    by: str | None = None,
    only: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame | None:
    """Make ``output`` hold what ``method`` finds in ``sources``; None where it already does.

    The output remembers in its comment what it was found in and by which code, so that a table
    which was replaced, restored or wiped is never taken for a current one.

    Parameters
    ----------
    warehouse : Warehouse
        Holds all tables.
    sources : sequence of str
        ``schema.table`` of each argument of the method, which must not mind the order of rows.
    output : str
        ``schema.table``.
    method : callable
        Pure: the same rows give the same findings.
    by : str, optional
        Column of the only source and of the output whose values the method treats apart from each
        other: only those whose rows changed are looked at again, and only they are returned.
    only : mapping of str to str
        Source and the condition on its rows that the method reads; not together with ``by``.
    """
    with warehouse.connect() as con:
        columns = [_columns(con, source) for source in sources]
        head = f"{' '.join(columns)} by {methods_hash()}"
        parts = _parts(con, sources[0], by) if by else _wholes(con, sources, only)
        remembered = json.loads(_comment(con, output) or "{}")
    is_known = remembered.get("head") == head
    before: dict[str, str] = remembered["parts"] if is_known else {}
    # Nothing found in nothing is a table too, which a model reads.
    if is_known and before == parts:
        return None
    changed = [part for part in parts if before.get(part) != parts[part]]
    if by is None or len(changed) == len(parts) or not before.keys() <= parts.keys():
        rows = (warehouse.read(source, where=only.get(source, "true")) for source in sources)
        found, kept = method(*rows), None
    else:
        found = method(warehouse.read(sources[0], where=is_one_of(quote_identifier(by), changed)))
        unchanged = is_one_of(quote_identifier(by), [part for part in parts if part not in changed])
        kept = f"select * from {quote_relation(output)} where {unchanged} union all by name"
    memory = json.dumps({"head": head, "parts": parts})
    warehouse.replace(output, found, kept=kept, comment=memory)
    return found


def _wholes(
    con: duckdb.DuckDBPyConnection, relations: Sequence[str], only: Mapping[str, str]
) -> dict[str, str]:
    return {
        one: " ".join(_parts(con, one, None, where=only.get(one, "true")).values())
        for one in relations
    }


def _parts(
    con: duckdb.DuckDBPyConnection, relation: str, by: str | None, *, where: str = "true"
) -> dict[str, str]:
    """Return a hash over the rows of each part, or of all as one, whatever their order.

    Number and sum of 64-bit hashes of rows, as their exclusive or would not see a row twice.
    """
    part = "''" if by is None else quote_identifier(by)
    rows = con.execute(
        f"select {part}, count(*), sum(hash(one)) from {quote_relation(relation)} as one "
        f"where {where} group by 1 order by 1"
    ).fetchall()
    return {part: f"{count} {total:x}" for part, count, total in rows}


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
