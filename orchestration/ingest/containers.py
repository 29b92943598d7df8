"""The delivered bytes: in flight, hash, sidecar, gzip and zip. Nothing here knows a column."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from orchestration.ingest.verdict import FileRefusedError, Finding

if TYPE_CHECKING:
    from pathlib import Path

IN_FLIGHT_SUFFIXES = (".filepart", ".part", ".tmp")
MAX_UNPACK_RATIO = 100
MAX_UNPACKED_BYTES = 256 * 1024 * 1024
CHUNK_BYTES = 1 << 20
SIDECAR_SUFFIX = ".manifest.json"


@dataclass(frozen=True)
class Delivered:
    """A file as it arrived, and the plain bytes that are in it."""

    plain: Path
    declared_rows: int | None
    findings: tuple[Finding, ...]


def refuse_in_flight(name: str) -> None:
    """Raise unless the name says that the sender has finished writing."""
    if name.startswith(".") or name.lower().endswith(IN_FLIGHT_SUFFIXES):
        raise FileRefusedError(
            "IN_FLIGHT", f"{name} is still being written; it is read when it has its final name."
        )


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_sidecar(path: Path) -> int | None:
    """Check the checksum of a `<file>.manifest.json` and return the rows it declares."""
    sidecar = path.with_name(path.name + SIDECAR_SUFFIX)
    if not sidecar.is_file():
        return None
    try:
        manifest: dict[str, Any] = json.loads(sidecar.read_text(encoding="utf-8-sig"))
        declared = manifest.get("sha256")
        rows = None if manifest.get("rows") is None else int(manifest["rows"])
    except (ValueError, AttributeError, TypeError) as error:
        raise FileRefusedError(
            "CHECKSUM_MISMATCH",
            f"The manifest {sidecar.name} cannot be read, so nothing vouches for the file; ask "
            "the sender for both again.",
        ) from error
    if declared is None:
        return rows
    sha256 = sha256_of(path)
    if str(declared).lower() != sha256:
        raise FileRefusedError(
            "CHECKSUM_MISMATCH",
            f"The manifest promises sha256 {declared}, the file has {sha256}: it changed on the "
            "way; ask for it again.",
        )
    return rows


def unpack(path: Path, folder: Path, *, packed_formats_stay: bool) -> tuple[Path, list[Finding]]:
    """Return the plain bytes of a file, unpacked by magic bytes whatever its name.

    Parameters
    ----------
    path : Path
        The file as it arrived.
    folder : Path
        Where to unpack.
    packed_formats_stay : bool
        The declared format is itself a zip (xlsx): only a zip around such a file is unpacked.

    Raises
    ------
    FileRefusedError
        If the archive is a bomb, names a path outside, or holds other than one member.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    if magic[:2] == b"\x1f\x8b":
        return _gunzip(path, folder / "plain"), [_decompressed("gzip")]
    if magic in {b"PK\x03\x04", b"PK\x05\x06"}:
        if packed_formats_stay and _is_office_document(path):
            return path, []
        return _unzip(path, folder / "plain"), [_decompressed("zip")]
    return path, []


def _decompressed(kind: str) -> Finding:
    return Finding("DECOMPRESSED", None, f"The file came packed as {kind} and was unpacked.")


def _is_office_document(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return "[Content_Types].xml" in archive.namelist()
    except zipfile.BadZipFile:
        return False


def _gunzip(path: Path, target: Path) -> Path:
    try:
        with gzip.open(path) as source:
            _copy_within_limits(source, target, path.stat().st_size)
    except EOFError as error:
        raise FileRefusedError(
            "TRUNCATED", "The gzip stream ends before its end mark; ask for the file again."
        ) from error
    except (zlib.error, gzip.BadGzipFile) as error:
        raise FileRefusedError(
            "NOT_TABULAR", f"The gzip stream is damaged ({error}); ask for the file again."
        ) from error
    return target


def _unzip(path: Path, target: Path) -> Path:
    packed = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _within_limits(sum(member.file_size for member in members), packed)
            for member in members:
                name = member.filename
                if ".." in name or re.match(r"[/\\]|[A-Za-z]:", name):
                    raise FileRefusedError(
                        "UNSAFE_PATH",
                        f"The zip names a member outside its folder ({name!r}); ask for a plain "
                        "file.",
                    )
            if len(members) != 1:
                raise FileRefusedError(
                    "AMBIGUOUS_ARCHIVE",
                    f"The zip holds {len(members)} members instead of one; ask for one file each.",
                )
            with archive.open(members[0]) as source:
                _copy_within_limits(source, target, packed)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise FileRefusedError(
            "AMBIGUOUS_ARCHIVE", f"The zip cannot be opened ({error}); ask for the file again."
        ) from error
    return target


def _copy_within_limits(source: IO[bytes], target: Path, packed: int) -> None:
    """Unpack in pieces: the sizes that an archive declares are not believed."""
    unpacked = 0
    with target.open("wb") as file:
        while chunk := source.read(CHUNK_BYTES):
            unpacked += len(chunk)
            _within_limits(unpacked, packed)
            file.write(chunk)


def _within_limits(unpacked: int, packed: int) -> None:
    if unpacked > packed * MAX_UNPACK_RATIO or unpacked > MAX_UNPACKED_BYTES:
        raise FileRefusedError(
            "ARCHIVE_RATIO",
            f"The archive of {packed:,} bytes unpacks to at least {unpacked:,}: more than "
            f"{MAX_UNPACK_RATIO} times, or than {MAX_UNPACKED_BYTES // 2**20} MB; ask for the "
            "plain file.",
        )
