"""What the work tool writes on Mondays, and what the peer tool writes as scores come in."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo import text
from orchestration.demo.books import Changes, FeedBook
from orchestration.demo.size import day_of
from orchestration.demo.teamwork import (
    CREW,
    FUNCTION_NAMES,
    FUNCTIONS,
    blocking_team,
    crews,
    cycle_days,
    next_monday,
    work,
)

if TYPE_CHECKING:
    from orchestration.demo.company import Company, Ints

PLAN = "line_bonus"


def teamwork_book(company: Company) -> FeedBook:
    """Return the feeds of hand-offs, outcomes and peer assessments."""
    exports = _Exports(company)
    tasks, outcomes, peers = exports.tasks, exports.outcomes, exports.peers
    feeds = [
        Changes(
            "work_handoffs",
            (next_monday(tasks.started), next_monday(tasks.handed_on)),
            exports.handoffs,
        ),
        Changes("work_outcomes", (next_monday(outcomes.measured),), exports.results),
        Changes("peer_assessments", (peers.day,), exports.assessments),
    ]
    site, function = blocking_team(company)
    plants = company.team_plants
    planted = {
        "blocking_team": f"{company.sites[site].code}-{FUNCTIONS[function]}"
        if plants.blocked_days
        else None,
        "free_riders": sorted(
            f"{exports.cycle(cycle)} {company.line_ids[line]}" for line, cycle in exports.riding
        ),
    }
    return FeedBook(company, list(feeds), {"teamwork": planted})


class _Exports:
    def __init__(self, company: Company) -> None:
        self.company = company
        self.tasks, self.outcomes = work(company)
        self.peers, self.riding = crews(company)
        self._days = cycle_days(company)
        self._sites = [site.code for site in company.sites]
        self._teams = [f"{site}-{function}" for site in self._sites for function in FUNCTIONS]

    def cycle(self, number: int) -> str:
        """Return the name of a cycle: the year in which it is asked."""
        return str(day_of(self._days[number]).year)

    def handoffs(self, rows: Ints, day: int) -> bytes:
        """Write tasks as they stand; one that was not handed on has no day for it."""
        drawn = self.tasks
        before = (drawn.first_before[rows], drawn.second_before[rows])
        first, second = (text.blank(text.whole(one), one == 0) for one in before)
        handed_on = drawn.handed_on[rows]
        return text.delimited(
            {
                "item_id": text.join("W", text.whole(drawn.item[rows], width=5)),
                "task_no": text.whole(drawn.number[rows]),
                "site": text.pick(self._sites, drawn.site[rows]),
                "team_id": text.pick(
                    self._teams, drawn.site[rows] * len(FUNCTIONS) + drawn.function[rows]
                ),
                "function": text.pick(list(FUNCTION_NAMES), drawn.function[rows]),
                "waits_for_task_no": first,
                "also_waits_for_task_no": second,
                "agreed_weight": text.whole(drawn.weight[rows]),
                "planned_days": text.whole(drawn.planned[rows]),
                "started_date": text.days(drawn.started[rows]),
                "handed_on_date": text.blank(text.days(handed_on), handed_on > day),
            }
        )

    def results(self, rows: Ints, _day: int) -> bytes:
        """Write what was measured a month after the last task."""
        drawn = self.outcomes
        return text.delimited(
            {
                "item_id": text.join("W", text.whole(drawn.item[rows], width=5)),
                "site": text.pick(self._sites, drawn.site[rows]),
                "measured_date": text.days(drawn.measured[rows]),
                "saved_hours": text.decimal(drawn.saved[rows], 2),
            }
        )

    def assessments(self, rows: Ints, _day: int) -> bytes:
        """Write scores under tokens that last one cycle."""
        drawn = self.peers
        crew = drawn.line * 10 + drawn.cycle
        cycles = [self.cycle(number) for number in range(len(self._days))]

        def token(member: Ints) -> list[str]:
            kind = np.unique(crew * CREW + member, return_inverse=True)
            names = [f"{zlib.crc32(f'{self.company.seed} {one}'.encode()):08x}" for one in kind[0]]
            return [names[at] for at in kind[1][rows].tolist()]

        return text.delimited(
            {
                "cycle_id": text.pick(cycles, drawn.cycle[rows]),
                "team_id": text.pick(self.company.line_ids, drawn.line[rows]),
                "rater_token": token(drawn.rater),
                "subject_token": token(drawn.subject),
                "plan_id": text.same(PLAN, len(rows)),
                "score": text.whole(drawn.score[rows]),
                "assessed_date": text.days(drawn.day[rows]),
            }
        )
