"""What each KPI's figures once rested on, kept for good under its hash.

A home does not know which commit a run saw, and a published figure must be explained years later.
So each run keeps in its home what the figures of every KPI rested on. The name of a file says what
is in it, so writing twice is writing once, and a damaged file is found when it is read. All that a
run read is kept by `resources.archive`.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.registry.logic import Logic, definition_bytes, text_hash

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER = "definitions"


class ArchiveError(RuntimeError):
    """An archived definition is missing or not what it was; the message says what to do."""


def archive(home: Path, logics: Iterable[Logic]) -> None:
    """Keep the KPIs' logic of a run; what is there already is left alone.

    Parameters
    ----------
    home : Path
        The company's home.
    logics : iterable of Logic
        Of all KPIs.
    """
    folder = home / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for logic in logics:
        for name, text in logic.texts.items():
            _keep(folder / f"{name}.sql", text.encode())
        _keep(folder / f"{logic.hash}.json", definition_bytes(logic.definition))


def archived_logic(home: Path, logic_hash: str) -> Logic:
    """Return what a KPI's figures once rested on.

    Raises
    ------
    ArchiveError
        If a run of this home never used it, or a file is not what was archived.
    """
    definition = json.loads(_read(home / FOLDER / f"{logic_hash}.json"))
    texts = {name: _read(home / FOLDER / f"{name}.sql") for name in definition["sql"].values()}
    return Logic(definition["kpi"]["id"], logic_hash, definition, texts)


def damaged_definitions(home: Path) -> list[Path]:
    """Return the archived files that are not what their name says."""
    return [
        path
        for path in sorted((home / FOLDER).glob("*.*"))
        if path.suffix in {".json", ".sql"} and not _is_sound(path, path.read_bytes())
    ]


def _keep(path: Path, content: bytes) -> None:
    if path.is_file():
        return
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".incoming-", delete=False) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)


def _read(path: Path) -> str:
    if not path.is_file():
        raise ArchiveError(
            f"No run of this home has used the definition {path.stem[:16]}: its archive "
            f"{path.parent} does not hold it. Name a hash that `steelyard kpi diff` shows."
        )
    content = path.read_bytes()
    if not _is_sound(path, content):
        raise ArchiveError(f"{path} is not what was archived: copy it from a backup.")
    return content.decode()


def _is_sound(path: Path, content: bytes) -> bool:
    if path.suffix == ".json":
        return hashlib.sha256(content).hexdigest() == path.stem
    try:
        return text_hash(content.decode()) == path.stem
    except UnicodeDecodeError:
        return False
