"""Random acts by random people never exceed a right and never leave two truths."""

import datetime as dt
import tempfile
from collections import defaultdict
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from orchestration.ledger.projection import rectangles

from .world import PEOPLE, SNAPSHOT, UNITS, UNPAID, Office

ACTORS = st.sampled_from((*PEOPLE, "GONE", "NOBODY"))
PLACES = st.sampled_from(("ENT", "S-A", "S-B", "L-A1"))
PERIODS = st.sampled_from(("2026", "2026-Q2", "2026-07"))
PARENTS = {unit.org_unit_id: unit.parent_id for unit in UNITS}
APPOINTED = {"B1", "B2", "B3"}
DAYS_OF = {
    "2026": (dt.date(2026, 1, 1), dt.date(2026, 12, 31)),
    "2026-Q2": (dt.date(2026, 4, 1), dt.date(2026, 6, 30)),
    "2026-07": (dt.date(2026, 7, 1), dt.date(2026, 7, 31)),
}


def leads(person: str, place: str, day: dt.date) -> bool:
    """Say by brute force whether a person leads a unit on a day."""
    return any(
        unit.leader_id == person and unit.org_unit_id == place
        for unit in UNITS
        if unit.valid_from <= day <= unit.valid_to
    )


def chain_above(place: str) -> list[str]:
    """Return the units above one, from the fixed tree."""
    parent = PARENTS[place]
    return [] if parent is None else [parent, *chain_above(parent)]


class Decisions(RuleBasedStateMachine):
    """People hand in whatever they like; the clock only goes forward."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.office = Office(Path(self.folder.name)).appoint_all()

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule(days=st.integers(1, 60))
    def wait(self, days: int) -> None:
        self.office.now += dt.timedelta(days=days)

    @rule(
        actor=ACTORS,
        place=PLACES,
        period=PERIODS,
        best=st.integers(1, 9),
        ahead=st.integers(-90, 90),
    )
    def propose(self, actor: str, place: str, period: str, best: int, ahead: int) -> None:
        first = self.office.now.date() + dt.timedelta(days=ahead)
        self.office.act(
            "target.propose",
            actor,
            kpi_id=UNPAID,
            org_unit_id=place,
            period=period,
            threshold="0.09",
            target=f"0.0{best}",
            stretch="0.01",
            reason="Because we can do so.",
            valid_from=first.isoformat(),
        )

    @rule(actor=ACTORS, place=PLACES, period=PERIODS, best=st.integers(1, 9))
    def change(self, actor: str, place: str, period: str, best: int) -> None:
        self.office.act(
            "target.change",
            actor,
            kpi_id=UNPAID,
            org_unit_id=place,
            period=period,
            threshold="0.09",
            target=f"0.0{best}",
            stretch="0.01",
            trigger="internal_event",
            justification="The plan was made for another mix.",
            impact="The card of the unit.",
        )

    @rule(
        actor=ACTORS,
        back=st.integers(0, 8),
        kind=st.sampled_from(("approve", "approve", "reject", "withdraw")),
    )
    def decide(self, actor: str, back: int, kind: str) -> None:
        number = max(self.office.ledger.head().seq - back, 1)
        fields = {"comment": "No."} if kind == "reject" else {}
        self.office.act(f"decision.{kind}", actor, number, **fields)

    @rule(actor=ACTORS, back=st.integers(0, 8), best=st.integers(1, 9))
    def counter(self, actor: str, back: int, best: int) -> None:
        number = max(self.office.ledger.head().seq - back, 1)
        self.office.act(
            "target.counter",
            actor,
            number,
            threshold="0.09",
            target=f"0.0{best}",
            stretch="0.01",
            reason="Something in between.",
        )

    @rule(actor=ACTORS, place=PLACES, period=PERIODS, locks=st.booleans())
    def lock(self, actor: str, place: str, period: str, locks: bool) -> None:
        lock = {"org_unit_id": place, "period": period, "reason": "Evaluation of the period."}
        if locks:
            self.office.act("period_lock.lock", actor, **lock, snapshot=SNAPSHOT)
        else:
            self.office.act("period_lock.release", actor, **lock)

    @invariant()
    def the_ledger_has_no_gap_and_no_way_back(self) -> None:
        entries = list(self.office.ledger.entries())
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
        times = [entry.recorded_at for entry in entries]
        assert times == sorted(times)

    @invariant()
    def nobody_went_beyond_a_right(self) -> None:
        for entry in self.office.ledger.entries():
            said, day = entry.payload, entry.recorded_at.date()
            if said["outcome"] == "refused" or said["right"] is None:
                continue
            person, right = said["actor"], said["right"]["right"]
            place = said["subject"].split("|")[2] if said["subject"].startswith("target|") else None
            if right == "propose_target":
                assert person == "TS1" or any(
                    leads(person, unit, day) for unit in (place, *chain_above(place))
                )
            elif right == "approve_target":
                assert person in APPOINTED or any(
                    leads(person, unit, day) for unit in chain_above(place)
                )
            elif right == "lock_periods":
                assert person == "TS1" or leads(person, "ENT", day)
            elif right == "release_periods":
                assert person in APPOINTED or leads(person, "ENT", day)

    @invariant()
    def what_took_effect_was_agreed_to_by_somebody_else(self) -> None:
        agreed = defaultdict(list)
        by_number = {entry.seq: entry.payload for entry in self.office.ledger.entries()}
        for said in by_number.values():
            if said["act_type"] == "decision.approve" and said["outcome"] == "recorded":
                agreed[said["refers_to"]].append(said["actor"])
        for number, people in agreed.items():
            assert len(set(people)) == len(people)
            assert by_number[number]["actor"] not in people
        completed = [said["completes"] for said in by_number.values() if said["completes"]]
        assert len(set(completed)) == len(completed)

    @invariant()
    def there_are_never_two_truths(self) -> None:
        held = rectangles(self.office.ledger.entries(), self.office.rulebook.types.ending())
        by_subject = defaultdict(list)
        for one in held:
            by_subject[one.subject].append(one)
        for found in by_subject.values():
            days = {one.valid_from for one in found} | {one.valid_to for one in found}
            instants = {one.recorded_from for one in found}
            for day in days:
                for instant in instants:
                    truths = [
                        one
                        for one in found
                        if one.valid_from <= day <= one.valid_to
                        and one.recorded_from <= instant
                        and (one.recorded_to is None or instant < one.recorded_to)
                    ]
                    assert len(truths) <= 1

    @invariant()
    def nothing_takes_effect_in_a_locked_period(self) -> None:
        by_number = {entry.seq: entry.payload for entry in self.office.ledger.entries()}
        locked: set[tuple[str, str]] = set()
        for said in by_number.values():
            act = by_number[said["completes"]] if said["completes"] else said
            if said["outcome"] != "effective" and not said["completes"]:
                continue
            place, period = act["fields"].get("org_unit_id"), act["fields"].get("period")
            if act["act_type"] == "period_lock.lock":
                locked.add((place, period))
            elif act["act_type"] == "period_lock.release":
                locked.discard((place, period))
            elif act["subject"].startswith("target|"):
                begin, end = DAYS_OF[period]
                begin = max(begin, dt.date.fromisoformat(act["valid_from"]))
                for unit, closed in locked:
                    first, last = DAYS_OF[closed]
                    overlaps = begin <= last and end >= first
                    assert not (overlaps and unit in (place, *chain_above(place)))


TestDecisions = Decisions.TestCase
TestDecisions.settings = settings(
    max_examples=12,
    stateful_step_count=25,
    suppress_health_check=list(HealthCheck),
)
