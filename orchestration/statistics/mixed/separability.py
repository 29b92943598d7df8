"""Whether leaders can be told apart from the units that they lead, before any number is computed.

A leader's effect and a unit's effect are told apart by changes only: one leader follows another in
a unit, or a leader moves to another unit. Leaders who share no unit, directly or over others, with
any other leader have no comparison in the data, whatever a model may print.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from orchestration.statistics.mixed.formula import is_missing, levels_of
from orchestration.statistics.refusal import NO_VALUE, NO_VARIATION, Refusal

Level = Literal["succession", "connected", "not_separable"]
SUCCESSION: Final[Level] = "succession"
CONNECTED: Final[Level] = "connected"
NOT_SEPARABLE: Final[Level] = "not_separable"

Indexes = NDArray[np.intp]


@dataclass(frozen=True)
class Move:
    """A leader's arrival in a unit after the first period of theirs.

    Attributes
    ----------
    leader, unit : str
    period : float
        The first period in the unit.
    rests_on_it : bool
        Whether leaders who are compared with each other would no longer be without this move.
    """

    leader: str
    unit: str
    period: float
    rests_on_it: bool


@dataclass(frozen=True)
class Separability:
    """What can be compared.

    Attributes
    ----------
    leaders, units : tuple of str
        In order of id.
    component : ndarray of int, shape (leaders,)
        Leaders of one number are connected by shared units; numbered by first appearance.
    level : tuple of str, length leaders
        `succession`: compared within the one unit of the component; `connected`: compared within
        a component of several units, over moves; `not_separable`: no other leader in the
        component, so that the leader and the units are one.
    peers : ndarray of int, shape (leaders,)
        Other leaders who led a unit of this leader's.
    periods : ndarray of int, shape (leaders,)
        Periods with a reading.
    moves : tuple of Move
        By period, then leader.
    """

    leaders: tuple[str, ...]
    units: tuple[str, ...]
    component: Indexes
    level: tuple[Level, ...]
    peers: Indexes
    periods: Indexes
    moves: tuple[Move, ...]

    @property
    def components(self) -> int:
        """Sets of leaders and units that nothing connects with each other."""
        return int(self.component.max()) + 1

    def sentence(self) -> str:
        """Say what can be compared, for the reader of any number that follows."""
        alone = [
            name
            for name, level in zip(self.leaders, self.level, strict=True)
            if level == NOT_SEPARABLE
        ]
        weak = sum(move.rests_on_it for move in self.moves)
        said = (
            f"{len(self.leaders)} leaders, {len(self.units)} units, {len(self.moves)} moves, "
            f"{self.components} sets that nothing connects"
        )
        if weak:
            said += f"; {weak} moves each carry a comparison alone"
        if alone:
            said += f"; not separable from their units: {', '.join(alone)}"
        return said


def separability(leader: ArrayLike, unit: ArrayLike, period: ArrayLike) -> Separability | Refusal:
    """Return which leaders can be compared, and what the comparison rests on.

    Parameters
    ----------
    leader, unit : array_like, shape (n,)
        Ids: numbers or text, one row per reading; rows in any order, several per period allowed.
    period : array_like, shape (n,)
        Numbers that grow with time.

    Returns
    -------
    Separability or Refusal
        Refused: no row, a missing id or period, one leader only.

    Raises
    ------
    ValueError
        If the arrays differ in length.

    References
    ----------
    Abowd, Creecy and Kramarz (2002), "Computing person and firm effects using linked longitudinal
    employer-employee data" (connected sets).
    """
    who, where = np.asarray(leader), np.asarray(unit)
    when = np.asarray(period, dtype=np.float64)
    if not who.shape == where.shape == when.shape:
        raise ValueError(f"leader {who.shape}, unit {where.shape}, period {when.shape} differ")
    if who.size == 0:
        return Refusal(NO_VALUE, "there is no reading")
    if is_missing(who).any() or is_missing(where).any() or np.isnan(when).any():
        return Refusal(NO_VALUE, "a reading lacks its leader, unit or period")
    leaders, by_leader = levels_of(who)
    units, by_unit = levels_of(where)
    if len(leaders) == 1:
        return Refusal(NO_VARIATION, f"{leaders[0]} is the only leader")
    component = _connect(by_leader, by_unit)
    of_leader = component[np.unique(by_leader, return_index=True)[1]]
    led = np.zeros((len(leaders), len(units)), dtype=np.bool_)
    led[by_leader, by_unit] = True
    together = (led.astype(np.int64) @ led.T.astype(np.int64)) > 0
    units_in = np.bincount(_of_first(component, by_unit), minlength=component.max() + 1)
    leaders_in = np.bincount(of_leader, minlength=component.max() + 1)
    return Separability(
        leaders=leaders,
        units=units,
        component=of_leader,
        level=tuple(
            NOT_SEPARABLE
            if leaders_in[one] == 1
            else SUCCESSION
            if units_in[one] == 1
            else CONNECTED
            for one in of_leader
        ),
        peers=together.sum(axis=1) - 1,
        periods=np.array([np.unique(when[by_leader == at]).size for at in range(len(leaders))]),
        moves=_moves(leaders, units, by_leader, by_unit, when),
    )


def split_at(move: Move, leader: ArrayLike, period: ArrayLike) -> NDArray[np.str_]:
    """Return the leaders with the one of a move taken for two people, before and after it."""
    who = np.array([str(name) for name in _names(leader)])
    later = (who == move.leader) & (np.asarray(period, dtype=np.float64) >= move.period)
    return np.where(later, np.char.add(who, " after the move"), who)


def _moves(
    leaders: tuple[str, ...],
    units: tuple[str, ...],
    by_leader: Indexes,
    by_unit: Indexes,
    when: NDArray[np.float64],
) -> tuple[Move, ...]:
    code = by_leader * len(units) + by_unit
    pairs, pair = np.unique(code, return_inverse=True)
    arrived = np.full(pairs.size, np.inf)
    np.minimum.at(arrived, pair, when)
    first = np.full(len(leaders), np.inf)
    np.minimum.at(first, by_leader, when)
    found = []
    connected = _connect(by_leader, by_unit).max()
    for at in np.flatnonzero(arrived > first[pairs // len(units)]):
        leader, unit = int(pairs[at] // len(units)), int(pairs[at] % len(units))
        # Without the move, the leader after it is somebody else.
        later = (by_leader == leader) & (when >= arrived[at])
        without = _connect(np.where(later, len(leaders), by_leader), by_unit).max()
        found.append(
            Move(leaders[leader], units[unit], float(arrived[at]), bool(without > connected))
        )
    return tuple(sorted(found, key=lambda move: (move.period, move.leader, move.unit)))


def _connect(by_leader: Indexes, by_unit: Indexes) -> Indexes:
    """Return the component of each row's leader and unit, numbered by first appearance."""
    leaders, units = int(by_leader.max()) + 1, int(by_unit.max()) + 1
    edges = coo_array(
        (np.ones(by_leader.size), (by_leader, leaders + by_unit)), shape=(leaders + units,) * 2
    )
    _, label = connected_components(edges, directed=False)
    of_row = label[by_leader]
    _, first, number = np.unique(of_row, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return rank[number].astype(np.intp)


def _of_first(values: Indexes, index: Indexes) -> Indexes:
    """Return the value of the first row of each index."""
    return values[np.unique(index, return_index=True)[1]]


def _names(column: ArrayLike) -> list[str]:
    levels, index = levels_of(np.asarray(column))
    return [levels[at] for at in index]
