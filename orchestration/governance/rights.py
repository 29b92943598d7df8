"""Who may decide what, as of a day: pure functions over roles, posts and the org tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Collection, Sequence

Scope = Literal["within", "above", "anywhere"]


@dataclass(frozen=True)
class Post:
    """One person in one role for one org unit and all below it.

    ``org_unit_id`` is None for a role that counts everywhere; ``valid_from`` and ``valid_to`` are
    the first and last day, and no ``valid_to`` is an open end.
    """

    person_id: str
    role: str
    org_unit_id: str | None
    valid_from: dt.date
    valid_to: dt.date | None

    def is_held_on(self, day: dt.date) -> bool:
        """Say whether the post is held on a day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True)
class Grant:
    """One way to hold a right: a role, and for which units it counts."""

    role: str
    scope: Scope = "anywhere"


@dataclass(frozen=True)
class Held:
    """The post under which a right is held."""

    role: str
    org_unit_id: str | None


@dataclass(frozen=True)
class NotHeld:
    """A right that is not held; ``ended_on`` is the last day on which it was, or None."""

    ended_on: dt.date | None


def find_right(
    grants: Sequence[Grant],
    posts: Sequence[Post],
    *,
    units: Collection[str],
    on: dt.date,
    units_above: Callable[[str], Collection[str]],
) -> Held | NotHeld:
    """Return the post that gives a right over units on a day, or that none does.

    Parameters
    ----------
    grants : sequence of Grant
        The ways to hold the right, the first that fits counts.
    posts : sequence of Post
        Those of the person, past ones too.
    units : collection of str
        The org units that the act is about; a post must count for all of them. None at all is an
        act about the whole company, for which only an ``anywhere`` will do.
    on : date
        The day of the act.
    units_above : callable
        Returns the units strictly above a unit on that day.

    Returns
    -------
    Held or NotHeld
        With several posts that fit, the first by role in the order of the grants, then by unit.

    Examples
    --------
    >>> import datetime as dt
    >>> leader = Post("E1", "unit_leader", "S-DE01", dt.date(2024, 1, 1), dt.date(2024, 12, 31))
    >>> above = {"L-1": ["S-DE01", "ENT"], "S-DE01": ["ENT"]}.__getitem__
    >>> approve = [Grant("unit_leader", "above")]
    >>> find_right(approve, [leader], units=["L-1"], on=dt.date(2024, 6, 1), units_above=above)
    Held(role='unit_leader', org_unit_id='S-DE01')
    >>> find_right(approve, [leader], units=["S-DE01"], on=dt.date(2024, 6, 1), units_above=above)
    NotHeld(ended_on=None)
    >>> find_right(approve, [leader], units=["L-1"], on=dt.date(2025, 6, 1), units_above=above)
    NotHeld(ended_on=datetime.date(2024, 12, 31))
    """
    ended: list[dt.date] = []
    for grant in grants:
        fitting = [
            post
            for post in posts
            if post.role == grant.role and _counts(post, grant.scope, units, units_above)
        ]
        held = [post for post in fitting if post.is_held_on(on)]
        if held:
            best = min(held, key=lambda post: post.org_unit_id or "")
            return Held(best.role, best.org_unit_id)
        ended += [post.valid_to for post in fitting if post.valid_to and post.valid_to < on]
    return NotHeld(max(ended, default=None))


def _counts(
    post: Post,
    scope: Scope,
    units: Collection[str],
    units_above: Callable[[str], Collection[str]],
) -> bool:
    if scope == "anywhere" or post.org_unit_id is None:
        return True
    return bool(units) and all(
        (scope == "within" and unit == post.org_unit_id) or post.org_unit_id in units_above(unit)
        for unit in units
    )
