"""A small company for tests of acts: an enterprise, two sites, a line, and who leads them.

ENT  E1
|- S-A  E2, until 2026-06-30; then E6
|  `- L-A1  E3
`- S-B  E4
"""

from __future__ import annotations

import datetime as dt
import functools
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from orchestration.contracts.load import SHIPPED_ROOT
from orchestration.ledger.definitions import load_act_types
from orchestration.ledger.desk import Answer, Submission
from orchestration.ledger.facts import Facts, Place, PublishedReading, Unit
from orchestration.ledger.fields import Rulebook
from orchestration.ledger.recording import record
from orchestration.ledger.store import Ledger
from orchestration.registry.load import load_registers
from orchestration.registry.rights import load_decision_rights

if TYPE_CHECKING:
    from pathlib import Path

    from orchestration.governance.periods import Period
    from orchestration.registry.model import Kpi

REGISTRY = SHIPPED_ROOT / "seeds" / "registry"
LONG_AGO, OPEN = dt.date(2020, 1, 1), dt.date.max
CHANGE = dt.date(2026, 6, 30)
LOGIC, OTHER_LOGIC = "a" * 64, "b" * 64
SNAPSHOT = "c" * 64
# OEE (better when higher) is linked to pay here, scrap (better when lower) is not.
PAID, UNPAID = "KPI006", "KPI016"
UNITS = (
    Unit("ENT", "enterprise", None, "E1", None, LONG_AGO, OPEN),
    Unit("S-A", "site", "ENT", "E2", "A", LONG_AGO, CHANGE),
    Unit("S-A", "site", "ENT", "E6", "A", CHANGE + dt.timedelta(days=1), OPEN),
    Unit("S-B", "site", "ENT", "E4", "B", LONG_AGO, OPEN),
    Unit("L-A1", "line", "S-A", "E3", "A", LONG_AGO, OPEN),
)
PEOPLE = ("E1", "E2", "E3", "E4", "E5", "E6", "B1", "B2", "B3", "HR1", "DS1", "DS2", "TS1")


@functools.cache
def rulebook() -> Rulebook:
    """Return the shipped act types and decision rights."""
    return Rulebook(load_act_types((REGISTRY,)), load_decision_rights((REGISTRY,)))


@functools.cache
def catalogue() -> dict[str, Kpi]:
    """Return the shipped KPIs, one of them linked to pay."""
    kpis = dict(load_registers((REGISTRY,)).kpis)
    kpis[PAID] = kpis[PAID].model_copy(update={"consequences": ("pay",)})
    kpis[UNPAID] = kpis[UNPAID].model_copy(update={"consequences": ()})
    return kpis


def _find_reading(kpi: str, kind: str, entity: str, period: Period) -> PublishedReading | None:
    if (kpi, kind, entity, period.label) == (UNPAID, "site", "A", "2026-03"):
        return PublishedReading(Decimal("0.027649"))
    if (kpi, kind, entity, period.label) == (UNPAID, "site", "A", "2026-04"):
        return PublishedReading(None)
    return None


def facts(**changes: Any) -> Facts:
    """Return what is known of the small company."""
    known: dict[str, Any] = {
        "kpis": catalogue(),
        "rules": {"mes_production_counts": {"counts_are_plausible"}},
        "units": UNITS,
        "employed": dict.fromkeys(PEOPLE, (LONG_AGO, OPEN))
        | {"GONE": (LONG_AGO, dt.date(2025, 12, 31)), "OLD": (LONG_AGO, dt.date(2021, 12, 31))},
        "entities": {
            ("site", "A"): [Place("S-A", LONG_AGO, OPEN)],
            ("site", "B"): [Place("S-B", LONG_AGO, OPEN)],
            ("enterprise", "ENT"): [Place("ENT", LONG_AGO, OPEN)],
        },
        "find_reading": _find_reading,
        "snapshots": {SNAPSHOT},
        "logic_hashes": {UNPAID: LOGIC, PAID: OTHER_LOGIC},
        "quarantined": lambda *key: (
            12
            if key == ("mes_production_counts", dt.date(2026, 3, 2), "counts_are_plausible")
            else 0
        ),
    }
    return Facts(**(known | changes))


class Office:
    """Hands in acts on days of its own choosing."""

    def __init__(self, folder: Path, *, url: str | None = None) -> None:
        self.ledger = Ledger.open(url or f"sqlite:///{folder / 'ledger.sqlite'}")
        self.rulebook = rulebook()
        self.facts = facts()
        self.now = dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC)

    def on(self, day: str) -> Office:
        """Go to a day."""
        self.now = dt.datetime.fromisoformat(f"{day}T09:00:00+00:00")
        return self

    def clock(self) -> dt.datetime:
        """Return the time, a second later each time it is asked."""
        self.now += dt.timedelta(seconds=1)
        return self.now

    def submit(self, *submissions: Submission) -> list[Answer]:
        """Hand in a batch."""
        return record(self.ledger, self.rulebook, self.facts, submissions, now=self.clock)

    def act(self, act_type: str, actor: str, answers: int | None = None, **fields: Any) -> Answer:
        """Hand in one act; `valid_from` and `valid_to` are days."""
        valid = {
            name: dt.date.fromisoformat(fields.pop(name))
            for name in ("valid_from", "valid_to")
            if name in fields
        }
        return self.submit(Submission(act_type, actor, fields, answers, **valid))[0]

    def appoint_all(self) -> Office:
        """Let the head of the enterprise fill the roles that no org chart gives."""
        for role, people in {
            "board_member": ("B1", "B2", "B3"),
            "hr_partner": ("HR1",),
            "data_steward": ("DS1", "DS2"),
            "target_steward": ("TS1",),
        }.items():
            for person in people:
                answer = self.act(
                    "appointment.appoint",
                    "E1",
                    role=role,
                    person_id=person,
                    org_unit_id="ENT",
                    reason="Elected by the assembly of owners.",
                )
                assert answer.outcome == "effective", answer.sentence
        return self
