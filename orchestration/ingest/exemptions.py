"""Rules of which people have decided that rows may fail them: on which deliveries, and by whom.

The guard is told; who decided what is the business of the ledger. What is exempt on a delivery is
part of what its files are judged by, like the contract: where it changes, the landed file is judged
again. So the raw table follows from files and acts alone, in whatever order they came.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterable

WAIVED = "waived"
"""What stands in the place of the severity of a rule that was failed and is exempt."""


@dataclass(frozen=True)
class Exemption:
    """A rule that rows of the deliveries of some days may fail.

    Attributes
    ----------
    rule_id : str
        Of the feed's contract.
    first_day, last_day : date
        Days of delivery, both inclusive.
    said : str
        By which act and until when, in words for logs and pages.
    """

    rule_id: str
    first_day: dt.date
    last_day: dt.date
    said: str


def exempt_on(exemptions: Iterable[Exemption], day: dt.date) -> dict[str, str]:
    """Return the rules that are exempt on a day of delivery, with what is said of each."""
    return {one.rule_id: one.said for one in exemptions if one.first_day <= day <= one.last_day}


def relaxed_hash(contract_hash: str, rules: Collection[str]) -> str:
    """Return the hash of a contract without some of its rules; without exemptions its own.

    Whose act it was is no part of it: when one waiver follows another no row is judged again.
    """
    if not rules:
        return contract_hash
    text = "\n".join([contract_hash, *sorted(rules)])
    return hashlib.sha256(text.encode()).hexdigest()
