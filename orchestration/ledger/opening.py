"""The ledger of a company, opened with the anchors that it is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.ledger.anchor import Anchors
from orchestration.ledger.landing import open_if_there
from orchestration.ledger.store import Ledger

if TYPE_CHECKING:
    from orchestration.ledger.anchor import Anchor
    from orchestration.settings import Settings


def open_ledger(settings: Settings) -> Ledger:
    """Return the ledger of a company; it is made if there is none.

    Raises
    ------
    LedgerDamagedError
        If there is none although its anchors tell of entries.
    """
    return Ledger.open(settings.ledger_url, anchors=Anchors(settings.anchors, settings.signing_key))


def sign_head(settings: Settings) -> Anchor | None:
    """Sign the head of a company's ledger, as every run does; None if there is nothing new.

    Raises
    ------
    LedgerError
        If there is no key to sign with.
    LedgerDamagedError
        If the ledger is not what its anchors say, or is gone although they tell of entries.
    """
    anchors = Anchors(settings.anchors, settings.signing_key)
    if open_if_there(settings.ledger_url) is None and anchors.newest() is None:
        return None
    return open_ledger(settings).anchor()
