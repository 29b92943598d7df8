"""Make the demo company: one call, the same files for the same seed and size."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.demo.company import SITE_LEADER_WEIGHT, Company, found
from orchestration.demo.deliveries import Landing, deliver
from orchestration.demo.size import DEFAULT, DemoSize, day_of
from orchestration.demo.text import OPEN

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

DEFAULT_SEED = 20_231_001


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
    progress : callable, optional
        Called with what is being made, the step and the number of steps.

    Returns
    -------
    DemoSummary
    """
    company = found(seed, size)
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


def _facts(company: Company) -> dict[str, object]:
    """Return the drawn facts under the names that the feeds use."""

    def employee(leader: int) -> str:
        return f"E{100_001 + leader}"

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
    }
