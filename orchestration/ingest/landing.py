"""Find what was delivered and store it byte for byte, before anyone reads it.

A landing folder belongs to whoever fills it: files there may grow, change or vanish. What was
judged must stay, so a delivered file is copied under its own hash first, and everything later
speaks of the copy. What a file means is the guard's business, not this module's.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from orchestration.contracts.load import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestration.contracts.model import Company, Form

# How a delivery date is written in a folder or file name: as a pattern of names and as one of text.
DATE_PLACES = {
    "{delivery_date}": ("-".join(("[0-9]" * 4, "[0-9]" * 2, "[0-9]" * 2)), r"\d{4}-\d{2}-\d{2}"),
    "{delivery_date:YYYYMMDD}": ("[0-9]" * 8, r"\d{8}"),
}
IN_FLIGHT_SUFFIXES = frozenset({".part", ".tmp", ".filepart"})
SIDECAR_SUFFIX = ".manifest.json"
CHUNK_BYTES = 1 << 20
LANDED = "landing"
# How the name of a file begins that is still being written, at the top of the store it is for; a
# killed run leaves some behind.
INCOMING = ".incoming-"
# The end of the day, not its morning: a production day of Chicago ends at 13:00 UTC of the day on
# which it is delivered, and its last rows are not in the future. No clock is read.
ARRIVAL_TIME_UTC = dt.time(23, 59, 59)


@dataclass(frozen=True)
class DeliveredFile:
    """One file in a landing folder and what the profile says of it.

    Attributes
    ----------
    path : Path
        Where it lies; it may change or vanish at any time.
    relative_path : str
        The same below the landing folder, with slashes.
    delivery_date : datetime.date
        From the folder or file name; without one, the as-of of the run.
    form : Form
        The form that its profile declares, with the contract it is judged by.
    source : str or None
        The source table it belongs to, where its feed is made by a SELECT.
    """

    path: Path
    relative_path: str
    delivery_date: dt.date
    form: Form
    source: str | None = None

    @property
    def name(self) -> str:
        """The file's name as it was delivered."""
        return PurePosixPath(self.relative_path).name

    @property
    def order(self) -> tuple[dt.date, str]:
        """Which of two deliveries is the later one: by delivery date, then by name."""
        return self.delivery_date, self.relative_path


@dataclass(frozen=True)
class LandedFile:
    """A delivered file's own bytes under their hash."""

    sha256: str
    bytes: int
    path: Path


def find_files(
    company: Company, feed: str, landing: Path, *, as_of: dt.date
) -> list[DeliveredFile]:
    """Return the complete files of a feed in a landing folder, oldest delivery first.

    Files still being written (`.part`, `.tmp`, `.filepart`, a leading dot) and the manifests
    beside data files are left out.

    Parameters
    ----------
    company : Company
        Names the feed's forms; a feed it does not deliver has no files.
    feed : str
        Name of the canonical feed.
    landing : Path
        The folder that the patterns of the profile start from.
    as_of : datetime.date
        Delivery date of files whose pattern names none.
    """
    declared = company.feeds.get(feed)
    if declared is None:
        return []
    wanted: list[tuple[str | None, Form]] = [(None, form) for form in declared.forms]
    for source in declared.sources.values():
        wanted += [(source.name, form) for form in source.forms]
    found: dict[tuple[str | None, str], DeliveredFile] = {}
    for source_name, form in wanted:
        for path, relative, day in _matches(landing, form.files):
            # The first form that names a file wins, as a profile reads from top to bottom.
            found.setdefault(
                (source_name, relative),
                DeliveredFile(path, relative, day or as_of, form, source_name),
            )
    return sorted(found.values(), key=lambda file: (*file.order, file.source or ""))


def form_of(company: Company, feed: str, path: Path) -> Form:
    """Return the form that a file of a feed has, wherever the file lies.

    A feed's only form is the form of all its files. Of several it is the first whose pattern the
    path ends like, else the first whose pattern the name is like.

    Raises
    ------
    ContractError
        If the company does not deliver the feed, or none of its forms is like the file.
    """
    declared = company.feeds.get(feed)
    if declared is None:
        raise ContractError(
            f"{company.name} delivers no {feed}; name one of {', '.join(sorted(company.feeds))}."
        )
    forms = (
        *declared.forms,
        *(one for source in declared.sources.values() for one in source.forms),
    )
    if len(forms) == 1:
        return forms[0]
    place = path.resolve().as_posix()
    for form in forms:
        if re.fullmatch(f".*/{_named(form.files).pattern}", place):
            return form
    for form in forms:
        if _named(form.files.rpartition("/")[2]).fullmatch(path.name):
            return form
    raise ContractError(
        f"{path.name} has no form of {feed} of {company.name}; its files are named "
        f"{', '.join(form.files for form in forms)}."
    )


def _matches(landing: Path, pattern: str) -> Iterator[tuple[Path, str, dt.date | None]]:
    place = next((one for one in DATE_PLACES if one in pattern), "")
    named = _named(pattern)
    for path in landing.glob(pattern.replace(place, DATE_PLACES[place][0]) if place else pattern):
        relative = path.relative_to(landing).as_posix()
        if not path.is_file() or is_in_flight(relative) or relative.endswith(SIDECAR_SUFFIX):
            continue
        match = named.fullmatch(relative)
        if match is None:
            continue
        if not place:
            yield path, relative, None
            continue
        try:
            day = dt.date.fromisoformat(match["date"])
        except ValueError:  # 2026-02-30 is a folder name, not a day
            continue
        yield path, relative, day


def _named(pattern: str) -> re.Pattern[str]:
    place = next((one for one in DATE_PLACES if one in pattern), "")
    before, _, after = pattern.partition(place) if place else (pattern, "", "")
    date = f"(?P<date>{DATE_PLACES[place][1]})" if place else ""
    return re.compile(_glob_regex(before) + date + _glob_regex(after))


def _glob_regex(pattern: str) -> str:
    regex = re.escape(pattern).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
    return regex.replace(r"\?", "[^/]").replace(r"\[", "[").replace(r"\]", "]")


def is_in_flight(relative_path: str) -> bool:
    """Return whether a file is still being written, by the customs of file transfer."""
    parts = PurePosixPath(relative_path).parts
    return (
        any(part.startswith(".") for part in parts)
        or PurePosixPath(relative_path).suffix in IN_FLIGHT_SUFFIXES
    )


def sidecar_of(path: Path) -> Path:
    """Return where the manifest of a data file lies, if it has one."""
    return path.with_name(path.name + SIDECAR_SUFFIX)


def arrival(file: DeliveredFile) -> dt.datetime:
    """Return the instant (UTC, naive) at which a file counts as received.

    Not the clock: a rebuild next year must judge the same file the same way, and "too late" and
    "in the future" depend on this instant. So it is what the manifest beside the file declares
    as `delivered_at`, else the end of the delivery date, UTC.
    """
    try:
        declared = json.loads(sidecar_of(file.path).read_text(encoding="utf-8"))["delivered_at"]
        instant = dt.datetime.fromisoformat(declared)
    except (OSError, ValueError, KeyError, TypeError):
        # No manifest or one that declares no arrival; whether it is sound is the guard's verdict.
        return dt.datetime.combine(file.delivery_date, ARRIVAL_TIME_UTC)
    if instant.tzinfo is not None:
        instant = instant.astimezone(dt.UTC).replace(tzinfo=None)
    return instant


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes (1.8 GB/s measured, so nothing is cached)."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def store(path: Path, home: Path) -> LandedFile:
    """Copy a file to `<home>/landing/<ab>/<sha256>`, hashing what is written.

    The copy is complete on disk before it gets its name, and nothing is ever linked: a link would
    change with the original. A file that is there already keeps its bytes if they still have
    their hash; if the disk has damaged them, what was just delivered takes their place. The
    manifest beside the file goes with it, for the guard looks for it beside the bytes that it
    judges; the same bytes may come with another manifest, or none, another time.
    """
    landed = _copy(path, home)
    beside = sidecar_of(landed.path)
    try:
        _copy_text(sidecar_of(path), beside, home / LANDED)
    except FileNotFoundError:
        beside.unlink(missing_ok=True)
    return landed


def _copy_text(path: Path, target: Path, folder: Path) -> None:
    temporary = folder / f"{INCOMING}{target.name}"
    temporary.write_bytes(path.read_bytes())
    temporary.replace(target)


def _copy(path: Path, home: Path) -> LandedFile:
    folder = home / LANDED
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    size = 0
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=INCOMING)
    try:
        with os.fdopen(handle, "wb") as copy, path.open("rb") as original:
            while chunk := original.read(CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
        name = digest.hexdigest()
        target = stored_path(home, name)
        if not target.exists() or sha256_of(target) != name:
            target.parent.mkdir(exist_ok=True)
            Path(temporary).replace(target)
            sync_folder(target.parent)
        return LandedFile(name, size, target)
    finally:
        Path(temporary).unlink(missing_ok=True)


def manifest_sha256(path: Path) -> str | None:
    """Return the hash of the manifest beside a file, or None: with another one it is news."""
    try:
        return sha256_of(sidecar_of(path))
    except FileNotFoundError:
        return None


def stored_path(home: Path, sha256: str) -> Path:
    """Return where the bytes with this hash are kept."""
    return home / LANDED / sha256[:2] / sha256


def sync_folder(folder: Path) -> None:
    """Make a new name in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def landing_content_hash(files: Iterable[DeliveredFile]) -> str:
    """Return one hash of names and bytes: equal means there is nothing new to load.

    A sensor uses it as run key, so that the same files never start a second run.
    """
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda one: (one.relative_path, one.source or "")):
        manifest = manifest_sha256(file.path) or ""
        digest.update(f"{file.relative_path}\n{sha256_of(file.path)}\n{manifest}\n".encode())
    return digest.hexdigest()
