"""Which task held up the whole, and which team's delays made it late."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.attribution.shapley import shapley_values
from orchestration.statistics.refusal import IMPOSSIBLE_VALUE, NO_VALUE, Refusal
from orchestration.statistics.spc.flat import Floats

CYCLE: Final = "cycle"
_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class CriticalPath:
    """When tasks of a network can begin, and which ones leave no room.

    Attributes
    ----------
    span : float
        From the first begin to the last end, in the unit of the durations.
    start, slack : ndarray, shape (n,)
        Earliest begin, and how much later it may be without a longer span.
    path : tuple of int
        One longest chain of tasks, first to last (of several the one with the lowest numbers).
    """

    span: float
    start: Floats
    slack: Floats
    path: tuple[int, ...]


def critical_path(
    durations: ArrayLike, after: Mapping[int, Sequence[int]]
) -> CriticalPath | Refusal:
    """Return the longest chain of tasks of which each waits for the one before.

    Parameters
    ----------
    durations : array_like, shape (n,)
        Of each task, at least 0.
    after : mapping of int to sequence of int
        The tasks that a task waits for; those not named wait for none.

    Returns
    -------
    CriticalPath or Refusal
        Refused: no task, a missing or negative duration, tasks that wait for each other in a ring.

    Raises
    ------
    ValueError
        If a task is named that does not exist.

    References
    ----------
    Kelley and Walker, "Critical-path planning and scheduling", *Proceedings of the Eastern Joint
    Computer Conference* (1959) 160-173.

    Examples
    --------
    >>> found = critical_path([3, 2, 4, 1], {2: [0], 3: [1, 2]})
    >>> found.span, found.path, found.slack.tolist()
    (8.0, (0, 2, 3), [0.0, 5.0, 0.0, 0.0])
    """
    lasts = np.asarray(durations, dtype=np.float64)
    refusal = _refuse(lasts)
    if refusal is not None:
        return refusal
    order = _order(lasts.size, after)
    if order is None:
        return Refusal(CYCLE, "some tasks wait for each other in a ring: none could begin")
    start = np.zeros(lasts.size)
    for task in order:
        start[task] = max((start[one] + lasts[one] for one in after.get(task, ())), default=0.0)
    end = start + lasts
    span = float(end.max())
    latest = np.full(lasts.size, span)
    for task in reversed(order):
        for one in after.get(task, ()):
            latest[one] = min(latest[one], latest[task] - lasts[task])
    slack = latest - end
    at = int(np.flatnonzero(end >= span - _ROUNDING)[0])
    path = [at]
    while after.get(at):
        at = min(one for one in after[at] if end[one] >= start[path[-1]] - _ROUNDING)
        path.append(at)
    return CriticalPath(span, start, np.where(slack < _ROUNDING, 0.0, slack), tuple(path[::-1]))


@dataclass(frozen=True)
class Delay:
    """Whose delays made a network late.

    Attributes
    ----------
    planned, actual : float
        Span by planned and by actual durations and waits.
    teams : tuple of str
        In sort order.
    share : ndarray, shape (n_teams,)
        In the unit of the durations; below 0 for a team whose haste made up for others.
    se : ndarray, shape (n_teams,)
        Of sampling, with more teams than are taken exactly.
    unassigned : float
        By waits that no team answers for: ``planned + share.sum() + unassigned = actual``.
    path : tuple of int
        The tasks that held up the whole, as it happened.
    """

    planned: float
    actual: float
    teams: tuple[str, ...]
    share: Floats
    se: Floats
    unassigned: float
    path: tuple[int, ...]


def assign_delay(
    planned: ArrayLike,
    actual: ArrayLike,
    team: Sequence[str],
    after: Mapping[int, Sequence[int]],
    *,
    wait: ArrayLike | None = None,
    n_orders: int = 1000,
    seed: int = 0,
) -> Delay | Refusal:
    """Assign the delay of a network of tasks to the teams that caused it.

    Parameters
    ----------
    planned, actual : array_like, shape (n,)
        Durations of the tasks.
    team : sequence of str, length n
        Who does each.
    after : mapping of int to sequence of int
        The tasks that a task waits for.
    wait : array_like, shape (n,), optional
        Time between the last of these and the begin of the task that nobody answers for; it was
        not planned.
    n_orders, seed : int
        As `shapley_values`, above twelve parties.

    Returns
    -------
    Delay or Refusal
        Refused: as `critical_path`.

    Raises
    ------
    ValueError
        If shapes differ.

    Notes
    -----
    A day late on a task delays the whole only if no other chain is later still, so whose fault the
    last day is depends on whom one asks first. Shapley's value asks all orders: the game is the
    span if the teams of a coalition take as long as they did and the others as planned (a delay
    cost game: Branzei, Ferrari, Fragnelli and Tijs, *Annals of Operations Research* 109 (2002)
    359-374, with the network's span in the place of their serial one). Waits are one more party,
    whose share is `unassigned`. Who is blamed follows from what was planned: a plan without room
    for a team's work makes that team late.

    Examples
    --------
    Two teams in a row, one day late each; a third one beside them with room enough.

    >>> found = assign_delay([2, 2, 1], [3, 3, 3], ["a", "b", "c"], {1: [0]})
    >>> found.actual - found.planned, found.share.round(4).tolist()
    (2.0, [1.0, 1.0, 0.0])
    """
    plan, took = np.asarray(planned, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    waited = np.zeros_like(plan) if wait is None else np.asarray(wait, dtype=np.float64)
    who = np.asarray(team, dtype=str)
    if {plan.shape, took.shape, waited.shape, who.shape} != {plan.shape} or plan.ndim != 1:
        raise ValueError("planned, actual, team and wait differ in shape")
    refusal = _refuse(plan) or _refuse(took) or _refuse(waited)
    if refusal is not None:
        return refusal
    order = _order(plan.size, after)
    if order is None:
        return Refusal(CYCLE, "some tasks wait for each other in a ring: none could begin")
    teams, of_task = np.unique(who, return_inverse=True)

    def span(late: np.ndarray) -> float:
        lasts = np.where(late[of_task], took, plan) + waited * late[-1]
        end = np.zeros(lasts.size)
        for task in order:
            end[task] = lasts[task] + max((end[one] for one in after.get(task, ())), default=0.0)
        return float(end.max())

    found = shapley_values(span, teams.size + 1, n_orders=n_orders, seed=seed)
    happened = critical_path(took + waited, after)
    if isinstance(found, Refusal):
        return found
    if isinstance(happened, Refusal):
        return happened
    return Delay(
        planned=span(np.zeros(teams.size + 1, dtype=bool)),
        actual=happened.span,
        teams=tuple(teams.tolist()),
        share=found.value[:-1],
        se=found.se[:-1],
        unassigned=float(found.value[-1]),
        path=happened.path,
    )


def _refuse(durations: Floats) -> Refusal | None:
    if durations.size == 0:
        return Refusal(NO_VALUE, "there is no task")
    if not np.isfinite(durations).all():
        return Refusal(NO_VALUE, "a duration is missing or infinite")
    if np.any(durations < 0):
        return Refusal(IMPOSSIBLE_VALUE, "a duration is negative")
    return None


def _order(n: int, after: Mapping[int, Sequence[int]]) -> list[int] | None:
    """Return the tasks so that each comes after those it waits for; None if they form a ring."""
    unknown = {one for task, before in after.items() for one in (task, *before)} - set(range(n))
    if unknown:
        raise ValueError(f"tasks {sorted(unknown)} are named and do not exist")
    waits = {task: set(after.get(task, ())) for task in range(n)}
    order: list[int] = []
    while len(order) < n:
        ready = [task for task, before in waits.items() if not before]
        if not ready:
            return None
        order += ready
        waits = {task: before - set(ready) for task, before in waits.items() if before}
    return order
