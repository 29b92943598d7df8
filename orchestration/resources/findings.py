"""What Python finds in a model, found anew only where the model or the method has changed.

A further day changes few of the inputs of statistics, as most of them read complete months. To find
the same again took 7 CPU s of a day on the default demo, to see that nothing changed takes 0.1.

A method that raises an exception costs the parts of its question that make it do so, and no others.
They have no answer, the table remembers why, and the next run asks about them again.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import re
import traceback
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestration.ingest.sql import is_one_of, quote_identifier, quote_relation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import duckdb
    import pandas as pd

    from orchestration.resources.warehouse import Warehouse

METHODS = ("governance", "statistics")
LIBRARIES = ("numpy", "pandas", "scipy", "statsmodels")
UNANSWERED = "statistics.unanswered_questions"
# The part of a question that cannot be taken apart.
WHOLE: Final = "all"
LONGEST_TEXT: Final = 300
_WORD: Final = re.compile(r"[\w@.+-]*\w")
_LOG = logging.getLogger(__name__)


class Failure(NamedTuple):
    """The exception of a method: its type, and the first line of what it says."""

    error: str
    text: str


class Unanswered(NamedTuple):
    """A part of a question that has no answer; of a whole question, `part_column` is None."""

    question: str
    part_column: str | None
    part: str
    error: str
    text: str


def find(
    warehouse: Warehouse,
    sources: Sequence[str],
    output: str,
    method: Callable[..., pd.DataFrame],
    *,
    by: str | None = None,
    apart: str | None = None,
    only: Mapping[str, str] = MappingProxyType({}),
    log: Callable[[str], object] = _LOG.warning,
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
    apart : str, optional
        Column of some of the sources: rows that share a value of it can be left out of the
        question where the method fails on them. Default: ``by``.
    only : mapping of str to str
        Source and the condition on its rows that the method reads; not together with ``by``.
    log : callable
        Told of each exception of the method, with where it came from.
    """
    apart = by or apart
    with warehouse.connect() as con:
        columns = [_columns(con, source) for source in sources]
        head = f"{' '.join(columns)} by {methods_hash()}"
        parts = _parts(con, sources[0], by) if by else _wholes(con, sources, only)
        remembered = json.loads(_comment(con, output) or "{}")
    is_known = remembered.get("head") == head
    before: dict[str, str] = remembered["parts"] if is_known else {}
    # Nothing found in nothing is a table too, which a model reads.
    if is_known and before == parts and "unanswered" not in remembered:
        return None
    changed = [part for part in parts if before.get(part) != parts[part]]
    kept = None
    if by is None or len(changed) in {0, len(parts)} or not before.keys() <= parts.keys():
        rows = [warehouse.read(source, where=only.get(source, "true")) for source in sources]
    else:
        rows = [warehouse.read(sources[0], where=is_one_of(quote_identifier(by), changed))]
        unchanged = is_one_of(quote_identifier(by), [part for part in parts if part not in changed])
        kept = f"select * from {quote_relation(output)} where {unchanged} union all by name"
    found, failed = _ask(method, rows, apart, log)
    if isinstance(found, Failure):
        # Not even of nothing does the method make a table: the columns are those of the last one.
        if not remembered:
            raise RuntimeError(f"{output} has no answer yet, and gets none: {found}")
        found = warehouse.read(output, where="false")
    memory: dict[str, object] = {"head": head, "parts": parts}
    if failed:
        memory["parts"] = {one: parts[one] for one in parts if by and one not in failed}
        memory["apart"] = apart
        memory["unanswered"] = failed
    warehouse.replace(output, found, kept=kept, comment=json.dumps(memory))
    return found


def unanswered(con: duckdb.DuckDBPyConnection, outputs: Iterable[str]) -> list[Unanswered]:
    """Return what has no answer in some outputs of `find`, as their tables remember it."""
    found = []
    for output in outputs:
        memory = json.loads(_comment(con, output) or "{}")
        for part, failure in memory.get("unanswered", {}).items():
            column = memory["apart"] if part != WHOLE else None
            found.append(Unanswered(output.split(".")[1], column, part, *failure))
    return found


def note_unanswered(warehouse: Warehouse, outputs: Iterable[str]) -> list[Unanswered]:
    """Make the table `UNANSWERED` hold what has no answer in some outputs of `find`."""
    import pandas as pd  # noqa: PLC0415 (1.2 s of imports)

    with warehouse.connect("look for what has no answer") as con:
        found = unanswered(con, outputs)
    warehouse.replace(UNANSWERED, pd.DataFrame(found, columns=Unanswered._fields, dtype="str"))
    return found


def is_unanswered(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether the last run left a question, or a part of one, without an answer."""
    schema, table = UNANSWERED.split(".")
    is_there = con.execute(
        "select 1 from duckdb_tables() where schema_name = ? and table_name = ?", [schema, table]
    ).fetchone()
    return bool(is_there and con.execute(f"select 1 from {UNANSWERED} limit 1").fetchone())


def _ask(
    method: Callable[..., pd.DataFrame],
    rows: Sequence[pd.DataFrame],
    apart: str | None,
    log: Callable[[str], object],
) -> tuple[pd.DataFrame | Failure, dict[str, Failure]]:
    """Return the answer over all parts that can be asked about, and why the others cannot.

    A part is left out where the method fails on it alone. The rest is asked about together, as a
    method may weigh its parts against each other.
    """
    found = _try(method, rows, log)
    if not isinstance(found, Failure):
        return found, {}
    values = {one: frame[apart] for one, frame in enumerate(rows) if apart in frame}
    parts = sorted({part for column in values.values() for part in column.dropna()})

    def those(wanted: Sequence[object], *, are_in: bool) -> list[pd.DataFrame]:
        return [
            frame[values[one].isin(wanted).eq(are_in)].reset_index(drop=True)
            if one in values
            else frame
            for one, frame in enumerate(rows)
        ]

    alone = {part: _try(method, those([part], are_in=True), log) for part in parts}
    failed = {part: one for part, one in alone.items() if isinstance(one, Failure)}
    if failed:
        rest = _try(method, those(list(failed), are_in=False), log)
        if not isinstance(rest, Failure):
            return rest, failed
    nothing = _try(method, [frame.iloc[:0] for frame in rows], log)
    return nothing, dict.fromkeys(parts, found) or {WHOLE: found}


def _try(
    method: Callable[..., pd.DataFrame],
    rows: Sequence[pd.DataFrame],
    log: Callable[[str], object],
) -> pd.DataFrame | Failure:
    """Return what a method finds, or how it failed: the one place where that stops nothing."""
    try:
        return method(*rows)
    except Exception as error:  # noqa: BLE001 (whatever it is, the others must not pay for it)
        failure = _without_rows(error, rows)
        where = "".join(traceback.format_tb(error.__traceback__))
        log(f"{failure.error}: {failure.text}\n{where}")
        return failure


def _without_rows(error: Exception, rows: Sequence[pd.DataFrame]) -> Failure:
    """Return type and first line of an exception, without any number or any word of the rows.

    They may be those of a person, and whoever mends a method may not be allowed to see them.
    """
    held = {
        word
        for frame in rows
        for name in frame.select_dtypes(["object", "str"])
        for text in frame[name].dropna().astype(str).unique()
        for word in _WORD.findall(text)
    }

    def shown(word: re.Match[str]) -> str:
        is_of_rows = word[0] in held or any(letter.isdigit() for letter in word[0])
        return "…" if is_of_rows else word[0]

    line = next(iter(str(error).splitlines()), "")
    return Failure(type(error).__name__, _WORD.sub(shown, line)[:LONGEST_TEXT])


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
