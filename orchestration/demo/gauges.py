"""Measurements of parts: five in a row on one machine of each line and day.

A characteristic has a target and a spread; processes shift, and one gauge drifts away until it is
calibrated. Values come in the steps that the gauge can show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo.size import day_of, random

if TYPE_CHECKING:
    from orchestration.demo.company import Company, Floats, Ints
    from orchestration.demo.plant import Counts

MEASURED_MONTHS = 13
SUBGROUP = 5
# In thousandths of a millimetre.
STEP, SPREAD, HALF_TOLERANCE, LEAST_TARGET, TARGET_STEP = 5, 20, 80, 20_000, 1_500
BETWEEN = 0.2  # spread between subgroups, in spreads within
# Line, spreads by which its mean moves, days before the end of the history.
MEAN_SHIFTS = ((2, 1.2, 90), (5, -0.9, 40))
# The gauge of this line drifts, in spreads a day, until it is calibrated.
DRIFTING_LINE, DRIFT_PER_DAY, DRIFT_BEGINS, DRIFT_ENDS = 1, 0.03, 75, 15


@dataclass(frozen=True)
class Measurements:
    """One row per measured part; values and limits in thousandths of a millimetre."""

    line: Ints
    machine: Ints
    day: Ints
    sample: Ints
    order: Ints
    at: Ints
    value: Ints
    target: Ints
    person: Ints


class Gauges:
    """Measures what the first machine of each line made first on a day."""

    def __init__(self, company: Company) -> None:
        self.company = company
        lines = np.arange(len(company.line_ids))
        self.machine = np.searchsorted(company.machine_line, lines)
        self.target = LEAST_TARGET + TARGET_STEP * (lines % 7)

    def offset(self, line: Ints, day: Ints) -> Floats:
        """Return how far a line's readings lie from target, in spreads: shifts and drift."""
        size = self.company.size
        moved = np.zeros(len(line))
        for number, spreads, before in MEAN_SHIFTS:
            here = (line == number % size.lines) & (day > size.cut - before)
            moved += np.where(here, spreads, 0.0)
        drifting = line == DRIFTING_LINE % size.lines
        begins, ends = size.cut - DRIFT_BEGINS, size.cut - DRIFT_ENDS
        days = np.where((day > begins) & (day <= ends), day - begins, 0)
        return moved + np.where(drifting, DRIFT_PER_DAY * days, 0.0)

    def measure(self, first: int, counts: Counts) -> Measurements:
        """Return the measurements of the counts of a span of days that begins with `first`."""
        rng = random(self.company.seed, "gauges", first)
        mine = np.flatnonzero(np.isin(counts.machine, self.machine) & (counts.order >= 0))
        sort = np.lexsort((counts.at[mine], counts.day[mine], counts.machine[mine]))
        mine = mine[sort]
        machine, day = counts.machine[mine], counts.day[mine]
        fresh = np.r_[True, (machine[1:] != machine[:-1]) | (day[1:] != day[:-1])][: len(mine)]
        rows = np.repeat(mine[fresh], SUBGROUP)
        line = self.company.machine_line[counts.machine[rows]]
        between = np.repeat(rng.normal(0, BETWEEN, int(fresh.sum())), SUBGROUP)
        noise = rng.standard_normal(len(rows))
        spreads = self.offset(line, counts.day[rows]) + between + noise
        sample = np.tile(np.arange(SUBGROUP), int(fresh.sum()))
        exact = self.target[line] + SPREAD * spreads
        return Measurements(
            line=line,
            machine=counts.machine[rows],
            day=counts.day[rows],
            sample=sample + 1,
            order=counts.order[rows],
            # One after the other, before the order or the shift ended.
            at=counts.at[rows] - 60 * (SUBGROUP - sample),
            value=np.rint(exact / STEP).astype(np.int64) * STEP,
            target=self.target[line],
            person=counts.operator[rows],
        )

    def truth(self) -> dict[str, object]:
        """Return what was planted here."""
        company, cut = self.company, self.company.size.cut

        def line(number: int) -> str:
            return company.line_ids[number % company.size.lines]

        return {
            "measured_spread_mm": SPREAD / 1000,
            "measured_mean_shifts": [
                {"line": line(n), "spreads": spreads, "from": str(day_of(cut - before + 1))}
                for n, spreads, before in MEAN_SHIFTS
            ],
            "gauge_drift": {
                "line": line(DRIFTING_LINE),
                "spreads_per_day": DRIFT_PER_DAY,
                "from": str(day_of(cut - DRIFT_BEGINS + 1)),
                "calibrated_after": str(day_of(cut - DRIFT_ENDS)),
            },
        }
