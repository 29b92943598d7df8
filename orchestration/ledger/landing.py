"""What the ledger recorded since the last run, as files that land like those of any other system.

A run writes them at its beginning, below the company's home, dated with its own as-of: the guard,
the log and a rebuild treat them as they treat every delivery, and a rebuild as of that day sees
what the run saw. What was written is read from the names of the files, so nothing can part from it:

    acts/2026-10-04/acts_000000018-000000031.jsonl    entries 18 to 31
    acts/2026-10-04/erased_000000002.jsonl            all erased entries, after the second erasure

An erased entry lands again, without its content, and takes the place of what landed before. So
deliveries come in the order of days: a run over older days leaves what is new to a later one.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import make_url

from orchestration.ingest.landing import INCOMING, sync_folder
from orchestration.ledger.chain import canonical_json, instant_text
from orchestration.ledger.store import Ledger, LedgerDamagedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestration.ledger.store import Recorded

FOLDER = "acts"
ERASED = "erased"


@dataclass(frozen=True)
class Exported:
    """What one export wrote: number of entries, of erased ones, and the files."""

    entries: int = 0
    erased: int = 0
    files: tuple[Path, ...] = ()


def waiting(url: str, home: Path) -> str | None:
    """Return a mark of what the ledger holds that no run has landed yet; None if there is nothing.

    The same mark means the same entries and erasures: whoever asked for a run need not ask again.

    Raises
    ------
    LedgerDamagedError
        If entries have landed that the ledger lacks.
    """
    ledger = open_if_there(url)
    if ledger is None:
        return None
    last, erasures, _ = _landed(home)
    head, erased = _head_after(ledger, last), len(ledger.erasures())
    return f"{head}-{erased}" if head > last or erased > erasures else None


def export_acts(url: str, home: Path, *, as_of: dt.date) -> Exported:
    """Write what the ledger recorded since the last export, as a delivery of the as-of.

    Whoever calls holds the lock of the company's warehouse, so two runs never export at once.

    Parameters
    ----------
    url : str
        The ledger; without one nothing is written.
    home : Path
        The company's home.
    as_of : datetime.date
        Day of the delivery: the as-of of the run. Before the day of an earlier one nothing is
        written.

    Raises
    ------
    LedgerDamagedError
        If an entry is not what was recorded, or entries have landed that the ledger lacks.
    """
    ledger = open_if_there(url)
    if ledger is None:
        return Exported()
    last, erasures, day = _landed(home)
    head = _head_after(ledger, last)
    if as_of < day:
        return Exported()
    erased = ledger.erasures()
    folder = home / FOLDER / as_of.isoformat()
    files = []
    if head > last:
        entries = ledger.entries(after_seq=last, up_to_seq=head)
        files.append(_write(folder / f"{FOLDER}_{last + 1:09d}-{head:09d}.jsonl", entries))
    if len(erased) > erasures:
        entries = (entry for seq in erased if (entry := ledger.entry(seq)) is not None)
        files.append(_write(folder / f"{ERASED}_{len(erased):09d}.jsonl", entries))
    return Exported(head - last, max(len(erased) - erasures, 0), tuple(files))


def last_day(home: Path) -> dt.date:
    """Return the day of the newest delivery of acts; without any, one before all days."""
    return _landed(home)[2]


def line(entry: Recorded) -> dict[str, Any]:
    """Return one entry as the feed's contract names its parts."""
    # What was erased leaves its number, its time and the word.
    said = entry.payload or {"outcome": ERASED}
    right = said.get("right") or {}
    fields = said.get("fields")
    return {
        "act_seq": entry.seq,
        "recorded_ts": instant_text(entry.recorded_at),
        "act_type": said.get("act_type"),
        "definition_hash": said.get("definition"),
        "actor_id": said.get("actor"),
        "right_name": right.get("right"),
        "right_role": right.get("role"),
        "right_org_unit": right.get("org_unit_id"),
        "subject": said.get("subject"),
        "refers_to": said.get("refers_to"),
        "valid_from": said.get("valid_from"),
        "valid_to": said.get("valid_to"),
        "outcome": said["outcome"],
        "refusal": said.get("refusal"),
        "completes": said.get("completes"),
        "fields": None if fields is None else canonical_json(fields).decode(),
    }


def open_if_there(url: str) -> Ledger | None:
    """Return the ledger at a URL, or None where nobody has decided anything yet."""
    address = make_url(url)
    if address.drivername == "sqlite" and not Path(address.database or "").is_file():
        return None
    return Ledger.open(url)


def _landed(home: Path) -> tuple[int, int, dt.date]:
    """Return the last entry and the number of erasures that were written, and the newest day."""
    paths = list((home / FOLDER).glob("*/*.jsonl"))
    names = [path.stem for path in paths]
    entries = [int(name.rpartition("-")[2]) for name in names if name.startswith(f"{FOLDER}_")]
    erasures = [int(name.rpartition("_")[2]) for name in names if name.startswith(f"{ERASED}_")]
    days = [dt.date.fromisoformat(path.parent.name) for path in paths]
    return max(entries, default=0), max(erasures, default=0), max(days, default=dt.date.min)


def _head_after(ledger: Ledger, last: int) -> int:
    head = ledger.head().seq
    if head < last:
        raise LedgerDamagedError(f"it ends with entry {head}, and entry {last} has landed already")
    return head


def _write(path: Path, entries: Iterable[Recorded]) -> Path:
    """Write a file that is there as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f"{INCOMING}*"):
        left.unlink()
    aside = path.with_name(f"{INCOMING}{secrets.token_hex(8)}")
    # It holds what people said about people: nobody but its owner reads it.
    with os.fdopen(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        for entry in entries:
            file.write(json.dumps(line(entry), ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
        sync_folder(folder)
    return path
