"""A company before and after one more day, and how the homes of two runs are compared."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copytree

import duckdb
import pytest

from orchestration.demo import TINY, generate
from orchestration.publication.snapshot import read_current, verify
from orchestration.settings import Settings

ROOT = Path(__file__).parents[2]
NEXT_DAY = "2026-10-05"
# What a second attempt may change: who ran it, and when.
OF_THE_RUN = "run_id, attempt_id, recorded_at_utc"
LOGS = (
    *("delivery_log", "quarantine", "findings", "expectation_results", "expectation_failures"),
    *("feed_state", "withheld", "touched"),
)
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Contents:
    """All that a run leaves for others, as hashes: what is published, kept and noted."""

    published: str
    tables: dict[str, str]
    files: frozenset[str]


def settings_of(home: Path) -> Settings:
    return Settings.from_environment({"STEELYARD_HOME": str(home)})


def contents(home: Path) -> Contents:
    settings = settings_of(home)
    snapshot = read_current(settings.published)
    assert verify(snapshot) == []
    with duckdb.connect(str(settings.company_home / "warehouse.duckdb")) as con:
        raw = con.execute(
            "select schema_name || '.' || table_name from duckdb_tables() "
            "where schema_name in ('raw', 'restricted')"
        ).fetchall()
        tables = {
            table: con.execute(
                f"select count(*) || ' ' || coalesce(sha256(string_agg(row, '' order by row)), '') "
                f"from (select md5(t::varchar) as row from "
                f"(select * exclude ({_of_the_run(con, table)}) from {table}) as t)"
            ).fetchall()[0][0]
            for table in [*(name for (name,) in raw), *(f"ops.{name}" for name in LOGS)]
        }
    # Stored under the hash of their content, so that names say what is there.
    files = frozenset(
        str(path.relative_to(settings.company_home))
        for store in ("landing", "lake", "lake_blocked", "restricted")
        for path in (settings.company_home / store).rglob("*")
        if path.is_file()
    )
    return Contents(snapshot.content_hash, tables, files)


def _of_the_run(con: duckdb.DuckDBPyConnection, table: str) -> str:
    columns = {row[0] for row in con.execute(f"describe {table}").fetchall()}
    own = [name for name in OF_THE_RUN.split(", ") if name in columns]
    # `exclude ()` is no SQL; a raw table has none of them, and always this one.
    return ", ".join(own) or "_source_system"


def leftovers(home: Path) -> list[str]:
    """Return what only a run that did not end leaves: temporary files, unread logs, held locks."""
    company = settings_of(home).company_home
    left = [
        str(path.relative_to(home))
        for path in company.rglob("*")
        if (path.name.startswith(".") and path != company)
        or path.suffix in {".wal", ".tmp", ".part", ".new"}
        or path.name.endswith(("-wal", "-shm", "-journal"))
    ]
    locked = subprocess.run(
        ["flock", "--nonblock", str(company / "warehouse.duckdb.lock"), "true"], check=False
    )
    return left + ["the lock of the warehouse"] * locked.returncode


class DailyRun:
    """`steelyard run` over one more day, as a process of its own in a session of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-c", "from orchestration.cli import main; main()"),
                *("run", "--as-of", NEXT_DAY),
            ],
            env=os.environ | {"STEELYARD_HOME": str(home), "STEELYARD_COMPANY": "demo"},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.cpu_seconds = 0.0

    def finish(self) -> tuple[int, str]:
        output, _ = self.process.communicate()
        return self.process.returncode, output

    def watch(self, until_cpu_seconds: float = float("inf")) -> bool:
        """Wait until it has used so much processor time; return whether it is still there.

        A share of the work done and not of the time gone by: on a busy machine, where a run takes
        three times as long, it is the same place.
        """
        stat = Path(f"/proc/{self.process.pid}/stat")
        while self.process.poll() is None:
            fields = stat.read_text().rpartition(")")[2].split()
            self.cpu_seconds = (int(fields[11]) + int(fields[12])) / CLOCK_TICKS
            if self.cpu_seconds >= until_cpu_seconds:
                return True
            time.sleep(0.005)
        return False

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


@pytest.fixture(scope="session")
def before(tiny_home, tmp_path_factory) -> Path:
    """The company as it stands when a further day has been delivered and not been loaded."""
    home = tmp_path_factory.mktemp("before") / "home"
    copytree(tiny_home, home, symlinks=True)
    longer = tmp_path_factory.mktemp("longer") / "inbox"
    generate(longer, size=replace(TINY, daily_deliveries=TINY.daily_deliveries + 1))
    further = [path for path in longer.glob("*/*/*") if path.name == NEXT_DAY]
    assert further
    for folder in further:
        copytree(folder, home / "demo" / "inbox" / folder.relative_to(longer))
    return home


@dataclass(frozen=True)
class Undisturbed:
    """What the run over the further day does when nothing happens to it."""

    contents: Contents
    cpu_seconds: float
    grown_bytes: int


@pytest.fixture(scope="session")
def undisturbed(before, tmp_path_factory) -> Undisturbed:
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    copytree(before, home, symlinks=True)
    old = contents(home)
    size = stored_bytes(home)
    run = DailyRun(home)
    assert not run.watch()
    code, output = run.finish()
    assert code == 0, output
    assert leftovers(home) == []
    new = contents(home)
    assert new.published != old.published
    assert new.tables["ops.delivery_log"] != old.tables["ops.delivery_log"]
    return Undisturbed(new, run.cpu_seconds, stored_bytes(home) - size)


def stored_bytes(home: Path) -> int:
    return sum(path.lstat().st_blocks * 512 for path in home.rglob("*"))
