"""What the people of the demo company decided in three years, recorded as it would have been.

The acts are handed in one after the other at the desk that everybody uses, with the clock of their
day, against the figures that the company has published: so this runs after the first run, and what
is refused is refused by the rules. Planted in it, and written to `truth_acts.json`:

- a disputed target: proposed, countered twice, agreed on 75 days late;
- a goalpost that drifts: one plant makes its OEE levels easier four times in a year;
- an unjust override: a bad month of scrap shown better than it was, for a reason that says nothing;
- a ruling that orders a change of a definition by a day that has passed;
- three KPIs on no card and without a target that the yearly review forgot;
- lines under a trial that do none of its steps, and others that do all of them in time;
- attempts that are refused, consents that come late, proposals that wait to this day.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any, Final

from orchestration.demo.size import random
from orchestration.governance.feasibility import odds_of_level
from orchestration.governance.periods import parse_period
from orchestration.ledger.definitions import APPROVE, REJECT, WITHDRAW
from orchestration.ledger.desk import Answer, Submission

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestration.ledger.facts import Unit
    from orchestration.ledger.office import Office

OEE, SCRAP, TURNOVER, TRIR = "KPI006", "KPI016", "KPI053", "KPI039"
# The KPIs of the leaders' and the plants' cards.
ON_CARDS: Final = (OEE, SCRAP, "KPI015", "KPI037", TRIR, TURNOVER, "KPI062")
# KPIs whose logic is under change control from the first day on.
UNDER_CONTROL: Final = (OEE, SCRAP, TRIR)
# On no card and without a target, and left out of the yearly review.
FORGOTTEN: Final = ("KPI040", "KPI044", "KPI045")
YEARS: Final = 3
LEADING: Final = frozenset({"enterprise", "site"})
AUDITOR: Final = "AUDITOR-01"
LATE_OWNERS: Final = 0.15
LATE_TARGETS: Final = 0.08
CONSENTS_TAKEN_BACK: Final = 0.2
# Every so many figures somebody writes a remark; every second of them is confirmed.
REMARK_EVERY: Final = 9
# Every so many lines under a trial do none of its steps.
IDLE_EVERY: Final = 3
OVERRIDES: Final = 3
DRIFT_STEPS: Final = 4
DRIFT_SHARE: Final = Decimal("0.03")
DISPUTE_DAYS: Final = 75


@dataclass
class Planted:
    """What a finder should find: numbers of acts and whom they concern."""

    disputed_target: dict[str, Any] = field(default_factory=dict)
    goalpost_drift: dict[str, Any] = field(default_factory=dict)
    unjust_override: dict[str, Any] = field(default_factory=dict)
    ordered_change: int | None = None
    forgotten_kpis: list[str] = field(default_factory=list)
    undone_steps: list[tuple[str, str]] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    late_consents: list[int] = field(default_factory=list)
    against_the_odds: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)


def decide(office: Office, *, seed: int, today: dt.date, snapshot: str) -> Planted:
    """Record three years of decisions that end on a day.

    Parameters
    ----------
    office : Office
        An empty ledger, and the figures that were published.
    seed : int
        Another seed makes other decisions.
    today : date
        The last day.
    snapshot : str
        Content hash of the published snapshot, which the last lock names.

    Returns
    -------
    Planted
        What is in the history to be found.

    Raises
    ------
    RuntimeError
        If an act that ought to pass is refused, or the other way round: the history would not be
        what it claims.
    """
    history = _History(office, seed, today)
    history.set_up()
    for year in range(history.first.year + 1, today.year + 1):
        history.agree_on_targets(year)
    history.review_kpis()
    history.drift()
    history.dispute_a_target()
    history.annotate()
    history.override()
    history.dispute_a_definition()
    history.appeal()
    history.consent()
    history.waive()
    history.do_steps()
    history.attempt()
    history.ask_too_much()
    history.lock(snapshot)
    return history.write()


@dataclass(frozen=True)
class _Step:
    """One act to hand in on a day; `answers` names an earlier step."""

    day: dt.date
    order: int
    act_type: str
    actor: str
    fields: dict[str, Any]
    answers: _Step | None = None
    valid_from: dt.date | None = None
    expected: str = "accepted"


class _History:
    """Collects steps in any order and hands them in by their day."""

    def __init__(self, office: Office, seed: int, today: dt.date) -> None:
        self.office, self.facts, self.today = office, office.facts, today
        self.draw = random(seed, "decisions")
        # Nobody can decide before the org chart begins.
        led_since = max(
            min(unit.valid_from for unit in self.facts.units if unit.org_unit_id == name)
            for name in {unit.org_unit_id for unit in self.facts.units if unit.kind in LEADING}
        )
        self.first = max(today - dt.timedelta(days=365 * YEARS), led_since)
        self.steps: list[_Step] = []
        self.planted = Planted()
        self.marks: dict[str, list[_Step]] = {}
        self.sites = sorted({unit.org_unit_id for unit in self.facts.units if unit.kind == "site"})
        self.root = next(unit.org_unit_id for unit in self.facts.units if unit.parent_id is None)
        chosen = self._lasting_people()
        self.board, self.hr, self.stewards = chosen[:3], chosen[3], chosen[4:6]
        self.target_steward, self.privacy = chosen[6], chosen[7]

    # Who and when --------------------------------------------------------------------------

    def _lasting_people(self) -> list[str]:
        """Return eight people who were employed all the time and led nothing, by their id."""
        found = [
            person
            for person, (first, last) in sorted(self.facts.employed.items())
            if first <= self.first and last >= self.today and not self.facts.led_by(person)
        ]
        places = self.draw.choice(len(found), size=8, replace=False)
        return [found[place] for place in sorted(places)]

    def leader(self, unit: str, day: dt.date) -> str:
        version: Unit | None = self.facts.unit_on(unit, day)
        if version is None or version.leader_id is None:
            raise RuntimeError(f"Nobody leads {unit} on {day}, so nobody can decide for it.")
        return version.leader_id

    def head(self, day: dt.date) -> str:
        return self.leader(self.root, day)

    def add(
        self,
        day: dt.date,
        act_type: str,
        actor: str,
        answers: _Step | None = None,
        *,
        valid_from: dt.date | None = None,
        expected: str = "accepted",
        mark: str | None = None,
        **fields: Any,
    ) -> _Step:
        step = _Step(
            min(day, self.today),
            len(self.steps),
            act_type,
            actor,
            fields,
            answers,
            valid_from,
            expected,
        )
        self.steps.append(step)
        if mark is not None:
            self.marks.setdefault(mark, []).append(step)
        return step

    def agree(self, day: dt.date, person: str, step: _Step, mark: str | None = None) -> _Step:
        return self.add(day, APPROVE, person, step, mark=mark)

    def days(self, low: int, high: int) -> dt.timedelta:
        return dt.timedelta(days=int(self.draw.integers(low, high)))

    # What they decide ------------------------------------------------------------------------

    def set_up(self) -> None:
        """Roles, KPIs taken over with their approved logic, owners, the auditor."""
        day = self.first
        roles = [
            *(("board_member", person) for person in self.board),
            ("hr_partner", self.hr),
            *(("data_steward", person) for person in self.stewards),
            ("target_steward", self.target_steward),
            ("data_protection_officer", self.privacy),
        ]
        for role, person in roles:
            self.add(
                day,
                "appointment.appoint",
                self.head(day),
                role=role,
                person_id=person,
                org_unit_id=self.root,
                reason="Decided in the assembly of owners.",
            )
        auditor = self.add(
            day,
            "appointment.appoint_auditor",
            self.head(day),
            role="auditor",
            person_id=AUDITOR,
            org_unit_id=self.root,
            employer="Fair & Square LLP",
            reason="Chosen from three offers.",
            until=(day + dt.timedelta(days=4 * 365)).isoformat(),
        )
        self.agree(day + dt.timedelta(days=6), self.board[0], auditor)
        for kpi in sorted(self.facts.kpis):
            self._take_over(kpi, day + self.days(1, 25))

    def _take_over(self, kpi: str, day: dt.date) -> None:
        adopted = self.add(
            day,
            "lifecycle.adopt",
            self.head(day),
            kpi_id=kpi,
            impact="In use since before acts were kept; leaders watch it every week.",
            safeguards="It is read beside its counter-KPI and never alone.",
            review_on=(self.today + dt.timedelta(days=200)).isoformat(),
        )
        for member in self.board[:2] if self.facts.kpis[kpi].consequences else self.board[:1]:
            self.agree(day + self.days(1, 9), member, adopted)
        if kpi in UNDER_CONTROL:
            logic = self.add(
                day,
                "definition.baseline",
                self.head(day),
                kpi_id=kpi,
                to_hash=self.facts.logic_hashes[kpi],
            )
            self.agree(day + self.days(1, 9), self.board[1], logic)
        owner = self.leader(self.sites[int(self.draw.integers(len(self.sites)))], day)
        proposed = self.add(
            day,
            "ownership.propose",
            self.board[0],
            kpi_id=kpi,
            owner_id=owner,
            reason="Answers for the process that the KPI measures.",
        )
        is_late = self.draw.random() < LATE_OWNERS
        self.agree(
            day + (self.days(45, 90) if is_late else self.days(1, 10)),
            owner,
            proposed,
            mark="late" if is_late else None,
        )

    def review_kpis(self) -> None:
        """Let the board look at KPIs again, and forget a few that nobody has a target for."""
        day = max(self.today - dt.timedelta(days=200), self.first + dt.timedelta(days=60))
        for kpi in sorted(set(self.facts.kpis) - set(FORGOTTEN)):
            kept = self.add(
                day,
                "lifecycle.review",
                self.head(day),
                kpi_id=kpi,
                reason="Looked at with its owner: it still answers its question.",
                review_on=(self.today + dt.timedelta(days=200)).isoformat(),
            )
            self.agree(day + dt.timedelta(days=5), self.board[2], kept)
        self.planted.forgotten_kpis = list(FORGOTTEN)

    def levels(self, kpi: str, ease: Decimal = Decimal(0)) -> dict[str, str]:
        """Return levels around the register's, easier by a share of the target."""
        bands = self.facts.kpis[kpi].bands
        if bands is None:
            raise RuntimeError(f"{kpi} stands on cards and has no bands.")
        sign = -1 if self.facts.kpis[kpi].direction == "higher" else 1
        factor = 1 + sign * ease
        return {
            name: str((level * factor).quantize(Decimal("0.0001"), ROUND_HALF_EVEN))
            for name, level in (
                ("threshold", bands.threshold),
                ("target", bands.target),
                ("stretch", bands.stretch),
            )
        }

    def agree_on_targets(self, year: int) -> None:
        """Every plant proposes its levels before the year, and the head of the company agrees."""
        begin = max(dt.date(year - 1, 11, 15), self.first + dt.timedelta(days=95))
        for site in self.sites:
            for kpi in ON_CARDS:
                day = begin + self.days(0, 25)
                leader = self.leader(site, day)
                ease = Decimal(int(self.draw.integers(-20, 21))) / 1000
                first = max(dt.date(year, 1, 1), day)
                proposed = self.add(
                    day,
                    "target.propose",
                    leader,
                    valid_from=first,
                    kpi_id=kpi,
                    org_unit_id=site,
                    period=str(year),
                    **self.levels(kpi, ease),
                    reason="The last year, corrected for the plan of volumes.",
                )
                if (site, kpi) == (self.sites[1], TRIR):
                    # Countered once, and agreed on in time.
                    later = day + self.days(3, 8)
                    countered = self.add(
                        later,
                        "target.counter",
                        self.head(later),
                        proposed,
                        valid_from=first,
                        **self.levels(kpi, ease - Decimal("0.02")),
                        reason="Every case is one too many: a little more.",
                    )
                    self.agree(later + self.days(1, 5), leader, countered)
                    continue
                is_late = self.draw.random() < LATE_TARGETS
                later = day + (self.days(50, 80) if is_late else self.days(2, 20))
                self.agree(later, self.head(later), proposed, mark="late" if is_late else None)

    def drift(self) -> None:
        """One plant makes its levels easier again and again."""
        site, year = self.sites[0], self.today.year - 1
        for number in range(1, DRIFT_STEPS + 1):
            day = dt.date(year, 2 * number + 1, 10)
            changed = self.add(
                day,
                "target.change",
                self.leader(site, day),
                mark="drift",
                kpi_id=OEE,
                org_unit_id=site,
                period=str(year),
                **self.levels(OEE, DRIFT_SHARE * number),
                trigger="internal_event",
                justification="The mix has become harder than the plan had foreseen.",
                impact="The card of the plant and of its leader.",
            )
            self.agree(day + self.days(1, 6), self.head(day), changed)
        self.planted.goalpost_drift = {
            "org_unit_id": site,
            "kpi_id": OEE,
            "period": str(year),
            "changes": DRIFT_STEPS,
        }

    def dispute_a_target(self) -> None:
        """Two leaders who cannot agree on a target for ten weeks."""
        site, period = self.sites[2 % len(self.sites)], f"{self.today.year}-Q3"
        day = dt.date(self.today.year, 6, 20)
        leader, head = self.leader(site, day), self.head(day)
        names = {"kpi_id": SCRAP, "org_unit_id": site, "period": period}
        first = parse_period(period).first_day
        proposed = self.add(
            day,
            "target.propose",
            leader,
            valid_from=first,
            **names,
            **self.levels(SCRAP, Decimal("0.10")),
            reason="New alloy: the first months cost scrap.",
        )
        countered = self.add(
            day + dt.timedelta(days=20),
            "target.counter",
            head,
            proposed,
            valid_from=first,
            **self.levels(SCRAP, Decimal("-0.05")),
            reason="The trial of the alloy showed less.",
        )
        again = self.add(
            day + dt.timedelta(days=45),
            "target.counter",
            leader,
            countered,
            valid_from=first,
            **self.levels(SCRAP, Decimal("0.05")),
            reason="Half way, the trial was in the lab.",
        )
        end = day + dt.timedelta(days=DISPUTE_DAYS)
        self.agree(end, head, again, mark="disputed")
        self.planted.disputed_target = names | {"days": DISPUTE_DAYS}

    def figures(self, kpi: str, months: int) -> Iterator[tuple[str, str, Decimal]]:
        """Yield site, month and published value of the last months, newest first."""
        for back in range(1, months + 1):
            month = _month_before(self.today, back)
            for site in sorted({one for kind, one in self.facts.entities if kind == "site"}):
                found = self.facts.find_reading(kpi, "site", site, parse_period(month))
                if found is not None and found.value is not None:
                    yield site, month, found.value

    def unit_of(self, site: str, day: dt.date) -> str:
        return self.facts.units_of_entity("site", site, day)[0]

    def annotate(self) -> None:
        """Remarks on figures; some causes are confirmed by those above, one is retracted."""
        causes = ("equipment", "material", "external_event", "planned_change", "data_error")
        for number, (site, month, _) in enumerate(self.figures(SCRAP, 18)):
            if number % REMARK_EVERY:
                continue
            day = min(parse_period(month).last_day + self.days(3, 20), self.today)
            leader = self.leader(self.unit_of(site, day), day)
            added = self.add(
                day,
                "annotation.add",
                leader,
                kpi_id=SCRAP,
                entity_kind="site",
                entity_id=site,
                period=month,
                cause_code=causes[number % len(causes)],
                is_special_cause="yes" if number % 2 else "no",
                text="Seen and talked through in the weekly round.",
            )
            if number % (2 * REMARK_EVERY) == REMARK_EVERY and day < self.today:
                self.add(
                    day + self.days(1, 10),
                    "annotation.confirm",
                    self.head(day),
                    added,
                    reason="The records of the plant show it.",
                )
            elif number == 0:
                self.add(day, "annotation.retract", leader, added, reason="It was the other line.")

    def override(self) -> None:
        """Values that were put in the place of computed ones, one of them without a good reason."""
        figures = [(*one, one[2]) for one in self.figures(SCRAP, 4)]
        if len(figures) < OVERRIDES:
            raise RuntimeError("Too few plants have a scrap ratio to override one of them.")
        worst = max(figures, key=lambda one: one[2])
        best, other = [one for one in figures if one[0] != worst[0]][:2]
        self._override(
            worst,
            Decimal("0.70"),
            "Not representative of the performance of the plant.",
            ["As discussed"],
            mark="unjust",
        )
        self._override(
            best,
            Decimal("1.05"),
            "The scale of line 1 weighed short for two days.",
            ["Calibration record", "Weighing slips"],
        )
        ended = self._override(
            other, Decimal("0.95"), "Two orders were booked on the wrong plant.", ["Booking list"]
        )
        day = min(ended.day + dt.timedelta(days=12), self.today)
        self.add(
            day,
            "override.end",
            self.head(day),
            **{
                name: ended.fields[name]
                for name in ("kpi_id", "entity_kind", "entity_id", "period")
            },
            reason="The orders were booked again where they belong.",
        )
        site, month, value, _ = worst
        self.planted.unjust_override = {
            "kpi_id": SCRAP,
            "site_id": site,
            "period": month,
            "computed": str(value),
        }

    def _override(
        self,
        figure: tuple[str, str, Decimal, Decimal],
        factor: Decimal,
        reason: str,
        evidence: list[str],
        mark: str | None = None,
    ) -> _Step:
        site, month, value, _ = figure
        day = min(parse_period(month).last_day + dt.timedelta(days=9), self.today)
        day = max(day, self.today - dt.timedelta(days=40))
        unit = self.unit_of(site, day)
        old = value.quantize(Decimal("0.000001"), ROUND_HALF_EVEN)
        asked = self.add(
            day,
            "override.request",
            self.leader(unit, day),
            mark=mark,
            kpi_id=SCRAP,
            entity_kind="site",
            entity_id=site,
            period=month,
            old_value=str(old),
            new_value=str((old * factor).quantize(Decimal("0.000001"), ROUND_HALF_EVEN)),
            reason=reason,
            evidence=evidence,
            expires_on=(day + dt.timedelta(days=120)).isoformat(),
        )
        self.agree(day, self.head(day), asked)
        return asked

    def dispute_a_definition(self) -> None:
        day = self.today - dt.timedelta(days=300)
        site = self.sites[-1]
        opened = self.add(
            day,
            "dispute.open",
            self.leader(site, day),
            kpi_id=TURNOVER,
            org_unit_id=site,
            claim="Moves between plants count as leavers of ours, and nobody left the company.",
            evidence_query="select * from kpi.fct_kpi_readings where kpi_id = 'KPI053'",
            respondent_id=self.hr,
            due_on=(day + dt.timedelta(days=30)).isoformat(),
        )
        self.add(
            day + self.days(3, 9),
            "dispute.answer",
            self.hr,
            opened,
            answer="The definition counts exits from the company alone; moves are not in it.",
        )
        ruled = self.add(
            day + dt.timedelta(days=20),
            "dispute.rule",
            self.board[1],
            opened,
            ruling="The definition stands; the plant had read the column of moves.",
            principle="A dispute begins with the definition, read out loud.",
        )
        self.agree(day + dt.timedelta(days=22), self.board[2], ruled)

        self._dispute_that_orders_a_change()

    def _dispute_that_orders_a_change(self) -> None:
        """Rule that a definition must say something else, which nobody has carried out."""
        day, site = self.today - dt.timedelta(days=120), self.sites[0]
        opened = self.add(
            day,
            "dispute.open",
            self.leader(site, day),
            kpi_id=SCRAP,
            org_unit_id=site,
            claim="Parts that the customer sent back are counted as scrap of the plant.",
            evidence_query="select * from kpi.fct_kpi_readings where kpi_id = 'KPI016'",
            respondent_id=self.stewards[0],
            due_on=(day + dt.timedelta(days=30)).isoformat(),
        )
        self.add(
            day + dt.timedelta(days=5),
            "dispute.answer",
            self.stewards[0],
            opened,
            answer="The counter of the press cannot tell returned parts from others.",
        )
        ruled = self.add(
            day + dt.timedelta(days=20),
            "dispute.rule",
            self.board[0],
            opened,
            mark="ordered",
            ruling="Returned parts leave the count: they were good when they left the plant.",
            principle="A KPI counts what the unit caused.",
            ordered_change="Leave returned parts out of scrap and of what was produced.",
            change_by=(day + dt.timedelta(days=90)).isoformat(),
        )
        self.agree(day + dt.timedelta(days=22), self.board[1], ruled)

    def appeal(self) -> None:
        """Two appeals against ratings: one changed, one that needed more time and was upheld."""
        leaders = sorted({self.leader(site, self.today) for site in self.sites})
        for number, (outcome, rating) in enumerate((("changed", "4"), ("upheld", "2"))):
            day = self.today - dt.timedelta(days=200 - 20 * number)
            rated, rater = leaders[number], self.head(day)
            reviewer = self.board[number]
            opened = self.add(
                day,
                "appeal.open",
                rated,
                cycle_id=str(self.today.year - 1),
                employee_id=rated,
                rater_id=rater,
                rating="3" if number == 0 else "2",
                claim="The stop of the line was ordered from above and is on file.",
                evidence=["Order of the stop", "Minutes of the review"],
            )
            due = day + dt.timedelta(days=30)
            self.add(
                day + dt.timedelta(days=4),
                "appeal.assign",
                self.hr,
                opened,
                reviewer_id=reviewer,
                due_on=due.isoformat(),
            )
            if number:
                self.add(
                    due + dt.timedelta(days=2),
                    "appeal.decide",
                    reviewer,
                    opened,
                    expected="refused",
                    outcome=outcome,
                    new_rating=rating,
                    grounds="The order is on file and was weighed already.",
                )
                self.add(
                    due + dt.timedelta(days=3),
                    "appeal.extend",
                    self.hr,
                    opened,
                    due_on=(due + dt.timedelta(days=14)).isoformat(),
                    grounds="The reviewer was ill in the last week.",
                )
                due += dt.timedelta(days=10)
            self.add(
                due - dt.timedelta(days=2),
                "appeal.decide",
                reviewer,
                opened,
                outcome=outcome,
                new_rating=rating,
                grounds="The order is on file and was weighed already.",
            )

    def consent(self) -> None:
        people = [
            person
            for person, (first, last) in sorted(self.facts.employed.items())
            if first <= self.first and last >= self.today
        ]
        for person in (people[place] for place in self.draw.permutation(len(people))[:40]):
            day = self.first + self.days(30, 700)
            self.add(day, "consent.give", person, person_id=person, purpose="feedback_360")
            if self.draw.random() < CONSENTS_TAKEN_BACK:
                self.add(
                    day + self.days(60, 300),
                    "consent.withdraw",
                    person,
                    person_id=person,
                    purpose="feedback_360",
                )

    def waive(self) -> None:
        feed = next(feed for feed in sorted(self.facts.rules) if self.facts.rules[feed])
        rule = min(self.facts.rules[feed])
        day = self.today - dt.timedelta(days=400)
        granted = self.add(
            day,
            "waiver.grant",
            self.stewards[0],
            feed=feed,
            rule_id=rule,
            reason="The new system delivers the field from next month on.",
            expires_on=(day + dt.timedelta(days=45)).isoformat(),
        )
        self.agree(day + dt.timedelta(days=1), self.stewards[1], granted)

    def do_steps(self) -> None:
        """Record steps of trials the day before they are due; some lines do none."""
        declared = {
            at: due
            for at, due in sorted(self.facts.trial_steps.items())
            if ("line", at[1]) in self.facts.entities and self.first < due <= self.today
        }
        lines = sorted({(trial, line) for trial, line, _ in declared})
        self.planted.undone_steps = lines[::IDLE_EVERY]
        for (trial, line, step), due in declared.items():
            if (trial, line) not in self.planted.undone_steps:
                day = due - dt.timedelta(days=1)
                self.add(
                    day,
                    "trial_step.do",
                    self.stewards[0],
                    trial_id=trial,
                    entity_kind="line",
                    entity_id=line,
                    step_id=step,
                    done_on=day.isoformat(),
                    evidence=["Signed list in the line's folder"],
                )

    def attempt(self) -> None:
        """Try what may not be."""
        day = self.today - dt.timedelta(days=100)
        site, other = self.sites[0], self.sites[1]
        mine, theirs = self.leader(site, day), self.leader(other, day)
        target = {"kpi_id": OEE, "org_unit_id": other, "period": str(day.year + 1)}
        self.add(
            day,
            "target.propose",
            mine,
            expected="refused",
            **target,
            **self.levels(OEE),
            reason="They should have the same levels as we have.",
        )
        worse = self.levels(OEE) | {"target": "0.01"}
        self.add(
            day,
            "target.propose",
            theirs,
            expected="refused",
            **target,
            **worse,
            reason="What we reach without any effort.",
        )
        self.add(
            day,
            "appointment.appoint",
            mine,
            expected="refused",
            role="board_member",
            person_id=mine,
            org_unit_id=self.root,
            reason="The plant must be heard.",
        )
        self.add(
            day,
            "lifecycle.retire",
            theirs,
            expected="refused",
            kpi_id=TRIR,
            reason="It only makes trouble for us.",
        )
        self.add(day, "target.loosen", mine, expected="refused", kpi_id=OEE)
        waiting = self.add(
            self.today - dt.timedelta(days=35),
            "target.propose",
            theirs,
            valid_from=self.today,
            mark="waiting",
            **target,
            **self.levels(OEE, Decimal("0.01")),
            reason="Levels for the coming year, with the new line in them.",
        )
        self.add(waiting.day, APPROVE, theirs, waiting, expected="refused")
        taken_back = self.add(
            day,
            "ownership.hand_over",
            self.board[0],
            kpi_id=SCRAP,
            owner_id=mine,
            reason="Scrap arises mostly in this plant.",
        )
        self.add(day + dt.timedelta(days=2), WITHDRAW, self.board[0], taken_back)
        rejected = self.add(
            day,
            "lifecycle.retire",
            self.board[0],
            kpi_id=TURNOVER,
            reason="Nobody has asked for it in the last reviews.",
        )
        self.add(
            day + dt.timedelta(days=9),
            REJECT,
            self.board[2],
            rejected,
            comment="It is on every card of a plant.",
        )

    def ask_too_much(self) -> None:
        """Ask for a target that its forecast rules out, and have it let stand; if there is one."""
        least = float(self.facts.goals.least_odds) if self.facts.goals else 0.0
        for (kpi, kind, entity), forecast in sorted(self.facts.forecasts.items()):
            if kind != "site" or kpi not in ON_CARDS:
                continue
            levels = self.levels(kpi)
            if odds_of_level(forecast, float(levels["target"])) >= least:
                continue
            [unit] = set(self.facts.units_of_entity(kind, entity, self.today))
            leader = self.leader(unit, self.today)
            about = {"kpi_id": kpi, "org_unit_id": unit, "period": str(self.today.year + 2)}
            why = "The year after the next, with the new hall in use."
            too_much = {**about, **levels, "reason": why}
            self.add(self.today, "target.propose", leader, expected="refused", **too_much)
            asked = self.add(
                self.today,
                "feasibility.override",
                leader,
                **about,
                level=levels["target"],
                reason="The new hall ends the transports between the two buildings.",
                evidence=["Plan of the new hall, page 12"],
            )
            self.agree(self.today, self.head(self.today), asked)
            self.add(
                self.today,
                "target.propose",
                leader,
                valid_from=self.today + dt.timedelta(days=360),
                mark="against_the_odds",
                **too_much,
            )
            return

    def lock(self, snapshot: str) -> None:
        """Lock the month before the last for one plant, as for an evaluation under way."""
        month = _month_before(self.today, 2)
        locked = self.add(
            self.today,
            "period_lock.lock",
            self.target_steward,
            org_unit_id=self.sites[3 % len(self.sites)],
            period=month,
            snapshot=snapshot,
            reason="Evaluation of the half-year has begun.",
        )
        self.add(
            self.today,
            "acknowledgement.give",
            self.leader(locked.fields["org_unit_id"], self.today),
            locked,
        )

    # The ledger ------------------------------------------------------------------------------

    def write(self) -> Planted:
        """Hand in all steps by their day; a step comes after the one that it answers."""
        answered: dict[int, Answer] = {}
        outcomes: Counter[str] = Counter()
        for number, step in enumerate(sorted(self.steps, key=lambda one: (one.day, one.order))):
            moment = dt.datetime.combine(step.day, dt.time(7), dt.UTC) + dt.timedelta(
                seconds=number
            )
            refers_to = answered[step.answers.order].seq if step.answers else None
            submission = Submission(
                step.act_type, step.actor, step.fields, refers_to, step.valid_from
            )
            [answer] = self.office.submit([submission], now=lambda moment=moment: moment)
            if (answer.outcome == "refused") != (step.expected == "refused"):
                raise RuntimeError(
                    f"{step.act_type} by {step.actor} on {step.day} was to be {step.expected} and "
                    f"is {answer.outcome}: {answer.sentence}"
                )
            answered[step.order] = answer
            outcomes[answer.outcome] += 1
        numbers = {
            mark: [seq for step in steps if (seq := answered[step.order].seq) is not None]
            for mark, steps in self.marks.items()
        }
        self.planted.outcomes = dict(outcomes)
        self.planted.late_consents = numbers.get("late", [])
        [self.planted.ordered_change] = numbers["ordered"]
        self.planted.against_the_odds = numbers.get("against_the_odds", [])
        self.planted.waiting = numbers.get("waiting", [])
        self.planted.refused = [
            seq
            for answer in answered.values()
            if answer.outcome == "refused" and (seq := answer.seq) is not None
        ]
        self.planted.goalpost_drift["acts"] = numbers["drift"]
        self.planted.disputed_target["act"] = numbers["disputed"][0]
        self.planted.unjust_override["act"] = numbers["unjust"][0]
        return self.planted


def _month_before(day: dt.date, months: int) -> str:
    number = day.year * 12 + day.month - 1 - months
    return f"{number // 12}-{number % 12 + 1:02d}"
