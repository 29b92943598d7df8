"""Make the demo company: one call, the same files for the same seed and size."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo.calendar import shift_calendar
from orchestration.demo.company import (
    PILOT_FACTOR,
    SITE_LEADER_WEIGHT,
    TEAM_PLANTS,
    Company,
    TeamPlants,
    found,
)
from orchestration.demo.deliveries import Landing, deliver
from orchestration.demo.posts import connected_sets
from orchestration.demo.size import DEFAULT, DemoSize, day_of
from orchestration.demo.text import OPEN

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

DEFAULT_SEED = 20_231_001
SHIFTS_PER_DAY = 3  # on which `events_per_machine_day` is stated


@dataclass(frozen=True)
class DemoSummary:
    """What was written.

    Attributes
    ----------
    landing, truth : Path
        The landing folder and the file with the planted truth beside it.
    first_delivery, last_delivery : date
        Delivery days; the last one is the as-of at which everything has arrived.
    files, bytes : int
        Totals over all deliveries.
    rows : dict of str to int
        Data records by feed, repeated and damaged ones included.
    """

    landing: Path
    truth: Path
    first_delivery: date
    last_delivery: date
    files: int
    bytes: int
    rows: dict[str, int]


def generate(
    landing: Path,
    *,
    seed: int = DEFAULT_SEED,
    size: DemoSize = DEFAULT,
    pilot_factor: float = PILOT_FACTOR,
    team_plants: TeamPlants = TEAM_PLANTS,
    progress: Callable[[str, int, int], None] | None = None,
) -> DemoSummary:
    """Write the exports of the demo company into a landing folder, and the truth beside it.

    Parameters
    ----------
    landing : Path
        Folder for the deliveries, ``<source_system>/<feed>/<delivery day>/<file>``; what it holds
        already stays. ``truth.json`` goes into the folder above, where no loader looks.
    seed : int
        Same seed and size, same bytes in every file.
    size : DemoSize
        How big; `DEFAULT` and `TINY` are ready made.
    pilot_factor : float
        By how much machines of the pilot's lines run faster; 1 for a pilot that did nothing.
    team_plants : TeamPlants
        What is planted in hand-offs and in what crews say of their members.
    progress : callable, optional
        Called with what is being made, the step and the number of steps.

    Returns
    -------
    DemoSummary
    """
    company = found(seed, size, pilot_factor=pilot_factor, team_plants=team_plants)
    writer = Landing(Path(landing))
    planted = deliver(company, writer, progress or (lambda _what, _step, _steps: None))
    truth = writer.folder.parent / "truth.json"
    facts = {"seed": seed, "size": asdict(size), **_facts(company), **planted}
    truth.write_text(json.dumps(facts, indent=1, default=str) + "\n", encoding="utf-8")
    return DemoSummary(
        landing=writer.folder,
        truth=truth,
        first_delivery=day_of(size.cut + 1),
        last_delivery=day_of(size.last_day + 1),
        files=writer.files,
        bytes=writer.bytes,
        rows=dict(sorted(writer.rows.items())),
    )


def with_machine_events(size: DemoSize, rows: int, *, seed: int = DEFAULT_SEED) -> DemoSize:
    """Return the size whose machines send about so many states, all else being equal.

    Parameters
    ----------
    size : DemoSize
    rows : int
        State rows over all deliveries; what comes out lies within 5 % of it.
    seed : int
        Of the company: leaders and lines decide when machines work.

    Raises
    ------
    ValueError
        If shifts, breaks and changeovers alone make more rows, or if states would last less than
        a second.
    """
    company = found(seed, size)
    calendar = shift_calendar(company)
    inside = (calendar.day <= size.last_day) & (calendar.day >= size.first_day)
    worked = calendar.only(inside & calendar.working)
    machines = np.bincount(company.machine_line, minlength=size.lines)
    of_shift = machines[worked.line]
    shifts = int(of_shift.sum())
    # A shift is one row; a changeover or break cuts it and so makes two more, a gap between shifts
    # is one.
    changeovers = 2 * shifts * size.orders_per_machine_day / SHIFTS_PER_DAY
    breaks = 2 * int(of_shift[worked.break_s > 0].sum())
    gap = np.r_[worked.start[1:] > worked.end[:-1], False]
    fixed = round(shifts + changeovers + breaks + int(of_shift[gap].sum()))
    if rows < fixed:
        raise ValueError(f"the shifts of this company must have {fixed:,} machine events or more")
    per_day = SHIFTS_PER_DAY * (1 + (rows - fixed) / shifts)
    return replace(size, events_per_machine_day=round(per_day, 2))


def employee(leader: int) -> str:
    """Return the employee id of a leader."""
    return f"E{100_001 + leader}"


def _facts(company: Company) -> dict[str, object]:
    """Return the drawn facts under the names that the feeds use."""

    def sites(numbers: tuple[int, ...]) -> list[str]:
        return [company.sites[n].code for n in numbers]

    size = company.size
    return {
        "site_leader_weight": SITE_LEADER_WEIGHT,
        "site_baselines": {
            s.code: {
                "availability": s.availability,
                "performance": s.performance,
                "scrap": s.scrap,
                "rework": s.rework,
                "recordables_per_200k_hours": s.recordables,
                "leavers_per_head_month": s.leavers,
            }
            for s in company.sites
        },
        "line_availability_factor": dict(
            zip(company.line_ids, company.line_factor.round(5).tolist(), strict=True)
        ),
        "machine_performance_factor": dict(
            zip(company.machine_ids, company.machine_factor.round(5).tolist(), strict=True)
        ),
        "leaders": {
            employee(n): {
                "availability_factor": round(float(company.leader_availability[n]), 5),
                "scrap_factor": round(float(company.leader_scrap[n]), 5),
                "plan_adherence": round(float(company.leader_adherence[n]), 5),
            }
            for n in range(size.leaders)
        },
        "posts": [
            {
                "org_unit_id": company.units[r.unit].unit_id,
                "leader_id": employee(r.leader),
                "from": str(day_of(r.first)),
                "to": None if r.last == OPEN else str(day_of(r.last)),
            }
            for r in company.reigns
        ],
        "rotations": _rotations(company),
        "shocks": [
            {
                "kind": s.kind,
                "sites": sites(s.sites),
                "from": str(day_of(s.first)),
                "to": str(day_of(s.last)),
                "availability_factor": s.availability_factor,
                "receipt_delay_days": s.receipt_delay_days,
                "order_size_factor": s.order_size_factor,
            }
            for s in company.shocks
        ],
        "process_shifts": [
            {
                "line": company.line_ids[s.line],
                "measure": s.measure,
                "factor": s.factor,
                "from": str(day_of(s.day)),
            }
            for s in company.shifts
        ],
        "pilot": [
            {"line": company.line_ids[s.line], "factor": s.factor, "from": str(day_of(s.day))}
            for s in company.pilot
        ],
    }


def _rotations(company: Company) -> dict[str, object]:
    """Return which leaders moves connect, and whom nothing can tell from their unit."""
    size, units = company.size, company.units
    sets = connected_sets(company.reigns, size.first_day, size.last_day)
    named = [
        {
            "leaders": sorted(employee(n) for n in leaders),
            "org_units": sorted(units[n].unit_id for n in led),
            "sites": sorted({company.sites[units[n].site].code for n in led if units[n].site >= 0}),
        }
        for leaders, led in sets
    ]

    def leaders_of(*, alone: bool, one_unit: bool) -> list[str]:
        return sorted(
            employee(n)
            for leaders, led in sets
            if (len(leaders) == 1) == alone and (alone or (len(led) == 1) == one_unit)
            for n in leaders
        )

    return {
        "connected_sets": named,
        "separable_by_moves": leaders_of(alone=False, one_unit=False),
        "separable_by_succession": leaders_of(alone=False, one_unit=True),
        "never_separate": leaders_of(alone=True, one_unit=False),
    }
