"""The definitions that a run used, kept as they were: registers, contracts and models by hash.

A figure of last year is rebuilt by the definitions of last year. One copy is kept per definition
hash (2 MB of text); it has the layout of a checkout, so whatever reads a checkout reads it.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestration.ingest.landing import INCOMING

if TYPE_CHECKING:
    from pathlib import Path

    from orchestration.settings import Settings

ARCHIVE = "checkouts"
DECLARED = ("seeds", "expectations", "dbt_project")
# Where the folder of a company lies in the archive that does not lie in the checkout.
COMPANY = "company"
# Made by dbt and Python or for a linter: no run reads it.
_MADE = shutil.ignore_patterns("target", "logs", "__pycache__", ".*", "*.pyc")


def archive_definitions(settings: Settings, definition_hash: str) -> Path:
    """Keep the definitions of a run, unless they are kept already.

    Returns
    -------
    Path
        The folder that holds them.
    """
    kept = settings.company_home / ARCHIVE / definition_hash
    if kept.is_dir():
        return kept
    aside = settings.company_home / f"{INCOMING}{definition_hash}"
    shutil.rmtree(aside, ignore_errors=True)
    for name in DECLARED:
        shutil.copytree(settings.root / name, aside / name, ignore=_MADE)
    if not settings.company.folder.is_relative_to(settings.root):
        shutil.copytree(settings.company.folder, aside / COMPANY, ignore=_MADE)
    kept.parent.mkdir(parents=True, exist_ok=True)
    aside.replace(kept)
    return kept


def as_archived(settings: Settings, definition_hash: str) -> Settings | None:
    """Return settings that read the definitions of this hash, None if they were not kept."""
    kept = settings.company_home / ARCHIVE / definition_hash
    if not kept.is_dir():
        return None
    own = kept / COMPANY
    name = str(own) if own.is_dir() else settings.company_name
    return replace(settings, root=kept, company_name=name)
