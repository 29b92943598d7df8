"""Signed heads of the ledger, in a file outside it.

A chain alone shows neither that its end was cut off nor that it was made anew from some entry on.
So the head is signed (Ed25519, RFC 8032) and written down where whoever changes the ledger does not
reach: one line of canonical JSON per anchor,

    seq, entry_hash, recorded_at   the head
    hashes                         of all entries since the anchor before, the head's last: they
                                   name the first entry that was made anew; none where a key
                                   takes another one's place and nothing else was recorded
    key                            the public key, 32 bytes in hexadecimal
    replaces                       the key before, where another one was put in its place; or null
    previous                       SHA-256 of the line before without its line break, or 64 zeros
    signature                      over all of that, as canonical JSON without `signature`

What an anchor cannot show is the loss of anchors and ledger together up to the same entry, and what
somebody does who holds the private key as well. Therefore put the folder on another machine or on
storage that only grows, and keep the public key, which every line and every export names.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import os
import re
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from orchestration.ingest.landing import sync_folder
from orchestration.ledger.chain import GENESIS, canonical_json, instant_of
from orchestration.ledger.errors import LedgerDamagedError, LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from orchestration.ledger.chain import StoredEntry

ANCHORS_FILE = "anchors.jsonl"
LINE_KEYS = {
    "seq",
    "entry_hash",
    "recorded_at",
    "hashes",
    "key",
    "replaces",
    "previous",
    "signature",
}
HASH = re.compile(r"[0-9a-f]{64}")
BLOCK_BYTES = 1 << 17


@dataclass(frozen=True)
class Anchor:
    """One line of the anchors, whose signature holds.

    Attributes
    ----------
    seq, entry_hash, recorded_at
        The entry that was the head.
    hashes : tuple of str
        The hashes of all entries since the anchor before; the last is `entry_hash`.
    key : str
        The public key, in hexadecimal.
    replaces : str or None
        The key before, where another one took its place.
    previous : str
        The hash of the line before.
    line_hash : str
        The hash of this line.
    """

    seq: int
    entry_hash: str
    recorded_at: str
    hashes: tuple[str, ...]
    key: str
    replaces: str | None
    previous: str
    line_hash: str


class Anchors:
    """The file of the anchors, and the key that signs them.

    Parameters
    ----------
    folder : Path
        Holds `anchors.jsonl`; made with the first anchor.
    key_file : Path
        The private key (PEM, PKCS 8), readable by its owner alone; made with the first anchor. Who
        only verifies needs none.
    """

    def __init__(self, folder: Path, key_file: Path) -> None:
        self.path = folder / ANCHORS_FILE
        self.key_file = key_file

    def newest(self) -> Anchor | None:
        """Return the last anchor, or None if there is none; a line cut off in writing is none.

        Raises
        ------
        LedgerDamagedError
            If the line, its signature or its key is not what it must be. Earlier lines are not
            looked at.
        """
        try:
            with self.path.open("rb") as handle:
                line, _ = _last_line(handle)
        except FileNotFoundError:
            return None
        if line is None:
            return None
        anchor = _checked(line, "the last line")
        self._hold_against_own_key(anchor)
        return anchor

    def read(self) -> Iterator[Anchor]:
        """Yield all anchors, oldest first; raises like `lines`."""
        lines = self.lines()
        return (anchor for anchor, _ in lines)

    def lines(self) -> Iterator[tuple[Anchor, bytes]]:
        """Yield all anchors with their lines, oldest first: those that are there at the call.

        Raises
        ------
        LedgerDamagedError
            At the first line that is not what was signed, that does not follow on the one before,
            or that is signed with a key that nobody put in the other's place.
        """
        if not self.path.is_file():
            return iter(())
        with self.path.open("rb") as handle:
            # Not in the middle of a line that is being added.
            fcntl.flock(handle, fcntl.LOCK_SH)
            return self._lines(os.fstat(handle.fileno()).st_size)

    def _lines(self, end: int) -> Iterator[tuple[Anchor, bytes]]:
        before = None
        with self.path.open("rb") as handle:
            for number in itertools.count(1):
                line = handle.readline(end - handle.tell())
                if not line:
                    break
                where = f"line {number}"
                if not line.endswith(b"\n"):
                    raise LedgerDamagedError(
                        f"{where} of its anchors was cut off in writing; "
                        "`steelyard ledger anchor` writes it again"
                    )
                anchor = _checked(line[:-1], where)
                _hold_against_line_before(anchor, before, where)
                yield anchor, line
                before = anchor
        if before is not None:
            self._hold_against_own_key(before)

    @contextmanager
    def appending(self, *, new_key: bool = False) -> Iterator[AnchorLog]:
        """Be the only one who adds anchors, until the block ends.

        Parameters
        ----------
        new_key : bool
            Sign with the key in the key file, or a new one, in the place of the one before.

        Raises
        ------
        LedgerError
            If there are anchors and not the key that signed them.
        LedgerDamagedError
            If the newest anchor is not what was signed.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b", buffering=0) as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            line, end = _last_line(handle)
            # The rest of a line that was cut off in writing never was an anchor.
            handle.truncate(end)
            newest = None if line is None else _checked(line, "the last line")
            key = self._key(newest, new_key=new_key)
            if newest is None:
                sync_folder(self.path.parent)
            yield AnchorLog(handle, key, newest)

    def _key(self, newest: Anchor | None, *, new_key: bool) -> Ed25519PrivateKey:
        if not self.key_file.is_file():
            if newest is not None and not new_key:
                raise LedgerError(
                    f"{self.key_file} is missing, the key that signs the anchors: put it back from "
                    "where it is kept, or have a new one made with `steelyard ledger anchor "
                    "--new-key`."
                )
            _make_key(self.key_file)
        key = _read_key(self.key_file)
        if newest is not None and newest.key != _public(key) and not new_key:
            raise LedgerDamagedError(self._other_key(newest))
        return key

    def _hold_against_own_key(self, newest: Anchor) -> None:
        if self.key_file.is_file() and _public(_read_key(self.key_file)) != newest.key:
            raise LedgerDamagedError(self._other_key(newest))

    def _other_key(self, newest: Anchor) -> str:
        return (
            f"the anchor of entry {newest.seq} is signed with another key than {self.key_file} "
            "(put that key back, or if it is lost, let this one follow with "
            "`steelyard ledger anchor --new-key`)"
        )


class AnchorLog:
    """Adds anchors behind the newest one; `written` is the last that was added here."""

    def __init__(self, handle: BinaryIO, key: Ed25519PrivateKey, newest: Anchor | None) -> None:
        self._handle = handle
        self._key = key
        self.newest = newest
        self.written: Anchor | None = None

    @property
    def seq(self) -> int:
        """The number of the entry that was anchored last."""
        return self.newest.seq if self.newest else 0

    @property
    def entry_hash(self) -> str:
        """The hash of the entry that was anchored last."""
        return self.newest.entry_hash if self.newest else GENESIS

    def add(self, entries: Sequence[StoredEntry]) -> None:
        """Sign the last of some entries that follow on the newest anchor, and write it down."""
        self._write(entries[-1], [entry.entry_hash for entry in entries])

    def replace_key(self) -> None:
        """Sign the newest anchor's entry again if the key is another one than it was."""
        if self.newest is not None and self.newest.key != _public(self._key):
            self._write(self.newest, [])

    def _write(self, head: StoredEntry | Anchor, hashes: list[str]) -> None:
        before, key = self.newest, _public(self._key)
        statement = {
            "seq": head.seq,
            "entry_hash": head.entry_hash,
            "recorded_at": head.recorded_at,
            "hashes": hashes,
            "key": key,
            "replaces": before.key if before and before.key != key else None,
            "previous": before.line_hash if before else GENESIS,
        }
        signature = self._key.sign(canonical_json(statement)).hex()
        line = canonical_json(statement | {"signature": signature})
        _append(self._handle, line + b"\n")
        self.newest = self.written = _checked(line, "the line just written")


def _append(handle: BinaryIO, line: bytes) -> None:
    """Write a line to the disk as a whole; of one that does not fit, nothing is left."""
    end = handle.seek(0, os.SEEK_END)
    try:
        written = 0
        while written < len(line):
            written += handle.write(line[written:])
        os.fsync(handle.fileno())
    except OSError:
        handle.truncate(end)
        raise


def _last_line(handle: BinaryIO) -> tuple[bytes | None, int]:
    """Return the last complete line without its break, and where it ends in the file."""
    start = handle.seek(0, os.SEEK_END)
    tail = b""
    # One break ends the last line, the other the line before.
    while start and tail.find(b"\n") == tail.rfind(b"\n"):
        step = min(BLOCK_BYTES, start)
        start -= step
        handle.seek(start)
        tail = handle.read(step) + tail
    end = tail.rfind(b"\n")
    if end < 0:
        return None, 0
    return tail[tail.rfind(b"\n", 0, end) + 1 : end], start + end + 1


def _checked(line: bytes, where: str) -> Anchor:
    """Return the anchor that a line holds; every byte of it is either signed or the signature."""
    wrong = LedgerDamagedError(f"{where} of its anchors is not what was signed")
    try:
        said = json.loads(line)
        signed = {name: said[name] for name in LINE_KEYS - {"signature"}}
        if said.keys() != LINE_KEYS or canonical_json(said) != line:
            raise wrong
        _check_form(said)
        signature = bytes.fromhex(said["signature"])
        # Hexadecimal digits have two cases, and one of them was written.
        if signature.hex() != said["signature"]:
            raise wrong
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(said["key"]))
        public.verify(signature, canonical_json(signed))
    except (ValueError, TypeError, KeyError, AttributeError, InvalidSignature) as error:
        raise wrong from error
    return Anchor(
        seq=said["seq"],
        entry_hash=said["entry_hash"],
        recorded_at=said["recorded_at"],
        hashes=tuple(said["hashes"]),
        key=said["key"],
        replaces=said["replaces"],
        previous=said["previous"],
        line_hash=hashlib.sha256(line).hexdigest(),
    )


def _check_form(said: dict[str, Any]) -> None:
    instant_of(said["recorded_at"])
    hashes = [said["entry_hash"], said["previous"], said["key"], *said["hashes"]]
    if not all(HASH.fullmatch(text) for text in hashes) or said["seq"] < len(said["hashes"]):
        raise ValueError("no anchor")
    if said["hashes"][-1:] != [said["entry_hash"]] and (said["hashes"] or not said["replaces"]):
        raise ValueError("its hashes do not end with the head's")


def _hold_against_line_before(anchor: Anchor, before: Anchor | None, where: str) -> None:
    key_before = before.key if before else anchor.key
    replaced = key_before if anchor.key != key_before else None
    seq_before = before.seq if before else 0
    if (
        anchor.previous != (before.line_hash if before else GENESIS)
        or anchor.seq != seq_before + len(anchor.hashes)
        or anchor.replaces != replaced
        or (not anchor.hashes and before is not None and anchor.entry_hash != before.entry_hash)
    ):
        raise LedgerDamagedError(f"{where} of its anchors does not follow on the line before")


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    sync_folder(path.parent)


def _read_key(path: Path) -> Ed25519PrivateKey:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise LedgerError(f"{path} can be read by others: take their rights with `chmod 600`.")
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise LedgerError(
            f"{path} is no private key: put it back from where it is kept."
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise LedgerError(f"{path} is no Ed25519 key: name the one that signs the anchors.")
    return key


def _public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()
