"""What somebody hands in as the fields of an act: looked up, and put into the form of the ledger.

Numbers become text without exponents, so that 0.80 stays 0.80; days and periods their label.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from orchestration.governance.periods import parse_period

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestration.ledger.definitions import ActType, ActTypes, Asked
    from orchestration.ledger.facts import Facts
    from orchestration.registry.rights import DecisionRights

_HASH: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Rulebook:
    """What may be decided, and by whom."""

    types: ActTypes
    rights: DecisionRights


class RefusedError(Exception):
    """An act cannot be; the message is the one sentence that says why and what to do."""

    def __init__(self, sentence: str, subject: str | None = None) -> None:
        super().__init__(sentence)
        self.subject = subject


def parse_fields(
    act: ActType, given: Mapping[str, Any], rulebook: Rulebook, facts: Facts, day: dt.date
) -> dict[str, Any]:
    """Return the fields of an act as they are recorded.

    Parameters
    ----------
    act : ActType
        Says which fields there are.
    given : mapping
        Text or plain values, lists for lists; blank ones count as not given.
    rulebook, facts : Rulebook, Facts
        What names are looked up in.
    day : date
        The day on which an org unit must exist.

    Raises
    ------
    RefusedError
        If a field is unknown, missing, or names or says what cannot be.
    """
    for name in given:
        if name not in act.fields:
            raise RefusedError(
                f"{act.type} has no field {name!r}: it asks for {', '.join(act.fields)}."
            )
    missing = [name for name in act.asks if _is_blank(given.get(name))]
    if missing:
        asked = rulebook.types.asked(act, missing[0])
        raise RefusedError(f"{act.type} lacks {', '.join(missing)}: give it. {asked.question}")
    reader = _FieldReader(rulebook, facts, day)
    for name in act.fields:
        if not _is_blank(given.get(name)):
            reader.read(name, rulebook.types.asked(act, name), given[name])
    return reader.done


def with_proposal(act: ActType, given: Mapping[str, Any], facts: Facts) -> Mapping[str, Any]:
    """Return the fields that are given, with what the published proposal says that they name.

    Raises
    ------
    RefusedError
        If no such proposal is published now, or a field is given otherwise than it says.
    """
    if act.given_by is None or _is_blank(given.get(act.given_by)):
        return given
    named = str(given[act.given_by]).strip()
    proposal = facts.proposals.get(named)
    if proposal is None:
        raise RefusedError(
            f"There is no published proposal {named}: kpi.fct_target_proposals has those of the "
            "last run."
        )
    for name, said in proposal.items():
        own = given.get(name)
        if not _is_blank(own) and str(own).strip() != said:
            raise RefusedError(
                f"The proposal {named} says {name} {said}, not {own}: leave it out, or use "
                "target.propose."
            )
    return {**given, **proposal}


class _FieldReader:
    """Reads fields one after the other; an entity needs the kind that was given before it."""

    def __init__(self, rulebook: Rulebook, facts: Facts, day: dt.date) -> None:
        self.rulebook, self.facts, self.day = rulebook, facts, day
        self.done: dict[str, Any] = {}

    def read(self, name: str, asked: Asked, given: Any) -> None:
        values = given if isinstance(given, list | tuple) else [given]
        if not asked.many and len(values) != 1:
            raise RefusedError(f"{name} is given {len(values)} times: give it once.")
        texts = [
            value.isoformat() if isinstance(value, dt.date) else str(value).strip()
            for value in values
        ]
        for text in texts:
            said = self._unknown(asked, text)
            if said is not None:
                raise RefusedError(f"{name}: {said}: correct it.")
        done = [_written(name, asked, text) for text in texts]
        self.done[name] = done if asked.many else done[0]

    def _unknown(self, asked: Asked, text: str) -> str | None:
        """Return what is wrong with a name that is to be looked up, or None."""
        facts, rights, others = self.facts, self.rulebook.rights, self.done
        feed, kind = others.get("feed", ""), others.get("entity_kind", "")
        known = {
            "kpi": lambda: text in facts.kpis,
            "person": lambda: (
                text in facts.employed or any(holder.person_id == text for holder in rights.holders)
            ),
            "org_unit": lambda: facts.unit_on(text, self.day) is not None,
            "entity_kind": lambda: any(text == one for one, _ in facts.entities),
            "entity": lambda: (kind, text) in facts.entities,
            "feed": lambda: text in facts.rules,
            "rule": lambda: text in facts.rules.get(feed, ()),
            "role": lambda: text in rights.roles,
            "right": lambda: text in rights.rights,
        }
        if asked.kind not in known or known[asked.kind]():
            return None
        return {
            "kpi": f"there is no KPI {text}",
            "person": f"nobody has the id {text}",
            "org_unit": f"there is no org unit {text} on {self.day}",
            "entity_kind": f"there are no entities of the kind {text}",
            "entity": f"there is no {kind} {text}",
            "rule": f"{feed} has no rule {text}",
        }.get(asked.kind, f"there is no {asked.kind} {text}")


def _written(name: str, asked: Asked, text: str) -> Any:  # noqa: C901 (a case per kind)
    """Return a value as the ledger holds it, or refuse it."""
    match asked.kind:
        case "hash" if not _HASH.fullmatch(text):
            raise RefusedError(f"{name}: {text!r} is no hash of 64 hexadecimal digits.")
        case "code" if text not in asked.values:
            raise RefusedError(f"{name}: {text!r} is none of {', '.join(asked.values)}.")
        case "text" if len(text) < asked.min_length:
            raise RefusedError(
                f"{name} says too little ({text!r}): write at least {asked.min_length} "
                f"characters. {asked.question}"
            )
        case "period":
            try:
                return parse_period(text).label
            except ValueError as error:
                raise RefusedError(f"{name}: {error}.") from error
        case "date":
            try:
                return dt.date.fromisoformat(text).isoformat()
            except ValueError as error:
                raise RefusedError(f"{name}: {text!r} is no day like 2026-03-31.") from error
        case "number":
            return _number(name, text)
        case "whole_number" if not re.fullmatch(r"[0-9]{1,15}", text):
            raise RefusedError(f"{name}: {text!r} is no whole number from 0 on.")
        case "whole_number":
            return int(text)
        case "flag" if text.lower() not in {"true", "false", "yes", "no"}:
            raise RefusedError(f"{name}: say yes or no, not {text!r}.")
        case "flag":
            return text.lower() in {"true", "yes"}
    return text


def _number(name: str, text: str) -> str:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise RefusedError(f"{name}: {text!r} is no number like 0.95.") from error
    if not number.is_finite():
        raise RefusedError(f"{name}: {text!r} is no finite number.")
    return format(number, "f")


def _is_blank(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return not value or all(_is_blank(one) for one in value)
    return value is None or not str(value).strip()
