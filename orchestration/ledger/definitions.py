"""What people may decide: the schema of every file under `seeds/registry/acts`.

A file describes one register, that is, one kind of truth that people set (who owns a KPI, which
target holds), and the acts that change it. A new type of act is one entry here and, where its
register is new, one projection in dbt; recording, rights, consents, refusals and the CLI read the
entry. What a check means is in `checks.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from orchestration.registry.load import RegisterError, content_hash, read_entry
from orchestration.registry.model import Entry, Identifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

FieldKind = Literal[
    "kpi",
    "person",
    "anyone",
    "org_unit",
    "entity_kind",
    "entity",
    "period",
    "feed",
    "rule",
    "number",
    "whole_number",
    "text",
    "date",
    "code",
    "flag",
    "hash",
    "right",
    "role",
]
CheckName = Literal[
    "levels_in_order",
    "period_is_open",
    "reading_exists",
    "reading_has_that_value",
    "kpis_differ",
    "expiry_within_policy",
    "hashes_are_known",
    "high_impact_is_assessed",
    "order_names_change_and_day",
    "deadline_has_not_passed",
    "reviewer_is_independent",
    "auditor_is_independent",
    "person_is_employed",
    "snapshot_is_retained",
    "snapshot_is_judged",
    "rows_are_quarantined",
    "mark_is_from_0_to_100",
    "outliers_are_explained",
    "target_is_feasible",
    "goal_levels_in_order",
    "step_is_declared",
    "day_has_come",
]
ActName = Annotated[str, Field(pattern=r"^[a-z][a-z_]*\.[a-z][a-z_]*$")]
NO_STATE = "none"
# What is said to a pending act; the judging desk knows these three by name.
APPROVE = "decision.approve"
REJECT = "decision.reject"
WITHDRAW = "decision.withdraw"
ACKNOWLEDGE = "acknowledgement.give"
# In `not_by` and in a consent's `person`: whoever did the act that is answered.
ACTOR = "actor"


class Asked(Entry):
    """One field of an act: what is asked, and what answers are possible.

    `kind` says what the answer names and so how it is looked up; `many` fields are lists, and a
    list that is asked for has at least one item.
    """

    kind: FieldKind
    question: str
    values: tuple[str, ...] = ()
    min_length: int = Field(default=1, ge=1)
    many: bool = False

    @model_validator(mode="after")
    def _codes_have_values(self) -> Asked:
        if (self.kind == "code") != bool(self.values):
            raise ValueError("list `values` for a code, and only for a code")
        return self


class Consent(Entry):
    """Who else must agree before an act takes effect: so many holders of a right, or one person.

    `person` names the field that holds the person, or is `actor`. `when` limits the demand to acts
    on KPIs with consequences for people (`high_impact`: pay, promotion or termination) or to the
    others.
    """

    right: Identifier | None = None
    person: Identifier | None = None
    count: int = Field(default=1, ge=1)
    when: Literal["always", "high_impact", "low_impact"] = "always"

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Consent:
        if (self.right is None) == (self.person is None):
            raise ValueError("a consent is that of a `right` or that of a `person`")
        if self.person is not None and self.count != 1:
            raise ValueError("one person cannot agree more than once")
        return self


class ActType(Entry):
    """One type of act.

    Attributes
    ----------
    type : str
        `<register>.<verb>`.
    title, meaning : str
        What the act is called, and what holds once it is effective.
    asks, may_ask : tuple of str
        Fields that must, and that may, be given.
    given_by : str or None
        Field that names a published proposal: what the proposal says of the other fields need not
        be given, and cannot be given otherwise.
    follows : tuple of str
        Types of the act that this one answers (`refers_to`); its subject is that act's.
    right : str
        The decision right it is done under.
    from_states : tuple of str
        States of its subject in which it is possible; `none` is a subject without a truth.
    to_state : str or None
        State of the subject once it is effective; None for acts that change no register.
    ends : bool
        The act's days hold no truth any more.
    keeps : bool
        Fields that it does not ask keep their values: those of the pending act that it answers,
        else those in force.
    consents : tuple of Consent
        Until all of them are given the act is pending and changes nothing.
    not_by : tuple of str
        Persons named in these fields, here or in the act that is answered, may neither do it nor
        consent to it; `actor` is the person who did the act that is answered.
    replaces_pending : bool
        A pending act on the same subject lapses with it.
    back_days, ahead_days : int or None
        How far its first valid day may lie before and after today; None is any distance.
    acts_on_retired : bool
        Whether it is possible on a retired KPI.
    checks : tuple of str
        Further conditions.
    notify : tuple of str
        Whom to tell: `kpi_owner`, `unit_leader`, `actor` (of the act that is answered), `waiting`
        (whoever may consent), or a field that holds a person.
    """

    type: ActName
    register_name: Identifier
    title: str
    meaning: str
    asks: tuple[Identifier, ...] = ()
    may_ask: tuple[Identifier, ...] = ()
    given_by: Identifier | None = None
    follows: tuple[ActName, ...] = ()
    right: Identifier
    from_states: tuple[Identifier, ...] = ()
    to_state: Identifier | None = None
    ends: bool = False
    keeps: bool = False
    consents: tuple[Consent, ...] = ()
    not_by: tuple[Identifier, ...] = ()
    replaces_pending: bool = False
    back_days: int | None = Field(default=0, ge=0)
    ahead_days: int | None = Field(default=0, ge=0)
    acts_on_retired: bool = False
    checks: tuple[CheckName, ...] = ()
    notify: tuple[Identifier, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields, those that must be given first."""
        return self.asks + self.may_ask


class ActRegister(Entry):
    """One file: a register, its fields and the acts that change it.

    `key` are the fields that name what the register keeps one truth for. Without a key every act
    that follows no other opens a case of its own, and later acts follow it.
    """

    register_name: Identifier = Field(alias="register")
    title: str
    key: tuple[Identifier, ...] = ()
    fields: dict[Identifier, Asked]
    acts: dict[Identifier, ActType]

    @model_validator(mode="before")
    @classmethod
    def _acts_know_their_type(cls, data: dict[str, object]) -> dict[str, object]:
        register, acts = data.get("register"), data.get("acts")
        if not isinstance(acts, dict):
            return data
        known = {
            verb: {"type": f"{register}.{verb}", "register_name": register, **(act or {})}
            for verb, act in acts.items()
        }
        return data | {"acts": known}

    @model_validator(mode="after")
    def _fields_are_declared(self) -> ActRegister:
        for verb, act in self.acts.items():
            named = {*act.fields, *(one.person for one in act.consents if one.person)}
            for field in sorted(named - self.fields.keys() - {ACTOR}):
                raise ValueError(f"acts.{verb} asks for {field!r}: declare it under `fields`")
            missing = set(self.key) - set(act.asks)
            if not act.follows and missing:
                raise ValueError(
                    f"acts.{verb} must ask for {', '.join(sorted(missing))}, which are the key"
                )
        return self


class ActTypes:
    """All act types of a company by name, with the register each belongs to."""

    def __init__(self, registers: Sequence[ActRegister]) -> None:
        self.registers: Mapping[str, ActRegister] = {one.register_name: one for one in registers}
        self._types = {act.type: act for one in registers for act in one.acts.values()}
        self._hashes = {name: content_hash(act) for name, act in self._types.items()}

    def __iter__(self) -> Iterator[ActType]:
        return iter(self._types.values())

    def find(self, name: str) -> ActType | None:
        """Return a type by its name, or None."""
        return self._types.get(name)

    def hash_of(self, name: str) -> str:
        """Return the hash of a type's definition, which every entry carries."""
        return self._hashes[name]

    def asked(self, act: ActType, field: str) -> Asked:
        """Return what a field of an act asks."""
        return self.registers[act.register_name].fields[field]

    def ending(self) -> frozenset[str]:
        """Return the names of the types that end a truth."""
        return frozenset(act.type for act in self if act.ends)

    def acknowledged(self) -> frozenset[str]:
        """Return the names of the types of which whom they concern takes note by an act."""
        acknowledgement = self.find(ACKNOWLEDGE)
        return frozenset(acknowledgement.follows if acknowledgement else ())


def load_act_types(folders: Sequence[Path]) -> ActTypes:
    """Read the act definitions; a later folder's file replaces an earlier one's register.

    Raises
    ------
    RegisterError
        If a file is unreadable or declares something that cannot be: which, where and why.
    """
    found: dict[str, ActRegister] = {}
    for folder in folders:
        for path in sorted((folder / "acts").glob("*.yml")):
            register = read_entry(path, ActRegister)
            found[register.register_name] = register
    known = ActTypes(list(found.values()))
    for act in known:
        for followed in act.follows:
            if known.find(followed) is None:
                raise RegisterError(f"{act.type} follows {followed}, which no file defines.")
    return known
