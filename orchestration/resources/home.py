"""Take a company's home over: from an earlier version of the product, or from a killed run.

Raw tables and marts need no migration: a changed contract judges its files again, and changed
models build everything anew. What nothing rebuilds are the logs in the schema `ops`.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import duckdb

from orchestration.ingest import commit, delivery_log, landing, run_state
from orchestration.registry import archive
from orchestration.resources.warehouse import WAREHOUSE_FILE

if TYPE_CHECKING:
    from pathlib import Path

HOME_FILE = "home.json"
# Raise it with every change of the tables of `ops` or of the folders of a home. 1 had no mark.
HOME_VERSION = 4
# Empty says something here: of a file that speaks of no day no hole is filled, and figures of 331
# readings of a small company were called blocked that are not (measured).
NEVER_EMPTY = {"delivery_log": ("first_date", "last_date")}


class HomeVersionError(RuntimeError):
    """A home cannot be used as it is; the message says the cure."""


def adopt_home(con: duckdb.DuckDBPyConnection, home: Path) -> None:
    """Mark a new home with this version, bring an older one up to it, or refuse.

    What a killed run left half-written is removed: who holds the lock is alone, so nobody is
    writing it.

    Parameters
    ----------
    con : DuckDBPyConnection
        The warehouse of the home, under its lock.
    home : Path
        Holds the mark.

    Raises
    ------
    HomeVersionError
        If a later version wrote the home, or its logs cannot be given the columns they lack.
    """
    older = older_logs(con, home)
    _sweep(home)
    # Not the mark alone: between two releases a table may change more often than the version.
    if older or home_version(home) != HOME_VERSION:
        _complete_logs(con, older)
        mark_home(home)


def older_logs(con: duckdb.DuckDBPyConnection, home: Path) -> list[str]:
    """Return the tables of `ops` that lack columns of this version.

    Raises
    ------
    HomeVersionError
        If this version cannot go on with the home.
    """
    version = home_version(home)
    if version > HOME_VERSION:
        raise HomeVersionError(
            f"{home} was written by a later version of Steelyard (home {version}, this one knows "
            f"{HOME_VERSION}): use that version, or restore a backup from before it."
        )
    present = log_layout(con)
    older = []
    for table, columns in wanted_layout().items():
        has = present.get(table, columns)
        foreign = [name for name, kind in has.items() if columns.get(name, "") != kind]
        if foreign:
            raise _not_carried_over(table, f"has {', '.join(foreign)} otherwise")
        unknown = [name for name in NEVER_EMPTY.get(table, ()) if name not in has]
        if unknown and con.execute(f"select 1 from ops.{table} limit 1").fetchall():
            raise _not_carried_over(table, f"does not say {' and '.join(unknown)}")
        if list(has) != list(columns):
            older.append(table)
    return older


def _sweep(home: Path) -> None:
    lakes = [
        apart + lake for apart in ("", commit.APART) for lake in (commit.LAKE, commit.LAKE_BLOCKED)
    ]
    for store in ("", landing.LANDED, archive.FOLDER, *lakes):
        for left in (home / store).glob(f"{landing.INCOMING}*"):
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()
    # Where DuckDB spills what does not fit into memory.
    shutil.rmtree(home / f"{WAREHOUSE_FILE}.tmp", ignore_errors=True)


def home_version(home: Path) -> int:
    """Return the version that a home is marked with; homes of the first version have no mark."""
    mark = home / HOME_FILE
    return int(json.loads(mark.read_text(encoding="utf-8"))["version"]) if mark.is_file() else 1


def mark_home(home: Path) -> None:
    """Write the version of this product into a home."""
    aside = home / f".{HOME_FILE}.new"
    aside.write_text(json.dumps({"version": HOME_VERSION}) + "\n", encoding="utf-8")
    aside.replace(home / HOME_FILE)


def log_layout(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Return the columns and types of all tables of `ops`."""
    layout: dict[str, dict[str, str]] = {}
    for table, column, kind in con.execute(
        "select table_name, column_name, data_type from duckdb_columns() "
        "where schema_name = 'ops' and not internal order by table_name, column_index"
    ).fetchall():
        layout.setdefault(table, {})[column] = kind
    return layout


def wanted_layout() -> dict[str, dict[str, str]]:
    """Return the columns and types that this version gives to the tables of `ops`."""
    with duckdb.connect() as con:
        con.execute(delivery_log.DDL)
        con.execute(run_state.DDL)
        return log_layout(con)


def _complete_logs(con: duckdb.DuckDBPyConnection, older: list[str]) -> None:
    """Give the logs the columns they lack: empty is what an older version knew about them.

    A table is made anew and not altered: rows are written by position in places, and an added
    column would stand at the end.
    """
    con.begin()
    for table in older:
        con.execute(f"alter table ops.{table} rename to {table}_before")
    con.execute(delivery_log.DDL)
    con.execute(run_state.DDL)
    for table in older:
        try:
            con.execute(f"insert into ops.{table} by name select * from ops.{table}_before")
        except duckdb.ConstraintException as error:
            con.rollback()
            raise _not_carried_over(table, str(error)) from error
        con.execute(f"drop table ops.{table}_before")
    con.commit()


def _not_carried_over(table: str, why: str) -> HomeVersionError:
    return HomeVersionError(
        f"The home was written by an earlier version of Steelyard, whose ops.{table} {why}: run "
        "`steelyard rebuild`, which builds the warehouse anew from the landed files."
    )
