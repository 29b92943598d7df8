"""The decision-rights register: roles, rights and limits under `seeds/registry/rights`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from orchestration.registry.load import RegisterError, read_entry
from orchestration.registry.model import Entry, Identifier

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Role(Entry):
    """How a role is come by: exactly one of five ways.

    Attributes
    ----------
    leads : str or None
        By leading an org unit of this kind, or of ``any`` kind.
    appointed : bool
        By an act of appointment, or as one of the register's `holders`.
    owns_kpi : bool
        By being the owner of the KPI in question.
    is_field : tuple of str
        By being the person that one of these fields of the act names.
    employed : bool
        By being employed.
    """

    leads: str | None = None
    appointed: bool = False
    owns_kpi: bool = False
    is_field: tuple[Identifier, ...] = ()
    employed: bool = False

    @model_validator(mode="after")
    def _is_come_by_in_one_way(self) -> Role:
        ways = (self.leads is not None, self.appointed, self.owns_kpi, self.is_field, self.employed)
        if sum(map(bool, ways)) != 1:
            raise ValueError(
                "say in one way how the role is come by: leads, appointed, owns_kpi, is_field or "
                "employed"
            )
        return self


class RightGrant(Entry):
    """A role that gives a right, for the units that its scope says.

    `fields` narrows a role that is come by `is_field`.
    """

    role: Identifier
    scope: Literal["within", "above", "anywhere"] = "anywhere"
    fields: tuple[Identifier, ...] = ()


class Holder(Entry):
    """A person who holds a role to begin with."""

    role: Identifier
    person_id: str
    org_unit_id: str | None = None
    valid_from: dt.date
    valid_to: dt.date | None = None


class Limits(Entry):
    """How long what people decide may last, in days or years."""

    override_days: int = Field(ge=1)
    waiver_days: int = Field(ge=1)
    auditor_years: int = Field(ge=1)
    auditor_cooling_years: int = Field(ge=0)


class DecisionRights(Entry):
    """The whole register."""

    roles: dict[Identifier, Role]
    rights: dict[Identifier, tuple[RightGrant, ...]]
    holders: tuple[Holder, ...] = ()
    policy: Limits

    @model_validator(mode="after")
    def _names_are_known(self) -> DecisionRights:
        named = {grant.role for grants in self.rights.values() for grant in grants}
        for role in sorted((named | {holder.role for holder in self.holders}) - self.roles.keys()):
            raise ValueError(f"the role {role!r} is not declared under `roles`")
        return self


def load_decision_rights(folders: Sequence[Path]) -> DecisionRights:
    """Read the decision rights; the last folder that has a file counts.

    Raises
    ------
    RegisterError
        If no folder has the file, or it is unreadable or wrong: where and why.
    """
    paths = [
        path for folder in folders if (path := folder / "rights" / "decision_rights.yml").is_file()
    ]
    if not paths:
        raise RegisterError("No register folder holds rights/decision_rights.yml.")
    return read_entry(paths[-1], DecisionRights)
