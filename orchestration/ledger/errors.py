"""Why the ledger refuses, and what to do then."""

from __future__ import annotations

RESTORE = (
    "Nothing is written to it: move the company's home aside, put the last good backup back with "
    "`steelyard restore FOLDER`, and look at it with `steelyard ledger verify`."
)


class LedgerError(RuntimeError):
    """The ledger cannot do what it was asked; the message says why and what to do."""


class LedgerBusyError(LedgerError):
    """Others held the ledger for longer than the patience of this writer."""


class LedgerDamagedError(LedgerError):
    """The ledger is not what was written; nothing is appended to it any more."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The ledger is damaged: {what}. {RESTORE}")
        self.what = what
