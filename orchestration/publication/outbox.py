"""Notices of acts, as lines of files that a mailer of the company picks up; nothing is sent here.

Every notice is written once: a file per run that has news, below the company's home,

    outbox/2026-10-31_000001.jsonl

and what was written is read from these files, so nothing can part from them. They stay where they
are, as the ledger's own deliveries do; whoever sends them keeps track of the last file.
"""

from __future__ import annotations

import json
import os
import secrets
from typing import TYPE_CHECKING, Any, Final

from orchestration.ingest.landing import INCOMING, sync_folder

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping
    from pathlib import Path

FOLDER: Final = "outbox"
FIELDS: Final = (
    *("act_seq", "person_id", "act_type", "act_title", "subject_key", "kpi_id"),
    *("told_since_utc", "needs_acknowledgement"),
)


def write_notices(
    rows: Iterable[Mapping[str, Any]], home: Path, *, as_of: dt.date
) -> tuple[Path | None, int]:
    """Write the notices that no earlier run has written.

    Parameters
    ----------
    rows : iterable of mapping
        Rows of `governance.fct_notices`. A notice that was acknowledged before it was written, as
        in a home whose outbox begins later than its acts, is not written any more.
    home : Path
        The company's home.
    as_of : datetime.date
        Of the run.

    Returns
    -------
    (Path or None, int)
        The file, if there was news, and how many notices it holds. Whoever calls holds the lock of
        the company's warehouse, so two runs never write at once.
    """
    folder = home / FOLDER
    files = sorted(folder.glob("*.jsonl"))
    done = {
        (line["act_seq"], line["person_id"])
        for file in files
        for line in map(json.loads, file.read_text(encoding="utf-8").splitlines())
    }
    news = [
        row
        for row in rows
        if (row["act_seq"], row["person_id"]) not in done and row["acknowledged_at_utc"] is None
    ]
    if not news:
        return None, 0
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{as_of.isoformat()}_{len(files) + 1:06d}.jsonl"
    # Whole or not at all: a killed run leaves a file that no reader takes for an outbox.
    unfinished = folder / f"{INCOMING}{secrets.token_hex(4)}"
    with unfinished.open("w", encoding="utf-8") as file:
        for row in sorted(news, key=lambda one: (one["act_seq"], one["person_id"])):
            said = {name: row[name] for name in FIELDS}
            file.write(json.dumps(said, default=str, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    sync_folder(folder)
    return path, len(news)
