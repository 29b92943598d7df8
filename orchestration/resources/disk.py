"""Tells a full disk from other errors, whoever met it: the system, DuckDB, SQLite or Dagster."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Words of the system (which DuckDB and Python repeat) and of SQLite.
FULL_DISK_WORDS = (
    os.strerror(errno.ENOSPC).lower(),
    os.strerror(errno.EDQUOT).lower(),
    "database or disk is full",
)
# SQLite calls it an input or output error when it cannot lengthen the index of its log; no page of
# any of the databases fits into this.
NOTHING_FREE_BYTES = 1 << 18


def is_full_disk(error: BaseException, home: Path) -> bool:
    """Return whether an error, or what it came from, says that the disk of a home is full."""
    texts = [str(one).lower() for one in _chain(error)]
    if any(words in text for text in texts for words in FULL_DISK_WORDS):
        return True
    return (
        any("disk i/o error" in text for text in texts)
        and shutil.disk_usage(home).free < NOTHING_FREE_BYTES
    )


def full_disk_sentence(home: Path) -> str:
    """Return what to tell a person."""
    return (
        f"The disk that holds {home} is full. Free some space, or move the folder to a larger disk "
        "and set STEELYARD_HOME, then give the same command again. What was published stays as it "
        "is."
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
