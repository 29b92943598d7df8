"""Work that goes through several teams, what came of it, and what crews say of their members.

Planted: one team hands everything on late, functions that bring more than others, and crews in
which one member rides on the work of the rest. `company.TeamPlants` switches each off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo.size import DAYS_PER_WEEK, random, table, weekday

if TYPE_CHECKING:
    from orchestration.demo.company import Company, Ints

FUNCTIONS = ("ENG", "QUA", "MNT", "PUR")
FUNCTION_NAMES = ("engineering", "quality", "maintenance", "purchasing")
ITEMS_PER_SITE_MONTH = 1.5
PLANNED_DAYS = (3, 10)
ACTUAL_SD, WAIT_DAYS = 1.5, 0.7
"""How far a task ends from its plan, and how long what is ready lies before anybody begins."""
MEASURED_AFTER = 30
BASE_HOURS, HOURS_SD = 4.0, 2.0
HOURS_OF_FUNCTION = (10.0, 4.0, 8.0, 2.0)
"""Hours a month that a piece of work saves, and what each function adds to them."""

CREW = 6
CREW_YEARS = 3
SCORE, SCORE_SD, MEMBER_SD, RATER_SD = 3.8, 0.6, 0.3, 0.4


@dataclass(frozen=True)
class Tasks:
    """One row per task of a piece of work; days as day numbers, task numbers from 1 (0: none)."""

    item: Ints
    number: Ints
    site: Ints
    function: Ints
    first_before: Ints
    second_before: Ints
    weight: Ints
    planned: Ints
    started: Ints
    handed_on: Ints


@dataclass(frozen=True)
class Outcomes:
    """One row per piece of work: when it was measured, and hundredths of hours saved a month."""

    item: Ints
    site: Ints
    measured: Ints
    saved: Ints


@dataclass(frozen=True)
class Peers:
    """One row per crew, year, member who scores and member who is scored."""

    line: Ints
    cycle: Ints
    rater: Ints
    subject: Ints
    score: Ints
    day: Ints


def blocking_team(company: Company) -> tuple[int, int]:
    """Return site and function of the team that blocks."""
    return min(1, company.size.plants - 1), FUNCTIONS.index("PUR")


def work(company: Company) -> tuple[Tasks, Outcomes]:
    """Draw pieces of work with their tasks, over the whole history, and what came of them."""
    plants = company.team_plants
    size, rng = company.size, random(company.seed, "handoffs")
    # A stream of its own: without the plant all else is as it was.
    blocks = random(company.seed, "blocked")
    blocker = blocking_team(company)
    months = max(1, round((size.last_day - size.first_day) / 30.4))
    tasks: list[tuple[int, ...]] = []
    outcomes: list[tuple[int, ...]] = []
    item = 0
    for site in range(size.plants):
        for begun in sorted(
            rng.integers(
                size.first_day, size.last_day, rng.poisson(ITEMS_PER_SITE_MONTH * months)
            ).tolist()
        ):
            item += 1
            functions = rng.permutation(len(FUNCTIONS))[: rng.integers(1, len(FUNCTIONS) + 1)]
            ends: list[int] = []
            for number, function in enumerate([*functions.tolist(), int(functions[0])], start=1):
                is_last = number == len(functions) + 1
                first = 0 if number == 1 else number - 1
                second = 0
                if number > 2:  # noqa: PLR2004 - the third task is the first that may skip one
                    if is_last:
                        second = number - 2
                    elif rng.random() < 0.5:  # noqa: PLR2004 - beside the one before
                        first = number - 2
                ready = max((ends[n - 1] for n in (first, second) if n), default=begun)
                planned = int(rng.integers(*PLANNED_DAYS))
                lasts = planned + round(ACTUAL_SD * rng.standard_normal())
                if (site, function) == blocker:
                    lasts += int(blocks.poisson(plants.blocked_days))
                started = ready + (int(rng.poisson(WAIT_DAYS)) if number > 1 else 0)
                ends.append(started + max(1, lasts))
                tasks.append(
                    (item, number, site, function, first, second, int(rng.integers(1, 6)),
                     planned, started, ends[-1])
                )  # fmt: skip
            saved = BASE_HOURS + sum(HOURS_OF_FUNCTION[n] for n in functions.tolist())
            saved += HOURS_SD * rng.standard_normal()
            outcomes.append((item, site, max(ends) + MEASURED_AFTER, round(100 * max(saved, 0.0))))
    return table(Tasks, tasks), table(Outcomes, outcomes)


def crews(company: Company) -> tuple[Peers, set[tuple[int, int]]]:
    """Draw the scores of crews; return with them line and cycle of the crews with a free rider."""
    plants, rng = company.team_plants, random(company.seed, "peers")
    days = cycle_days(company)
    members = np.arange(CREW)
    rater, subject = (grid.ravel() for grid in np.meshgrid(members, members, indexing="ij"))
    rater, subject = rater[rater != subject], subject[rater != subject]
    parts, riding = [], set()
    for cycle, day in enumerate(days):
        for line in range(len(company.line_ids)):
            gives = MEMBER_SD * rng.standard_normal(CREW)
            strict = RATER_SD * rng.standard_normal(CREW)
            noise = SCORE_SD * rng.standard_normal(rater.size)
            has_one, rider = rng.random() < plants.free_riders, int(rng.integers(CREW))
            if has_one and plants.free_riding:
                gives[rider] -= plants.free_riding
                riding.add((line, cycle))
            score = np.clip(np.rint(SCORE + gives[subject] - strict[rater] + noise), 1, 5)
            said = day + rng.integers(0, 10, CREW)[rater]
            parts.append(
                [np.full(rater.size, line), np.full(rater.size, cycle), rater, subject, score, said]
            )
    columns = np.concatenate(parts, axis=1).astype(np.int64) if parts else np.empty((6, 0), int)
    return Peers(*columns), riding


def cycle_days(company: Company) -> list[int]:
    """Return the first day of each yearly cycle of the history, the oldest first."""
    size = company.size
    days = [size.cut - 15 - 365 * year for year in range(CREW_YEARS)]
    return [day for day in reversed(days) if day >= size.first_day]


def next_monday(days: Ints) -> Ints:
    """Return the Monday on or after each day: the tool exports once a week."""
    return days + (DAYS_PER_WEEK - weekday(days)) % DAYS_PER_WEEK
