"""Build a company's warehouse anew from what is never changed: landed bytes and the delivery log.

For when the marts are lost or in doubt, and for a home whose logs this version cannot read on. The
new warehouse is built beside the old one, and takes its place once it has been published.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.ingest.landing import sidecar_of, stored_path
from orchestration.publication.snapshot import (
    CURRENT,
    SNAPSHOTS,
    Snapshot,
    SnapshotError,
    read_current,
)
from orchestration.registry.archive import FOLDER
from orchestration.resources.archive import ARCHIVE
from orchestration.resources.home import mark_home
from orchestration.resources.warehouse import Warehouse
from orchestration.run import NothingToDoError, RunFailedError, publish_again, run_company
from orchestration.verification import verify_landed

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from orchestration.ingest.run_state import PastRun
    from orchestration.run import Report
    from orchestration.settings import Settings

SCRATCH = "rebuild"
REPLACED = "replaced"


@dataclass(frozen=True)
class Rebuilt:
    """What came of a rebuild.

    Attributes
    ----------
    files : int
        Delivered files that were loaded again.
    as_of : date
        The as-of of the new warehouse: that of the old one.
    content_hash, previous_hash : str
        Of what is published now, and of what was before; None if nothing was.
    replaced : Path
        Where the old warehouse is kept: its log holds the original load times.
    """

    files: int
    as_of: dt.date
    content_hash: str
    previous_hash: str | None
    replaced: Path


def rebuild(settings: Settings, *, report: Report) -> Rebuilt:
    """Load every delivered file again into a new warehouse, and publish from it.

    Parameters
    ----------
    settings : Settings
        The company; its landing folder is not read.
    report : callable
        Told what is going on, and how many of how many steps are done.

    Raises
    ------
    RunFailedError
        If a landed file is missing or not what was delivered, or a step failed; the old warehouse
        stays in its place then.
    WarehouseBusyError
        If a run holds the warehouse.
    """
    home = settings.company_home
    as_of, before = _last_as_of(settings), read_published(settings)
    with built_in_scratch(
        settings, as_of=as_of, current=before, command="steelyard rebuild", report=report
    ) as (scratch, files):
        replaced = _take_place(home, scratch.company_home)
        shutil.rmtree(scratch.home)
        snapshot = publish_again(settings)
    return Rebuilt(
        files=files,
        as_of=as_of,
        content_hash=snapshot.content_hash,
        previous_hash=before.content_hash if before else None,
        replaced=replaced,
    )


@contextmanager
def built_in_scratch(
    settings: Settings,
    *,
    as_of: dt.date,
    current: Snapshot | None,
    command: str,
    report: Report,
    definitions: Settings | None = None,
    run: PastRun | None = None,
) -> Iterator[tuple[Settings, int]]:
    """Build a warehouse anew from landed files in a home of its own, under the company's lock.

    Parameters
    ----------
    settings : Settings
        The company; its landing folder is not read, its ledger neither: what has landed of it is.
    as_of : date
        The as-of of the new warehouse.
    current : Snapshot or None
        What had been published last before: figures that stand are found from there.
    command : str
        Who holds the lock, for others to read.
    report : callable
        Told what is going on.
    definitions : Settings, optional
        Whose registers, contracts and models are used; default: those of `settings`.
    run : PastRun, optional
        Only files that were known when this run was published; default: all.

    Yields
    ------
    (Settings, int)
        The scratch home, published once, and how many files were loaded. Whoever is given it
        takes what is of use and removes it; a scratch home that was left goes with the next one.

    Raises
    ------
    RunFailedError
        If a landed file is missing or not what was delivered, or a step failed.
    WarehouseBusyError
        If a run holds the warehouse.
    """
    home = settings.company_home
    scratch_home = home / SCRATCH
    # What the ledger has recorded since is the next run's; what has landed is loaded again.
    scratch = replace(
        definitions or settings,
        home=scratch_home,
        landing_folder=scratch_home / "inbox",
        dagster_storage=None,
        ledger_storage=None,
        anchors_folder=None,
    )
    warehouse = Warehouse.of(settings, wait_seconds=0)
    with warehouse.lock(command):
        shutil.rmtree(scratch_home, ignore_errors=True)
        with warehouse.connect() as con:
            versions = delivered_files(con, scratch, run=run)
            damages = verify_landed(con, home).damages
        if damages:
            raise RunFailedError(f"{damages[0].sentence} Then try again.")
        scratch.landing.mkdir(parents=True)
        lend_snapshots(settings.published, scratch.published, current)
        # A place whose file was replaced later is loaded in as many rounds as it had files.
        for number in range(max(map(len, versions.values()))):
            lay_files(home, versions, number)
            # A version that came after the as-of, or brought nothing new, is no run.
            with suppress(NothingToDoError):
                run_company(scratch, as_of=as_of, report=report)
        yield scratch, sum(map(len, versions.values()))


def delivered_files(
    con: duckdb.DuckDBPyConnection, scratch: Settings, *, run: PastRun | None = None
) -> dict[Path, list[str]]:
    """Return, for each place in a scratch home, the hashes of its files, oldest first.

    Parameters
    ----------
    con : DuckDBPyConnection
        The warehouse whose log is read.
    scratch : Settings
        Where the files are to lie.
    run : PastRun, optional
        Only files that were known when this run was published; default: all.
    """
    rows = con.execute(
        "select log.feed, log.relative_path, log.sha256 from ops.delivery_log as log "
        "where log.relative_path not like 'select:%' "
        "and (?::timestamp is null or log.recorded_at_utc <= ?) "
        "group by all order by log.relative_path, min(log.recorded_at_utc), log.sha256, log.feed",
        [run.published_at_utc if run else None] * 2,
    ).fetchall()
    if not rows:
        raise RunFailedError("The delivery log names no file to load.")
    versions: dict[Path, list[str]] = {}
    for feed, place, sha256 in rows:
        hashes = versions.setdefault(scratch.folder_of(feed) / place, [])
        # A file of several feeds is one file.
        if sha256 not in hashes:
            hashes.append(sha256)
    return versions


def _last_as_of(settings: Settings) -> dt.date:
    warehouse = Warehouse.of(settings, wait_seconds=0)
    if not warehouse.path.is_file():
        raise RunFailedError(
            f"{settings.company_home} holds no warehouse, and so no log to build a new one from."
        )
    with warehouse.connect() as con:
        as_of: dt.date | None = con.execute(
            "select max(as_of_date) from ops.run_history"
        ).fetchall()[0][0]
    if as_of is None:
        raise RunFailedError("The log names no run, and so no day to build a warehouse for.")
    return as_of


def lay_files(home: Path, versions: dict[Path, list[str]], number: int) -> None:
    """Lay the landed files where a scratch home looks for them."""
    for target, hashes in versions.items():
        landed = stored_path(home, hashes[min(number, len(hashes) - 1)])
        target.parent.mkdir(parents=True, exist_ok=True)
        for source, link in ((landed, target), (sidecar_of(landed), sidecar_of(target))):
            link.unlink(missing_ok=True)
            if source.is_file():
                link.symlink_to(source)


def lend_snapshots(published: Path, scratch: Path, current: Snapshot | None) -> None:
    """Let a scratch home see the snapshots: figures of locked periods stand on them.

    The same files under a second name: nothing is copied, and nothing of a snapshot changes.
    """
    if not (published / SNAPSHOTS).is_dir():
        return
    shutil.copytree(published / SNAPSHOTS, scratch / SNAPSHOTS, copy_function=os.link)
    if current is not None:
        (scratch / CURRENT).symlink_to(Path(SNAPSHOTS) / current.folder.name)


def read_published(settings: Settings) -> Snapshot | None:
    """Return what is published now, None if nothing that could be read is."""
    try:
        return read_current(settings.published)
    except SnapshotError:
        return None


def _take_place(home: Path, scratch: Path) -> Path:
    """Put the new warehouse in the place of the old one, which is kept."""
    replaced = home / REPLACED / f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H%M%SZ}"
    replaced.mkdir(parents=True)
    path = Warehouse(home).path
    # Reading the log has emptied the old write-ahead log into the file.
    os.link(path, replaced / path.name)
    # The lake's files have the hash of their content as name: what is there already is the same.
    for folder in ("lake", FOLDER, ARCHIVE):
        shutil.copytree(scratch / folder, home / folder, dirs_exist_ok=True)
    Warehouse(scratch).path.replace(path)
    mark_home(home)
    return replaced
