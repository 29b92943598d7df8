"""The warehouse of a company: one DuckDB file, one user at a time.

DuckDB lets one process write and shuts out every other, readers included, and says so with a
stack trace. So the CLI, the daemon and dbt take one lock file first: who waits is told who
holds it, and since when. Between uses the file is closed, because dbt opens its own, or kept
open by a run, which says when dbt's turn comes.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import duckdb

from orchestration.ingest.sql import quote_identifier, quote_literal, quote_relation

if TYPE_CHECKING:
    import pandas as pd

    from orchestration.settings import Settings

try:
    import fcntl
except ImportError as error:  # pragma: no cover - Windows
    raise ImportError(
        "Steelyard guards its warehouse with POSIX file locks; on Windows, run it inside WSL."
    ) from error

POLL_SECONDS = 0.1
DEFAULT_WAIT_SECONDS = 600.0
# The catalog name is the file's stem and dbt bakes it into its manifest: one stem for all homes.
WAREHOUSE_FILE = "warehouse.duckdb"
LOCK_SUFFIX = ".lock"


class WarehouseBusyError(RuntimeError):
    """Another process holds the warehouse, and the patience of the caller is spent."""


class _Gate:
    """One per lock file in this process: threads queue on it, one thread may enter again."""

    def __init__(self) -> None:
        self.turn = threading.RLock()
        self.depth = 0


_GATES: dict[Path, _Gate] = {}
_GATES_GUARD = threading.Lock()


@contextmanager
def exclusive_lock(
    path: Path, *, command: str | None = None, wait_seconds: float = DEFAULT_WAIT_SECONDS
) -> Iterator[None]:
    """Hold the lock file at ``path``; entering again in the same thread costs nothing.

    The operating system drops the lock when its holder dies, so a lock file left behind by a
    crash blocks nobody. What the file says is for the reader of the error message alone.

    Parameters
    ----------
    path : Path
        The lock file; made if missing, never deleted.
    command : str, optional
        What the holder is doing, for those who wait. Default: this process's command line.
    wait_seconds : float
        How long to wait for another holder before giving up.

    Raises
    ------
    WarehouseBusyError
        If the lock was not free in time; the message names process, command and time.
    """
    key = path.resolve()
    with _GATES_GUARD:
        gate = _GATES.setdefault(key, _Gate())
    deadline = time.monotonic() + wait_seconds
    if not gate.turn.acquire(timeout=wait_seconds):
        raise WarehouseBusyError(_busy_message(path, wait_seconds))
    try:
        if gate.depth:
            gate.depth += 1
            try:
                yield
            finally:
                gate.depth -= 1
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+", encoding="utf-8") as handle:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise WarehouseBusyError(_busy_message(path, wait_seconds)) from None
                    time.sleep(POLL_SECONDS)
            _sign(handle, command)
            gate.depth = 1
            try:
                yield
            finally:
                gate.depth = 0
    finally:
        gate.turn.release()


def _sign(handle: TextIO, command: str | None) -> None:
    handle.seek(0)
    handle.truncate()
    json.dump(
        {
            "pid": os.getpid(),
            "command": command or " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        },
        handle,
    )
    handle.flush()


def _busy_message(path: Path, waited: float) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        who = f"process {holder['pid']} ({holder['command']}) since {holder['since']}"
    except (OSError, ValueError, KeyError):
        who = "another process that has not signed the lock file"
    return (
        f"The warehouse is in use by {who}; waited {waited:g} s. "
        f"Let it finish or stop it, then try again. Lock file: {path}"
    )


class Warehouse:
    """The DuckDB file of one company home, opened for each use under its lock.

    Parameters
    ----------
    home : Path
        The company's home; the file is ``<home>/warehouse.duckdb``.
    memory_limit : str
        What DuckDB may use before it spills to disk.
    threads : int, optional
        Default: all cores.
    wait_seconds : float
        How long a use waits for another process.
    """

    def __init__(
        self,
        home: Path,
        *,
        memory_limit: str = "4GB",
        threads: int | None = None,
        wait_seconds: float = DEFAULT_WAIT_SECONDS,
    ) -> None:
        self.home = home
        self.path = home / WAREHOUSE_FILE
        self.wait_seconds = wait_seconds
        self._is_kept = False
        self._kept: duckdb.DuckDBPyConnection | None = None
        self._settings: dict[str, str | int] = {"memory_limit": memory_limit}
        if threads is not None:
            self._settings["threads"] = threads

    @classmethod
    def of(cls, settings: "Settings", *, wait_seconds: float = DEFAULT_WAIT_SECONDS) -> "Warehouse":
        """Return the warehouse of a company, with its limits."""
        return cls(
            settings.company_home,
            memory_limit=settings.memory_limit,
            threads=settings.threads,
            wait_seconds=wait_seconds,
        )

    @contextmanager
    def lock(self, command: str | None = None) -> Iterator[None]:
        """Hold the warehouse for several uses, or for a tool that opens the file itself (dbt)."""
        with exclusive_lock(
            self.path.with_name(self.path.name + LOCK_SUFFIX),
            command=command,
            wait_seconds=self.wait_seconds,
        ):
            yield

    @contextmanager
    def connect(self, command: str | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file under the lock, and close it again unless it is kept open."""
        with self.lock(command), self._use() as con:
            # Not among the settings: its extension is only loaded once the file is open.
            con.execute("set TimeZone = 'UTC'")
            yield con

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Keep the file open from the next use on, for a run of many short uses.

        Opening and closing took 30 ms of a core and two waits for the disk at each of the sixty
        uses of a run; a use of the open file takes less than one.
        """
        self._is_kept = True
        try:
            yield
        finally:
            self._is_kept = False
            self.release()

    def release(self) -> None:
        """Close the file that is kept open, before somebody else opens it in this process."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _use(self) -> duckdb.DuckDBPyConnection:
        if self._kept is not None:
            return self._kept.cursor()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        con = duckdb.connect(str(self.path), config=self._settings)
        if not self._is_kept:
            return con
        self._kept = con
        return con.cursor()

    def read(self, table: str, *, where: str = "true") -> "pd.DataFrame":
        """Return rows of ``schema.table``; a date is its midnight, whole numbers are nullable.

        By way of Arrow, where text stays text: as Python objects 600,000 readings took 1.4 CPU s
        and not 0.6.
        """
        import pandas as pd  # noqa: PLC0415 (1.2 s of imports)
        import pyarrow as pa  # noqa: PLC0415

        with self.connect() as con:
            rows = con.sql(f"select * from {quote_relation(table)} where {where}").to_arrow_table()
        midnight = [
            field.with_type(pa.timestamp("us")) if pa.types.is_date(field.type) else field
            for field in rows.schema
        ]
        return rows.cast(pa.schema(midnight)).to_pandas(
            types_mapper={pa.int64(): pd.Int64Dtype()}.get
        )

    def replace(
        self, table: str, frame: "pd.DataFrame", *, kept: str | None = None, comment: str = ""
    ) -> None:
        """Make ``schema.table`` hold the rows of ``frame`` and nothing else, in one transaction.

        Parameters
        ----------
        table : str
            ``schema.table``.
        frame : DataFrame
            The rows.
        kept : str, optional
            SQL of further rows, ``select ... union all by name``; it may read the table itself.
        comment : str
            What the table says of itself.
        """
        with self.connect() as con:
            con.register("_incoming", frame)
            con.begin()
            if "." in table:
                schema = table.split(".", maxsplit=1)[0]
                con.execute(f"create schema if not exists {quote_identifier(schema)}")
            name = quote_relation(table)
            con.execute(f"create or replace table {name} as {kept or ''} select * from _incoming")
            if comment:
                con.execute(f"comment on table {name} is {quote_literal(comment)}")
            con.commit()
