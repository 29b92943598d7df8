"""Records of an MTConnect log in SHDR, the pipe-delimited lines that machine adapters send.

A line is a time and what was observed then: `time|item|value`, more items and values behind them
(`time|Xabs|1.5|Zabs|2`), or one condition with its four details
(`time|logic_cond|Fault|763|||START PROCESS ILLEGAL`). Each observation becomes one record. Whether
an item is up, down or a number is not known here: that is the profile's SELECT.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.ingest.text import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestration.ingest.text import TextLines

UNAVAILABLE = "UNAVAILABLE"
_LEVELS = frozenset({"normal", "warning", "fault", "unavailable"})
_CONDITION_FIELDS = 6
_NOTHING = ["", "", "", ""]


def records(lines: TextLines) -> Iterator[Record]:
    """Yield one record per observation: number, time, item, value and the details of a condition.

    The number is its place in the file: of two observations at one instant the later one holds.

    `Unavailable` in any case becomes UNAVAILABLE, as MTConnect writes what is not known. A line
    of another shape, such as one that breaks off, becomes a record of too few fields, which is
    then set aside. Lines for the adapter itself (`* PING`) and blank lines are no records.
    """
    number = 0
    for line, ended in lines.records():
        if not line.strip() or line.startswith("*"):
            continue
        time, *rest = line.split("|")
        for fields in _observations(rest):
            number += 1
            yield Record([str(number), time, *fields], line, ended)


def _observations(fields: list[str]) -> list[list[str]]:
    """Split what follows the time into item, value and details.

    A condition is told from three pairs by its level, and one that is unavailable by an item
    without a name: `avail|UNAVAILABLE|power|UNAVAILABLE|mode|UNAVAILABLE` are three pairs.
    """
    is_condition = (
        len(fields) == _CONDITION_FIELDS
        and fields[1].strip().lower() in _LEVELS
        and (fields[1].strip().lower() != "unavailable" or not (fields[2] and fields[4]))
    )
    if is_condition:
        return [[fields[0], _known(fields[1]), *fields[2:]]]
    if not fields or len(fields) % 2:
        return [fields[:1]]
    pairs = zip(fields[::2], fields[1::2], strict=True)
    return [[item, _known(value), *_NOTHING] for item, value in pairs]


def _known(value: str) -> str:
    return UNAVAILABLE if value.strip().upper() == UNAVAILABLE else value
