"""What becomes of an act that waits for consent: for whoever decides, and for whoever looks."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from orchestration.ledger.definitions import REJECT, WITHDRAW

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestration.ledger.definitions import ActTypes
    from orchestration.ledger.store import Recorded

_SETTLED_BY = {REJECT: "it was rejected by act {}", WITHDRAW: "it was withdrawn by act {}"}


def fates(entries: Iterable[Recorded], types: ActTypes) -> dict[int, str | None]:
    """Return what has become of each pending act, by its number: None while it waits.

    Parameters
    ----------
    entries : iterable of Recorded
        In the order of the ledger. A consent has the subject of its act, so those of one subject
        are enough for the acts on it.
    types : ActTypes
        Says which acts take the place of those that wait on the same subject.
    """
    found: dict[int, str | None] = {}
    waiting: dict[str, list[int]] = defaultdict(list)
    for entry in entries:
        said = entry.payload
        if said is None or said["outcome"] == "refused":
            continue
        open_acts = waiting[said["subject"]]
        for seq, fate in _settled_by(entry.seq, said, open_acts, types):
            found[seq] = fate
            open_acts.remove(seq)
        if said["outcome"] == "pending":
            found[entry.seq] = None
            open_acts.append(entry.seq)
    return found


def _settled_by(
    seq: int, said: Mapping[str, Any], open_acts: Sequence[int], types: ActTypes
) -> list[tuple[int, str]]:
    """Return which acts that wait on a subject an entry on it settles, and how."""
    act = types.find(said["act_type"])
    if said["outcome"] != "recorded" and act is not None and act.replaces_pending:
        return [(one, f"act {seq} took its place") for one in open_acts]
    settled, how = said["completes"], f"it took effect by act {seq}"
    if said["act_type"] in _SETTLED_BY:
        settled, how = said["refers_to"], _SETTLED_BY[said["act_type"]].format(seq)
    return [(settled, how)] if settled in open_acts else []
