"""The ledger of a company, opened with the anchors that it is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.ledger.anchor import Anchors
from orchestration.ledger.store import Ledger

if TYPE_CHECKING:
    from orchestration.settings import Settings


def open_ledger(settings: Settings) -> Ledger:
    """Return the ledger of a company; it is made if there is none.

    Raises
    ------
    LedgerDamagedError
        If there is none although its anchors tell of entries.
    """
    return Ledger.open(settings.ledger_url, anchors=Anchors(settings.anchors, settings.signing_key))
