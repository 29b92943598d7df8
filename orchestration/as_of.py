"""What a past day looked like: as reported then, or as computed now from what was known then.

*As reported* is the snapshot that was published last on or before the day. It is read where it is
still kept; otherwise it is built again in a scratch home, from the files that had landed by then
and the definitions of then, and must have the content hash that was written down when it was
published. *As known* takes the same files and the definitions of today. Neither touches the
company's warehouse, whose as-of never goes back.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orchestration.ingest.delivery_log import create_tables
from orchestration.ingest.run_state import PastRun, published_before, published_by
from orchestration.publication.snapshot import (
    HASH_DIGITS,
    SNAPSHOTS,
    Snapshot,
    SnapshotError,
    read_current,
    read_snapshot,
    verify,
)
from orchestration.rebuild import built_in_scratch
from orchestration.resources.archive import as_archived
from orchestration.resources.home import adopt_home
from orchestration.resources.warehouse import Warehouse
from orchestration.run import RunFailedError

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from orchestration.run import Report
    from orchestration.settings import Settings

View = Literal["reported", "known"]
# Snapshots that were built again, kept like published ones are.
REBUILT = "as_of"


@dataclass(frozen=True)
class PastView:
    """A past day's figures.

    Attributes
    ----------
    snapshot : Snapshot
        Where they are.
    as_of : date
        The as-of of the run that published last by that day.
    view : {"reported", "known"}
        By the definitions of then or of today.
    is_retained : bool
        Whether the published files themselves were still there.
    """

    snapshot: Snapshot
    as_of: dt.date
    view: View
    is_retained: bool


def look_back(settings: Settings, day: dt.date, view: View, *, report: Report) -> PastView:
    """Return the figures of a past day.

    Parameters
    ----------
    settings : Settings
        The company; its landing folder is not read.
    day : date
        The last run that published with an as-of up to this day counts.
    view : {"reported", "known"}
        As it was reported then, or as it is computed today from what was known then.
    report : callable
        Told what is going on, and how many of how many steps are done.

    Raises
    ------
    RunFailedError
        If nothing had been published by then, a landed file is not what was delivered, or what is
        built again is not what was reported.
    """
    warehouse = Warehouse.of(settings)
    if not warehouse.path.is_file():
        raise RunFailedError(f"{settings.company_home} holds no warehouse: nothing was published.")
    with warehouse.connect("look up what was published") as con:
        adopt_home(con, settings.company_home)
        create_tables(con)
        run = published_by(con, day)
    if run is None:
        raise RunFailedError(f"Nothing had been published up to {day}; name a later day.")
    if view == "reported":
        retained = _retained(settings, run)
        if retained is not None:
            return PastView(retained, run.as_of, view, is_retained=True)
    return PastView(_built_again(settings, run, view, report), run.as_of, view, is_retained=False)


def _retained(settings: Settings, run: PastRun) -> Snapshot | None:
    """Return the snapshot of a run if it is kept, here or in what was built again, and whole."""
    if run.content_hash is None:
        return None
    for parent in (settings.published / SNAPSHOTS, settings.company_home / REBUILT):
        for folder in sorted(parent.glob(f"{run.as_of}-{run.content_hash[:HASH_DIGITS]}*")):
            try:
                snapshot = read_snapshot(folder)
            except SnapshotError:
                continue
            if snapshot.content_hash == run.content_hash and not verify(snapshot):
                return snapshot
    return None


def _built_again(settings: Settings, run: PastRun, view: View, report: Report) -> Snapshot:
    definitions = as_archived(settings, run.definition_hash) if view == "reported" else settings
    if definitions is None:
        raise RunFailedError(
            f"The definitions of {run.as_of} were not kept (a version before this one ran then), "
            "so what was reported cannot be built again: look at the present view with --known."
        )
    with built_in_scratch(
        settings,
        as_of=run.as_of,
        current=_published_before(settings, run),
        command="steelyard as-of",
        report=report,
        definitions=definitions,
        run=run,
    ) as (scratch, _):
        built = read_current(scratch.published)
        if view == "reported" and built.content_hash != run.content_hash:
            raise RunFailedError(
                f"What is built again for {run.as_of} has the content hash {built.content_hash}, "
                f"and {run.content_hash or 'none'} was reported: the program has changed since, or "
                "figures stood then on a snapshot that is no longer kept. Build it with the "
                "version of then, or look at the present view with --known."
            )
        return _keep(settings, built, scratch.home)


def _published_before(settings: Settings, run: PastRun) -> Snapshot | None:
    """Return what had been published last before a run, if it is still kept."""
    with Warehouse.of(settings).connect("look up what was published") as con:
        before = published_before(con, run)
    return _retained(settings, before) if before else None


def _keep(settings: Settings, built: Snapshot, scratch_home: Path) -> Snapshot:
    """Keep what was built, and nothing else of the scratch home."""
    kept = settings.company_home / REBUILT / built.folder.name
    kept.parent.mkdir(parents=True, exist_ok=True)
    if not kept.exists():
        built.folder.replace(kept)
    shutil.rmtree(scratch_home)
    return read_snapshot(kept)
