"""What teams do and say of each other, drawn as their models have it, without files."""

from __future__ import annotations

import numpy as np
import pandas as pd

from orchestration.demo.company import TEAM_PLANTS, TeamPlants, found
from orchestration.demo.size import DEFAULT, DemoSize
from orchestration.demo.teamwork import FUNCTION_NAMES, FUNCTIONS, blocking_team, crews, work


def draw_work(
    seed: int, plants: TeamPlants = TEAM_PLANTS, *, size: DemoSize = DEFAULT
) -> tuple[pd.DataFrame, str]:
    """Draw tasks as `int_teamwork__tasks` has them, all done, and name the team that blocks.

    Returns
    -------
    tuple
        One row per task, and the team (without the plant: where it would be).
    """
    company = found(seed, size, team_plants=plants)
    tasks, outcomes = work(company)
    sites = np.array([site.code for site in company.sites])

    def days(numbers: np.ndarray) -> np.ndarray:
        return numbers.astype("datetime64[D]").astype("datetime64[s]")

    def waits(numbers: np.ndarray) -> np.ndarray:
        return np.where(numbers > 0, numbers, np.nan)

    drawn = pd.DataFrame(
        {
            "item_id": tasks.item.astype(str),
            "task_no": tasks.number,
            "site_id": sites[tasks.site],
            "team_id": np.char.add(np.char.add(sites[tasks.site], "-"), np.array(FUNCTIONS)[
                tasks.function
            ]),
            "function_code": np.array(FUNCTION_NAMES)[tasks.function],
            "waits_for_task_no": waits(tasks.first_before),
            "also_waits_for_task_no": waits(tasks.second_before),
            "agreed_weight": tasks.weight,
            "planned_days": tasks.planned,
            "started_date": days(tasks.started),
            "handed_on_date": days(tasks.handed_on),
        }
    )  # fmt: skip
    measured = pd.DataFrame(
        {
            "item_id": outcomes.item.astype(str),
            "measured_date": days(outcomes.measured),
            "saved_hours": outcomes.saved / 100,
        }
    )
    site, function = blocking_team(company)
    return drawn.merge(measured, on="item_id"), f"{sites[site]}-{FUNCTIONS[function]}"


def draw_crews(
    seed: int, plants: TeamPlants = TEAM_PLANTS, *, size: DemoSize = DEFAULT
) -> tuple[pd.DataFrame, set[tuple[str, str]]]:
    """Draw scores as `int_teamwork__scores` has them, and the crews that have a free rider.

    Returns
    -------
    tuple
        One row per score, and cycle and team of each of those crews.
    """
    company = found(seed, size, team_plants=plants)
    peers, riding = crews(company)
    lines = np.array(company.line_ids)
    drawn = pd.DataFrame(
        {
            "cycle_id": peers.cycle.astype(str),
            "team_id": lines[peers.line],
            "plan_id": "line_bonus",
            "rater_token": np.char.add("r", peers.rater.astype(str)),
            "subject_token": np.char.add("r", peers.subject.astype(str)),
            "score": peers.score,
        }
    )
    return drawn, {(str(cycle), str(lines[line])) for line, cycle in riding}
