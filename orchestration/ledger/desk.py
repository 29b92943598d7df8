"""The desk at which acts are judged, under the ledger's write lock.

Everything is held against what the ledger says at that moment, so of two people who decide at once
one sees the other's act. What comes of it is part of the entry: a later change of the rules judges
no act again. Appending batches and refusals is the business of `recording`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from orchestration.governance.periods import parse_period
from orchestration.governance.rights import Grant, Held, Post, find_right
from orchestration.ledger.checks import CHECKS, Situation, Term
from orchestration.ledger.definitions import (
    ACTOR,
    APPROVE,
    NO_STATE,
    REJECT,
    WITHDRAW,
    ActType,
    Consent,
)
from orchestration.ledger.fates import fates
from orchestration.ledger.fields import RefusedError, Rulebook, parse_fields, with_proposal
from orchestration.ledger.projection import Rectangle, rectangles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestration.ledger.facts import Facts
    from orchestration.ledger.store import Recorded, Writer

DECISIONS: Final = frozenset({APPROVE, REJECT, WITHDRAW})
APPOINTMENTS: Final = ("appointment.appoint", "appointment.appoint_auditor", "appointment.end")
LOCKS: Final = ("period_lock.lock", "period_lock.release")
FEASIBILITY: Final = "feasibility"
ERASURE: Final = "erasure.order"
RETIRED: Final = "retired"


@dataclass(frozen=True)
class Submission:
    """An act as somebody hands it in; fields are text or plain values, lists for lists."""

    act_type: str
    actor: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    refers_to: int | None = None
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None


@dataclass(frozen=True)
class Answer:
    """What became of a submission.

    Attributes
    ----------
    seq : int or None
        Its number in the ledger; None if it was not recorded because another one of the same
        batch was refused.
    outcome : str
        `effective`, `pending`, `recorded`, `refused` or `not_recorded`.
    sentence : str
        What that means, in one sentence.
    notify : tuple of str
        Persons to tell.
    """

    seq: int | None
    outcome: str
    sentence: str
    notify: tuple[str, ...] = ()


class Desk:
    """Judges acts under the write lock; remembers what all acts of a batch need."""

    def __init__(self, writer: Writer, rulebook: Rulebook, facts: Facts, today: dt.date) -> None:
        self.writer, self.rulebook, self.facts, self.today = writer, rulebook, facts, today
        self.ending = rulebook.types.ending()
        # By the number of the order.
        self.erasures: dict[int, list[int]] = {}
        self._truths: dict[str, list[Rectangle]] = {}
        self._register_subjects: dict[tuple[str, ...], set[str]] = {}

    def take(self, submission: Submission) -> Answer:
        """Judge one submission and append it."""
        if not submission.actor:
            raise RefusedError("Nobody is named as actor: say who acts.")
        act = self.rulebook.types.find(submission.act_type)
        if act is None:
            raise RefusedError(
                f"There is no act {submission.act_type!r}: `steelyard act --list` shows them all."
            )
        if act.type in DECISIONS:
            payload, answer = self._decision(act, submission)
        else:
            payload, answer = self._act(act, submission)
        recorded = self.writer.append(payload)
        self._forget(payload)
        effective = payload["completes"] or (
            recorded.seq if payload["outcome"] == "effective" else None
        )
        self._erase_if_ordered(effective)
        return Answer(
            recorded.seq,
            payload["outcome"],
            answer.replace(_THIS, str(recorded.seq)),
            self._to_notify(act, payload),
        )

    # An act of its own -----------------------------------------------------------------------

    def _act(self, act: ActType, submission: Submission) -> tuple[dict[str, Any], str]:
        followed = self._followed(act, submission)
        valid_from = submission.valid_from or self.today
        handed_in = with_proposal(act, submission.fields, self.facts)
        given = parse_fields(act, handed_in, self.rulebook, self.facts, valid_from)
        subject = self._subject(act, given, followed, submission.actor)
        try:
            truth = self._truth(subject, valid_from)
            fields = {**self._kept(act, followed, truth), **given}
            situation = self._situation(submission.actor, fields, truth, valid_from, followed)
            valid_to = self._valid_to(submission, situation)
            self._check_possible(act, situation, subject)
            held = self._require_right(act, situation)
            self._check_not_by(act, submission.actor, situation.context, followed)
            self._run_checks(act, situation)
        except RefusedError as refused:
            raise RefusedError(str(refused), subject) from refused
        waits_for = self._consents(act, situation.fields)
        changes = act.to_state is not None or act.ends
        outcome = "pending" if waits_for else "effective" if changes else "recorded"
        payload = {
            "act_type": act.type,
            "definition": self.rulebook.types.hash_of(act.type),
            "actor": submission.actor,
            "right": {"right": act.right, "role": held.role, "org_unit_id": held.org_unit_id},
            "subject": subject,
            "refers_to": followed.seq if followed else None,
            "valid_from": valid_from.isoformat(),
            "valid_to": valid_to.isoformat() if valid_to else None,
            "fields": dict(situation.fields),
            "outcome": outcome,
            "refusal": None,
            "completes": None,
        }
        sentence = (
            f"Act {_THIS} is pending until {_in_words(waits_for, situation.fields, followed)}."
            if waits_for
            else f"Act {_THIS} is recorded: {act.meaning}"
        )
        return payload, sentence

    def _followed(self, act: ActType, submission: Submission) -> Recorded | None:
        if not act.follows:
            if submission.refers_to is not None:
                raise RefusedError(f"{act.type} answers no other act: leave out its number.")
            return None
        wanted = " or ".join(act.follows)
        if submission.refers_to is None:
            raise RefusedError(f"Say which act it answers ({wanted}): give its number.")
        followed = self.writer.entry(submission.refers_to)
        if followed is None or followed.payload is None:
            raise RefusedError(f"There is no act {submission.refers_to}: look at `steelyard acts`.")
        if followed.payload["act_type"] not in act.follows:
            raise RefusedError(
                f"Act {followed.seq} is a {followed.payload['act_type']}; {act.type} answers "
                f"{wanted}: give another number."
            )
        if followed.payload["outcome"] == "refused":
            raise RefusedError(f"Act {followed.seq} was refused, so there is nothing to answer.")
        return followed

    def _subject(
        self,
        act: ActType,
        given: Mapping[str, Any],
        followed: Recorded | None,
        actor: str,
    ) -> str:
        register = self.rulebook.types.registers[act.register_name]
        if followed is not None and followed.payload is not None:
            if followed.payload["act_type"].split(".")[0] == act.register_name:
                return str(followed.payload["subject"])
            return _joined(act.register_name, str(followed.seq), actor)
        if register.key:
            return _joined(act.register_name, *(str(given[name]) for name in register.key))
        return _joined(act.register_name, str(self.writer.head().seq + 1))

    def _situation(
        self,
        actor: str,
        fields: Mapping[str, Any],
        truth: Rectangle | None,
        first: dt.date,
        answered: Recorded | None = None,
    ) -> Situation:
        said = answered.payload["fields"] if answered and answered.payload else {}
        context = {**said, **fields}
        return Situation(
            actor=actor,
            fields=fields,
            context=context,
            truth=truth.fields if truth else None,
            state=self._state(truth),
            valid_from=first,
            today=self.today,
            units=self._units(context),
            facts=self.facts,
            limits=self.rulebook.rights.policy,
            locked=self._locked_period,
            terms=self._terms,
            let_stand=self._let_stand,
        )

    def _kept(
        self, act: ActType, followed: Recorded | None, truth: Rectangle | None
    ) -> Mapping[str, Any]:
        """Return the fields whose values an act keeps if it does not give them."""
        if not act.keeps:
            return {}
        if followed is not None and followed.payload is not None and self._is_waiting(followed):
            kept: Mapping[str, Any] = followed.payload["fields"]
            return kept
        return truth.fields if truth else {}

    def _valid_to(self, submission: Submission, situation: Situation) -> dt.date | None:
        valid_to = submission.valid_to
        if "expires_on" in situation.fields:
            valid_to = min(valid_to or situation.expires_on, situation.expires_on)
        elif situation.fields.get("until"):
            valid_to = dt.date.fromisoformat(situation.fields["until"])
        if valid_to is not None and valid_to < situation.valid_from:
            raise RefusedError(
                f"It would end on {valid_to}, before its first day {situation.valid_from}: "
                "correct one of them."
            )
        return valid_to

    def _check_possible(self, act: ActType, situation: Situation, subject: str) -> None:
        first, today = situation.valid_from, self.today
        if act.back_days is not None and first < today - dt.timedelta(days=act.back_days):
            raise RefusedError(
                f"The first valid day {first} lies further back than the {act.back_days} days "
                f"that {act.type} allows: give a later day."
            )
        if act.ahead_days is not None and first > today + dt.timedelta(days=act.ahead_days):
            raise RefusedError(
                f"The first valid day {first} lies further ahead than the {act.ahead_days} days "
                f"that {act.type} allows: give an earlier day, or act when it is nearer."
            )
        kpi = situation.fields.get("kpi_id")
        if kpi and not act.acts_on_retired and act.register_name != "lifecycle":
            life = self._truth(_joined("lifecycle", kpi), first)
            if self._state(life) == RETIRED:
                raise RefusedError(
                    f"{kpi} is retired since {life.valid_from if life else ''}: use the KPI that "
                    "took its place."
                )
        if act.from_states and situation.state not in act.from_states:
            raise RefusedError(self._wrong_state(act, situation, subject))
        if not act.replaces_pending and act.consents:
            waiting = self._waiting(subject)
            if waiting:
                raise RefusedError(
                    f"Act {waiting[-1]} on the same subject waits for consent: approve, "
                    "reject or withdraw it first."
                )

    def _wrong_state(self, act: ActType, situation: Situation, subject: str) -> str:
        others = sorted(
            one.type
            for one in self.rulebook.types
            if one.register_name == act.register_name and situation.state in one.from_states
        )
        what = subject.replace("|", " ")
        if situation.state == NO_STATE:
            said = f"{what} has no {' or '.join(act.from_states)} entry on {situation.valid_from}"
        else:
            by = (situation.truth or {}).get("owner_id")
            said = f"{what} is {situation.state}" + (f" by {by}" if by else "")
        return f"{said}, so {act.type} is not possible" + (
            f": possible is {' or '.join(others)}." if others else "."
        )

    def _run_checks(self, act: ActType, situation: Situation) -> None:
        for name in act.checks:
            sentence = CHECKS[name](situation)
            if sentence is not None:
                raise RefusedError(sentence)

    # Rights ----------------------------------------------------------------------------------

    def _require_right(self, act: ActType, situation: Situation) -> Held:
        return self._right_or_refusal(
            act.right, situation.actor, situation.context, situation.units, what=act.type
        )

    def _right_or_refusal(
        self,
        right: str,
        person: str,
        fields: Mapping[str, Any],
        units: Sequence[str],
        *,
        what: str,
    ) -> Held:
        grants = self.rulebook.rights.rights.get(right, ())
        found = find_right(
            [Grant(grant.role, grant.scope) for grant in grants],
            self._posts(right, person, fields),
            units=units,
            on=self.today,
            units_above=lambda unit: self.facts.units_above(unit, self.today),
        )
        if isinstance(found, Held):
            return found
        if found.ended_on:
            raise RefusedError(
                f"{person}'s right to {_spoken(right)} ended on {found.ended_on}: let whoever "
                f"holds it now do {what}."
            )
        who = ", ".join(
            _spoken(grant.role) + ("" if grant.scope == "anywhere" else f" {grant.scope} the unit")
            for grant in grants
        )
        raise RefusedError(
            f"{person} has no right to {_spoken(right)}"
            + (f" for {', '.join(units)}" if units else "")
            + f": ask a {who or 'holder of it (nobody is one)'}."
        )

    def _posts(self, right: str, person: str, fields: Mapping[str, Any]) -> list[Post]:
        """Return all posts of a person that may give a right, past ones too."""
        rights, posts = self.rulebook.rights, []
        narrowed = {grant.role: grant.fields for grant in rights.rights.get(right, ())}
        for name, role in rights.roles.items():
            if role.leads is not None:
                posts += [
                    Post(person, name, unit.org_unit_id, unit.valid_from, unit.valid_to)
                    for unit in self.facts.led_by(person)
                    if role.leads in {"any", unit.kind}
                ]
            elif role.employed and person in self.facts.employed:
                posts.append(Post(person, name, None, *self.facts.employed[person]))
            elif role.owns_kpi and "kpi_id" in fields:
                owned = self._truth(_joined("ownership", fields["kpi_id"]), self.today)
                if owned is not None and owned.fields.get("owner_id") == person:
                    posts.append(Post(person, name, None, owned.valid_from, owned.valid_to))
            elif role.is_field and name in narrowed:
                wanted = narrowed[name] or role.is_field
                if person in {fields.get(one) for one in wanted}:
                    posts.append(Post(person, name, None, self.today, None))
        posts += [
            Post(person, holder.role, holder.org_unit_id, holder.valid_from, holder.valid_to)
            for holder in rights.holders
            if holder.person_id == person
        ]
        return posts + [
            Post(
                person,
                term.fields["role"],
                term.fields["org_unit_id"],
                term.valid_from,
                term.valid_to,
            )
            for term in self._appointments
            if term.fields["person_id"] == person
        ]

    def _units(self, fields: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the org units that an act is about."""
        if fields.get("org_unit_id"):
            return (fields["org_unit_id"],)
        kind = fields.get("entity_kind")
        if kind is None:
            return ()
        return tuple(self.facts.units_of_entity(kind, fields["entity_id"], self.today))

    def _check_not_by(
        self, act: ActType, person: str, fields: Mapping[str, Any], followed: Recorded | None
    ) -> None:
        for name in act.not_by:
            if name == ACTOR:
                barred = (followed.payload or {})["actor"] if followed else None
                said = f"did act {followed.seq}" if followed else ""
            else:
                barred, said = fields.get(name), f"is its {_spoken(name.removesuffix('_id'))}"
            if barred == person:
                raise RefusedError(
                    f"{person} {said} and cannot do {act.type} as well: it takes a second person."
                )

    # Consents --------------------------------------------------------------------------------

    def _consents(self, act: ActType, fields: Mapping[str, Any]) -> list[Consent]:
        kpi = self.facts.kpis.get(fields.get("kpi_id", ""))
        is_high = bool(kpi and kpi.consequences)
        wanted = {"always", "high_impact" if is_high else "low_impact"}
        return [consent for consent in act.consents if consent.when in wanted]

    def _decision(self, act: ActType, submission: Submission) -> tuple[dict[str, Any], str]:
        if submission.refers_to is None:
            raise RefusedError(f"{act.type} lacks the number of the act: give it.")
        target = self.writer.entry(submission.refers_to)
        if target is None or target.payload is None:
            raise RefusedError(f"There is no act {submission.refers_to}: look at `steelyard acts`.")
        subject = str(target.payload["subject"])
        try:
            given = parse_fields(act, submission.fields, self.rulebook, self.facts, self.today)
            self._require_waiting(target)
            held, completes, sentence = self._agreement(act, submission.actor, target)
        except RefusedError as refused:
            raise RefusedError(str(refused), subject) from refused
        payload = {
            "act_type": act.type,
            "definition": self.rulebook.types.hash_of(act.type),
            "actor": submission.actor,
            "right": held,
            "subject": subject,
            "refers_to": target.seq,
            "valid_from": None,
            "valid_to": None,
            "fields": given,
            "outcome": "recorded",
            "refusal": None,
            "completes": target.seq if completes else None,
        }
        return payload, sentence

    def _agreement(
        self, decision: ActType, person: str, target: Recorded
    ) -> tuple[dict[str, Any], bool, str]:
        """Return the right of a decision, whether it completes the act, and what to say."""
        payload = target.payload or {}
        if decision.type == WITHDRAW:
            if person != payload["actor"]:
                raise RefusedError(
                    f"Act {target.seq} is that of {payload['actor']}: only they can withdraw it; "
                    "reject it instead."
                )
            own = {"right": "withdraw", "role": "person_concerned", "org_unit_id": None}
            return own, False, f"Act {target.seq} is withdrawn."
        act = self.rulebook.types.find(payload["act_type"])
        if act is None:
            raise RefusedError(f"Act {target.seq} is of a type that no longer exists.")
        if person == payload["actor"]:
            raise RefusedError(
                f"{person} did act {target.seq} and cannot decide on it as well: it takes a "
                "second person."
            )
        followed = self.writer.entry(payload["refers_to"]) if payload["refers_to"] else None
        # `actor` bars the author of what this act answers, who is asked for consent on purpose.
        barred = [name for name in act.not_by if name != ACTOR]
        self._check_not_by(
            act.model_copy(update={"not_by": tuple(barred)}), person, payload["fields"], None
        )
        given = [
            entry.payload
            for entry in self.writer.entries(refers_to=target.seq, act_type=APPROVE)
            if entry.payload is not None and entry.payload["outcome"] == "recorded"
        ]
        if any(one["actor"] == person for one in given):
            raise RefusedError(
                f"{person} has agreed to act {target.seq} already: it takes another person."
            )
        wanted = self._consents(act, payload["fields"])
        missing = _missing(wanted, [one["right"]["right"] for one in given])
        held = self._consent_right(person, missing, target, followed)
        if decision.type == REJECT:
            return held, False, f"Act {target.seq} is rejected and never takes effect."
        rest = _missing(wanted, [*(one["right"]["right"] for one in given), held["right"]])
        if rest:
            waits = _in_words(rest, payload["fields"], followed)
            return held, False, f"Agreed; act {target.seq} is still pending until {waits}."
        self._check_still_possible(act, target)
        return held, True, f"Agreed; act {target.seq} has taken effect: {act.meaning}"

    def _consent_right(
        self,
        person: str,
        missing: Sequence[Consent],
        target: Recorded,
        followed: Recorded | None,
    ) -> dict[str, Any]:
        payload = target.payload or {}
        refusals: list[str] = []
        for consent in missing:
            if consent.person is not None:
                wanted = _person(consent, payload["fields"], followed)
                if wanted == person:
                    return {
                        "right": _consent_name(consent),
                        "role": "person_concerned",
                        "org_unit_id": None,
                    }
                refusals.append(f"{wanted} is asked, not {person}: leave it to them.")
                continue
            try:
                held = self._right_or_refusal(
                    str(consent.right),
                    person,
                    payload["fields"],
                    self._units(payload["fields"]),
                    what=f"the consent to act {target.seq}",
                )
            except RefusedError as refused:
                refusals.append(str(refused))
                continue
            return {"right": consent.right, "role": held.role, "org_unit_id": held.org_unit_id}
        raise RefusedError(refusals[0])

    def _check_still_possible(self, act: ActType, target: Recorded) -> None:
        """Refuse the last consent to an act that what happened since has made impossible."""
        payload = target.payload or {}
        first = dt.date.fromisoformat(payload["valid_from"])
        truth = self._truth(payload["subject"], first)
        situation = self._situation(payload["actor"], payload["fields"], truth, first)
        if act.from_states and situation.state not in act.from_states:
            raise RefusedError(self._wrong_state(act, situation, payload["subject"]))
        try:
            self._run_checks(act, situation)
        except RefusedError as refused:
            raise RefusedError(f"Act {target.seq} is no longer possible. {refused}") from refused

    def _waiting(self, subject: str) -> list[int]:
        """Return the acts on a subject that wait for consent, by their numbers."""
        entries = self.writer.entries(subject=subject)
        return [seq for seq, fate in fates(entries, self.rulebook.types).items() if fate is None]

    def _is_waiting(self, act: Recorded) -> bool:
        return act.payload is not None and act.seq in self._waiting(act.payload["subject"])

    def _require_waiting(self, act: Recorded) -> None:
        said = act.payload or {"outcome": "erased", "subject": ""}
        if said["outcome"] == "pending":
            entries = self.writer.entries(subject=said["subject"])
            fate = fates(entries, self.rulebook.types)[act.seq]
        else:
            fate = _AT_ONCE.get(said["outcome"], "it took effect at once")
        if fate is not None:
            raise RefusedError(f"Act {act.seq} does not wait for consent: {fate}.")

    # What the ledger says --------------------------------------------------------------------

    def _rectangles(self, subject: str) -> list[Rectangle]:
        if subject not in self._truths:
            self._truths[subject] = rectangles(self.writer.entries(subject=subject), self.ending)
        return self._truths[subject]

    def _truth(self, subject: str, day: dt.date) -> Rectangle | None:
        """Return what holds on a day by all that is recorded."""
        for one in self._rectangles(subject):
            if one.recorded_to is None and one.valid_from <= day <= one.valid_to:
                return one
        return None

    def _state(self, truth: Rectangle | None) -> str:
        act = self.rulebook.types.find(truth.act_type) if truth else None
        return (act.to_state or NO_STATE) if act else NO_STATE

    def _subjects(self, act_types: tuple[str, ...]) -> set[str]:
        if act_types not in self._register_subjects:
            self._register_subjects[act_types] = {
                entry.payload["subject"]
                for name in act_types
                for entry in self.writer.entries(act_type=name)
                if entry.payload is not None and entry.payload["outcome"] != "refused"
            }
        return self._register_subjects[act_types]

    @property
    def _appointments(self) -> list[Rectangle]:
        return [
            one
            for subject in sorted(self._subjects(APPOINTMENTS))
            for one in self._rectangles(subject)
            if one.recorded_to is None
        ]

    @property
    def _terms(self) -> tuple[Term, ...]:
        return tuple(
            Term(one.fields["person_id"], one.fields["role"], one.valid_from, one.valid_to)
            for one in self._appointments
        )

    def _locked_period(self, units: tuple[str, ...], first: dt.date, last: dt.date) -> str | None:
        for subject in sorted(self._subjects(LOCKS)):
            truth = self._truth(subject, self.today)
            if self._state(truth) != "locked" or truth is None:
                continue
            period = parse_period(truth.fields["period"])
            overlaps = period.first_day <= last and first <= period.last_day
            locked = truth.fields["org_unit_id"]
            if overlaps and any(
                unit == locked or locked in self.facts.units_above(unit, self.today)
                for unit in units
            ):
                return period.label
        return None

    def _let_stand(self, kpi: str, unit: str, period: str) -> str | None:
        truth = self._truth(_joined(FEASIBILITY, kpi, unit, period), self.today)
        return truth.fields["level"] if truth else None

    def _forget(self, payload: Mapping[str, Any]) -> None:
        self._truths.pop(payload["subject"], None)
        for act_types in (APPOINTMENTS, LOCKS):
            if payload["subject"].split("|")[0] == act_types[0].split(".")[0]:
                self._register_subjects.pop(act_types, None)

    def _erase_if_ordered(self, effective: int | None) -> None:
        act = self.writer.entry(effective) if effective else None
        if act is not None and act.payload and act.payload["act_type"] == ERASURE:
            self.erasures[act.seq] = list(act.payload["fields"]["entries"])

    def _to_notify(self, act: ActType, payload: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the persons that the definition names, without the actor; roles are resolved."""
        persons: set[str] = set()
        for who in act.notify:
            if who == "kpi_owner" and payload["fields"].get("kpi_id"):
                owned = self._truth(_joined("ownership", payload["fields"]["kpi_id"]), self.today)
                persons |= {owned.fields["owner_id"]} if owned else set()
            elif who == "unit_leader":
                versions = [
                    self.facts.unit_on(unit, self.today) for unit in self._units(payload["fields"])
                ]
                persons |= {unit.leader_id for unit in versions if unit and unit.leader_id}
            elif who == ACTOR and payload["refers_to"]:
                answered = self.writer.entry(payload["refers_to"])
                persons |= {answered.payload["actor"]} if answered and answered.payload else set()
            elif payload["fields"].get(who):
                persons.add(payload["fields"][who])
        return tuple(sorted(persons - {payload["actor"]}))


# Why an act that never was pending does not wait.
_AT_ONCE: Final = {"refused": "it was refused", "erased": "its content is erased"}
# Stands for an act's own number until it has one.
_THIS: Final = "{this}"


def _joined(*parts: str) -> str:
    return "|".join(part.replace("%", "%25").replace("|", "%7C") for part in parts)


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _consent_name(consent: Consent) -> str:
    return str(consent.right) if consent.right else f"person:{consent.person}"


def _person(consent: Consent, fields: Mapping[str, Any], followed: Recorded | None) -> str | None:
    if consent.person == ACTOR:
        return (followed.payload or {})["actor"] if followed else None
    return fields.get(str(consent.person))


def _missing(wanted: Sequence[Consent], given: Sequence[str]) -> list[Consent]:
    """Return the consents that are still to be given, with the count that is missing."""
    missing = []
    for consent in wanted:
        left = consent.count - sum(name == _consent_name(consent) for name in given)
        if left > 0:
            missing.append(consent.model_copy(update={"count": left}))
    return missing


def _in_words(
    consents: Sequence[Consent], fields: Mapping[str, Any], followed: Recorded | None
) -> str:
    said = [
        f"{_person(one, fields, followed)} agrees"
        if one.person
        else f"{one.count} with the right to {_spoken(str(one.right))} agree"
        + ("s" if one.count == 1 else "")
        for one in consents
    ]
    return " and ".join(said)
