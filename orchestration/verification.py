"""Look whether every byte that a home keeps for others is still what it was.

A disk damages files without a word, and a changed bit in a CSV or Parquet file is a wrong figure
and not an error. What was landed is held against the delivery log and its own name, what was
published against its manifest, what was declared against its name. DuckDB checks the blocks of the
warehouse itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration.ingest.delivery_log import create_tables
from orchestration.ingest.landing import LANDED, sha256_of, sidecar_of, stored_path
from orchestration.publication.snapshot import (
    CURRENT,
    HASH_DIGITS,
    MANIFEST,
    SNAPSHOTS,
    SnapshotError,
    read_snapshot,
    verify,
)
from orchestration.publication.standing import snapshots_to_keep
from orchestration.registry.archive import FOLDER, damaged_definitions
from orchestration.resources.warehouse import Warehouse

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from orchestration.settings import Settings

FROM_A_BACKUP = "copy it from a backup, or have the same file delivered again"
FOLDER_FROM_A_BACKUP = "copy its folder from a backup, published figures stand on it"
PUBLISH = "run `steelyard publish`"
REMOVE = "remove the folder, it is an earlier snapshot"


@dataclass(frozen=True)
class Damage:
    """A file that is missing or not what it was, and what to do about it."""

    path: Path
    sentence: str


@dataclass(frozen=True)
class Verified:
    """How many files of a home were looked at, and which of them are damaged."""

    files: int
    damages: tuple[Damage, ...]


def verify_home(settings: Settings) -> Verified:
    """Hold the landed files against the log, and the published ones against their manifests.

    Raises
    ------
    WarehouseBusyError
        If a run holds the warehouse: it lands and publishes files before it logs them.
    """
    warehouse = Warehouse.of(settings, wait_seconds=0)
    if not warehouse.path.is_file():
        return Verified(0, ())
    with warehouse.connect("steelyard verify") as con:
        create_tables(con)
        landed = verify_landed(con, settings.company_home)
        published = _verify_published(settings.published, snapshots_to_keep(con))
    archived = _verify_definitions(settings.company_home)
    parts = (landed, published, archived)
    return Verified(
        sum(part.files for part in parts),
        tuple(damage for part in parts for damage in part.damages),
    )


def verify_landed(con: duckdb.DuckDBPyConnection, home: Path) -> Verified:
    """Hold the landed files and the manifests beside them against the delivery log.

    The log of the first version knew no manifests: there the files alone can be checked.

    Parameters
    ----------
    con : DuckDBPyConnection
        The warehouse, under its lock.
    home : Path
        Holds the landed files.
    """
    columns = {row[0] for row in con.execute("describe ops.delivery_log").fetchall()}
    noted = "coalesce(manifest_sha256, '')" if "manifest_sha256" in columns else "null"
    logged = con.execute(
        f"select sha256, min(relative_path), list(distinct {noted}) "
        "from ops.delivery_log where relative_path not like 'select:%' group by sha256"
    ).fetchall()
    places = {sha256: place for sha256, place, _ in logged}
    stored = {path.name for path in (home / LANDED).glob("??/*") if path.name.isalnum()}
    names = stored | places.keys()
    damages = []
    for name in sorted(names):
        path = stored_path(home, name)
        if not path.is_file() or sha256_of(path) != name:
            damages.append(_damage(path, places.get(name, "a run that did not end"), FROM_A_BACKUP))
    files = len(names)
    for name, place, manifests in logged:
        path = sidecar_of(stored_path(home, name))
        files += path.is_file()
        is_noted = None not in manifests
        if is_noted and (sha256_of(path) if path.is_file() else "") not in manifests:
            damages.append(_damage(path, f"the manifest of {place}", FROM_A_BACKUP))
    return Verified(files, tuple(damages))


def _verify_definitions(home: Path) -> Verified:
    damaged = damaged_definitions(home)
    return Verified(
        sum(1 for _ in (home / FOLDER).glob("*.*")),
        tuple(_damage(path, "an archived definition", "copy it from a backup") for path in damaged),
    )


def _verify_published(folder: Path, needed: set[str]) -> Verified:
    """Hold published files against their manifests; figures stand on the needed snapshots."""
    kept = {content_hash[:HASH_DIGITS] for content_hash in needed}
    snapshots = sorted((folder / SNAPSHOTS).glob("????-??-??-*"))
    current = (folder / CURRENT).resolve()
    files = 0
    damages = []
    if snapshots and current not in snapshots:
        damages.append(_damage(folder / CURRENT, "the link to what is published", PUBLISH))
    for snapshot in snapshots:
        earlier = FOLDER_FROM_A_BACKUP if snapshot.name.split("-")[3] in kept else REMOVE
        cure = PUBLISH if snapshot == current else earlier
        files += sum(1 for _ in snapshot.iterdir())
        try:
            wrong = verify(read_snapshot(snapshot))
        except SnapshotError:
            wrong = [MANIFEST]
        damages += [_damage(snapshot / name, "published", cure) for name in wrong]
    return Verified(files, tuple(damages))


def _damage(path: Path, what: str, cure: str) -> Damage:
    return Damage(path, f"{path} ({what}) is missing or not what it was: {cure}.")
