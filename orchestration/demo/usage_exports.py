"""The reporting tool's log and the service desk's audit trail, as these tools write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from orchestration.demo import text
from orchestration.demo.books import Changes, FeedBook
from orchestration.demo.usage import (
    ACTIONS,
    CATEGORIES,
    CLIENTS,
    DAY_S,
    OBJECTS,
    PRIORITIES,
    STATES,
    Adoption,
)

if TYPE_CHECKING:
    from orchestration.demo.company import Ints

from orchestration.demo.size import day_of

MINUTES = "{2}-{1}-{0}"


def usage_book(drawn: Adoption) -> FeedBook:
    """Return the feeds of usage and tickets."""
    exports = _Exports(drawn)
    feeds = [
        Changes("bi_usage_log", (drawn.usage.at // DAY_S,), exports.usage),
        Changes("support_tickets", (drawn.tickets.updated // DAY_S,), exports.tickets),
    ]
    company, people = drawn.company, drawn.people
    planted = {
        "live_from": {
            site.code: str(day_of(day)) for site, day in zip(company.sites, drawn.live, strict=True)
        },
        "ticket_reopened_share": {
            people.employee_id(int(person)): float(share)
            for person, share in zip(drawn.assignees, drawn.reopened_shares(), strict=True)
        },
    }
    return FeedBook(company, list(feeds), {"adoption": planted})


class _Exports:
    def __init__(self, drawn: Adoption) -> None:
        self.drawn = drawn
        people = drawn.people
        self._person = pa.array([people.employee_id(n) for n in range(people.count)])

    def usage(self, rows: Ints, _day: int) -> bytes:
        """Write events with instants of UTC."""
        drawn = self.drawn.usage
        seconds = drawn.seconds[rows]
        return text.json_lines(
            {
                "event_id": text.join("BI", text.whole(rows + 1, width=8)),
                "user_id": text.pick(self._person, drawn.user[rows]),
                "event_ts": text.instants(drawn.at[rows], np.zeros(len(rows), np.int64)),
                "action": text.pick(list(ACTIONS), drawn.action[rows]),
                "object_id": text.pick(list(OBJECTS), drawn.thing[rows]),
                "session_id": text.join("S", text.whole(drawn.session[rows], width=6)),
                "duration_s": text.blank(text.whole(np.maximum(seconds, 0)), seconds < 0),
                "client": text.pick(list(CLIENTS), drawn.client[rows]),
            },
            bare=("duration_s",),
        )

    def tickets(self, rows: Ints, _day: int) -> bytes:
        """Write updates; ? is nothing."""
        drawn = self.drawn.tickets
        agents = [self.drawn.people.employee_id(int(n)) for n in self.drawn.assignees]
        columns = {
            "number": text.join("INC", text.whole(drawn.number[rows], width=7)),
            "incident_state": text.pick(list(STATES), drawn.state[rows]),
            "reassignment_count": text.whole(drawn.reassigned[rows]),
            "reopen_count": text.whole(drawn.reopened[rows]),
            "sys_mod_count": text.whole(drawn.update[rows]),
            "made_sla": text.pick(["false", "true"], drawn.in_time[rows]),
            "opened_at": _minutes(drawn.opened[rows]),
            "sys_updated_at": _minutes(drawn.updated[rows]),
            "resolved_at": _minutes(drawn.resolved[rows]),
            "closed_at": _minutes(drawn.closed[rows]),
            "category": text.pick(list(CATEGORIES), drawn.category[rows]),
            "priority": text.pick(list(PRIORITIES), drawn.priority[rows]),
            "assigned_to": text.pick(agents, drawn.assignee[rows]),
        }
        return text.delimited({name: _asked(column) for name, column in columns.items()})


def _minutes(seconds: Ints) -> pa.Array:
    """Return instants as dd-mm-yyyy hh:mm of UTC; -1 gives null."""
    known = np.maximum(seconds, 0)
    minute = known % DAY_S // 60
    clock = text.join(text.whole(minute // 60, width=2), ":", text.whole(minute % 60, width=2))
    day = text.days(np.where(seconds < 0, 10_957, known // DAY_S), pattern=MINUTES)
    return text.blank(text.join(day, " ", clock), seconds < 0)


def _asked(column: pa.Array) -> pa.Array:
    return column.fill_null("?")
