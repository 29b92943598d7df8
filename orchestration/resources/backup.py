"""Back a company's home up, and put it back: the same bytes, or a refusal.

A copy of a DuckDB file in use is torn, so a backup takes the warehouse's lock and does not wait
for it. Dagster's daemon notes its ticks at any time, and people decide at any time; SQLite itself
copies what it has open. The anchors of the ledger are copied before it: what is signed meanwhile is
in neither or in the ledger alone, so a backup never looks cut off. The key that signs them is not
in a backup: who holds ledger, anchors and key can write all three anew.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.ingest.landing import sha256_of, sync_folder
from orchestration.resources.home import HOME_VERSION, home_version
from orchestration.resources.warehouse import LOCK_SUFFIX, WAREHOUSE_FILE, Warehouse

if TYPE_CHECKING:
    from collections.abc import Callable

BACKUP_FILE = "backup.json"
FILES = "files"
# dbt's parsed project is made again in seconds, and signs of life and half-made files mean
# nothing later.
LEFT_OUT = ("dbt", "dagster/workers", "rebuild", "keys")
# Where the anchors stand in a backup, wherever they lie.
ANCHORS = "anchors"
LEDGER_EXPORT = "ledger/export"
TEMPORARY = (".incoming-", ".building-")
# Parts of an open SQLite database; its copy is whole without them.
SQLITE = (".db", ".sqlite")
SQLITE_PARTS = tuple(f"{suffix}-{part}" for suffix in SQLITE for part in ("wal", "shm", "journal"))


class BackupError(RuntimeError):
    """A backup was not taken or not put back; the message says why and what to do."""


@dataclass(frozen=True)
class Backup:
    """What a backup holds."""

    folder: Path
    company: str
    version: int
    files: int
    bytes: int


def back_up(
    home: Path,
    destination: Path,
    *,
    company: str,
    anchors: Path | None = None,
    signing_key: Path | None = None,
    export_ledger: Callable[[Path], object] | None = None,
) -> Backup:
    """Copy a company's home into a new folder, with a manifest of sha256 sums.

    Parameters
    ----------
    home : Path
        The company's home.
    destination : Path
        A folder that does not exist yet; it appears when it is complete.
    company : str
        Whose home it is.
    anchors : Path, optional
        The folder of the ledger's anchors, if it does not lie in the home.
    signing_key : Path, optional
        The key that signs them, which is left out, if it is not the home's own.
    export_ledger : callable, optional
        Writes the ledger into a new folder, where it is not a file of the home.

    Raises
    ------
    BackupError
        If there is nothing to back up, or the destination exists.
    WarehouseBusyError
        If a run holds the warehouse.
    """
    warehouse = Warehouse(home, wait_seconds=0)
    if not warehouse.path.is_file():
        raise BackupError(f"{home} holds no warehouse: nothing has been loaded yet.")
    if destination.exists():
        raise BackupError(f"{destination} exists already: name a folder that does not.")
    if destination.resolve().is_relative_to(home.resolve()):
        raise BackupError(f"{destination} lies in the home itself: name a folder elsewhere.")
    aside = destination.with_name(f".{destination.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    anchors = anchors or home / ANCHORS
    signing_key = signing_key or home / "keys" / "ledger.pem"
    with warehouse.lock("steelyard backup"):
        files, links = {}, {}
        for path in sorted(anchors.glob("*")):
            name = f"{ANCHORS}/{path.name}"
            files[name] = _copy_while_nobody_appends(path, aside / FILES / name)
        for path in sorted(_to_keep(home)):
            relative = path.relative_to(home).as_posix()
            if relative in files or path == signing_key:
                continue
            if path.is_symlink():
                links[relative] = str(path.readlink())
            else:
                copy = _copy_database if relative.startswith(("dagster/", "ledger/")) else _copy
                files[relative] = copy(path, aside / FILES / relative)
        if export_ledger is not None:
            exported = aside / FILES / LEDGER_EXPORT
            exported.parent.mkdir(exist_ok=True)
            export_ledger(exported)
            for path in sorted(exported.iterdir()):
                files[f"{LEDGER_EXPORT}/{path.name}"] = _synced_hash(path)
        version = home_version(home)
    manifest = {
        "company": company,
        "version": version,
        "taken_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "files": files,
        "links": links,
    }
    with (aside / BACKUP_FILE).open("w", encoding="utf-8") as handle:
        json.dump(manifest, handle, indent=1)
        handle.flush()
        os.fsync(handle.fileno())
    aside.rename(destination)
    sync_folder(destination.parent)
    return _described(destination, manifest)


def restore(source: Path, home: Path, *, company: str, anchors: Path | None = None) -> Backup:
    """Put a backup back as the home of its company.

    The key that signs the ledger's anchors comes from where it is kept, not from a backup.

    Parameters
    ----------
    source : Path
        What `back_up` wrote.
    home : Path
        Where the home goes; nothing may be there yet.
    company : str
        Whose home it becomes.
    anchors : Path, optional
        The folder of the ledger's anchors, if it does not lie in the home. Anchors that are there
        stay: they know what was recorded since the backup.

    Raises
    ------
    BackupError
        If the backup is damaged, another company's or a later version's, or a home is there.
    """
    manifest = _read_manifest(source)
    if manifest["company"] != company:
        raise BackupError(f"{source} is a backup of {manifest['company']}, not of {company}.")
    if manifest["version"] > HOME_VERSION:
        raise BackupError(f"{source} was taken by a later version of Steelyard: use that one.")
    if home.exists() and any(path.is_file() for path in home.rglob("*")):
        raise BackupError(f"{home} is not empty: move it aside first, it will not be overwritten.")
    aside = home.with_name(f".{home.name}.restoring")
    shutil.rmtree(aside, ignore_errors=True)
    damaged = [
        name
        for name, digest in manifest["files"].items()
        if not (source / FILES / name).is_file()
        or _copy(source / FILES / name, aside / name) != digest
    ]
    if damaged:
        shutil.rmtree(aside)
        raise BackupError(
            f"{len(damaged)} of {len(manifest['files'])} files of {source} are missing or not what "
            f"they were, the first {damaged[0]}: use another backup."
        )
    for name, target in manifest["links"].items():
        (aside / name).parent.mkdir(parents=True, exist_ok=True)
        (aside / name).symlink_to(target)
    if anchors is not None and not anchors.resolve().is_relative_to(home.resolve()):
        _put_anchors_elsewhere(aside / ANCHORS, anchors)
    shutil.rmtree(home, ignore_errors=True)
    aside.rename(home)
    sync_folder(home.parent)
    return _described(source, manifest)


def _put_anchors_elsewhere(restored: Path, anchors: Path) -> None:
    if restored.is_dir() and not (anchors.is_dir() and any(anchors.iterdir())):
        shutil.copytree(restored, anchors, dirs_exist_ok=True)
    shutil.rmtree(restored, ignore_errors=True)


def _to_keep(home: Path) -> list[Path]:
    kept = []
    for folder, folders, names in os.walk(home):
        here = Path(folder)
        folders[:] = [
            name
            for name in folders
            if (here / name).relative_to(home).as_posix() not in LEFT_OUT
            and not name.startswith(TEMPORARY)
        ]
        links = [name for name in folders if (here / name).is_symlink()]
        kept += [here / name for name in [*names, *links] if not name.startswith(TEMPORARY)]
    return [
        path
        for path in kept
        if path != home / (WAREHOUSE_FILE + LOCK_SUFFIX) and not path.name.endswith(SQLITE_PARTS)
    ]


def _copy(path: Path, target: Path) -> str:
    """Copy a file to the disk and return the hash of what was written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, target)
    return _synced_hash(target)


def _copy_while_nobody_appends(path: Path, target: Path) -> str:
    with path.open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
        return _copy(path, target)


def _copy_database(path: Path, target: Path) -> str:
    """Copy a file; a SQLite database as it stands, with its write-ahead log in it."""
    if path.suffix not in SQLITE:
        return _copy(path, target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as original, closing(sqlite3.connect(target)) as copy:
        original.backup(copy)
    shutil.copymode(path, target)
    return _synced_hash(target)


def _synced_hash(path: Path) -> str:
    with path.open("rb+") as handle:
        os.fsync(handle.fileno())
    return sha256_of(path)


def _read_manifest(source: Path) -> dict[str, Any]:
    try:
        return json.loads((source / BACKUP_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BackupError(f"{source} is no complete backup: {error}") from error


def _described(folder: Path, manifest: dict[str, Any]) -> Backup:
    return Backup(
        folder=folder,
        company=manifest["company"],
        version=manifest["version"],
        files=len(manifest["files"]),
        bytes=sum((folder / FILES / name).stat().st_size for name in manifest["files"]),
    )
