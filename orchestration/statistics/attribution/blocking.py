"""Which teams hold up the work of others more than chance does, over many pieces of work."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orchestration.statistics.refusal import NO_VALUE, TOO_FEW_READINGS, Refusal
from orchestration.statistics.spc.flat import Floats

Verdict = Literal["blocks", "not_distinguishable", "too_few"]

LEAST_ITEMS: Final = 8
"""Fewest pieces of work for a word about a team."""

PERMUTATIONS: Final = 4999


@dataclass(frozen=True)
class Blocking:
    """Teams in sort order; arrays have one entry per team.

    Attributes
    ----------
    teams : tuple of str
    items : ndarray of int
        Pieces of work that the team shared with another one.
    mean, excess : ndarray
        Mean delay that is assigned to the team, and by how much it exceeds that of the other teams
        on the same pieces of work.
    p_value : ndarray
        One-sided, of the excess, held against the largest excess of any team (Westfall and Young);
        NaN with too few items.
    verdict : tuple of str
        `blocks`, `not_distinguishable` or `too_few`.
    """

    teams: tuple[str, ...]
    items: NDArray[np.intp]
    mean: Floats
    excess: Floats
    p_value: Floats
    verdict: tuple[Verdict, ...]


def blocking_teams(
    item: Sequence[str],
    team: Sequence[str],
    delay: ArrayLike,
    *,
    practical: float = 1.0,
    level: float = 0.05,
    least_items: int = LEAST_ITEMS,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Blocking | Refusal:
    """Return which teams are assigned more delay than those they worked with.

    Parameters
    ----------
    item, team : sequence of str, length n
        One row per piece of work and team, each pair once.
    delay : array_like, shape (n,)
        Assigned to the team; none missing.
    practical : float
        Smallest excess that matters, in the unit of the delay.
    level : float
        Error rate over all teams together.
    least_items, permutations, seed : int

    Returns
    -------
    Blocking or Refusal
        Refused: a missing delay, no piece of work with two teams.

    Raises
    ------
    ValueError
        If lengths differ or a pair of item and team comes twice.

    Notes
    -----
    If no team is slower than another, which team of a piece of work has which delay is chance: the
    null permutes delays within each piece of work, so that a hard piece counts against nobody. The
    largest excess over all teams in each permutation holds the error rate over teams
    (Westfall and Young, *Resampling-Based Multiple Testing* (1993), section 2.3).
    """
    late = np.asarray(delay, dtype=np.float64)
    names, of_team = np.unique(np.asarray(team, dtype=str), return_inverse=True)
    pieces, of_item = np.unique(np.asarray(item, dtype=str), return_inverse=True)
    if not late.shape == of_team.shape == of_item.shape:
        raise ValueError("item, team and delay differ in length")
    if np.unique(of_item * names.size + of_team).size < late.size:
        raise ValueError("a team has two delays on one piece of work")
    if not np.isfinite(late).all():
        return Refusal(NO_VALUE, "a delay is missing or infinite")
    together = np.bincount(of_item, minlength=pieces.size)
    kept = together[of_item] > 1
    if not kept.any():
        return Refusal(TOO_FEW_READINGS, "no piece of work was shared by two teams")
    late, of_team, of_item = late[kept], of_team[kept], of_item[kept]
    order = np.argsort(of_item, kind="stable")
    late, of_team, of_item = late[order], of_team[order], of_item[order]
    items = np.bincount(of_team, minlength=names.size)
    many = np.maximum(items, 1)
    # Less the mean of the others: n / (n - 1) times less the mean of all.
    size = together[of_item]
    scale = size / (size - 1)
    own = scale * (late - np.bincount(of_item, late, pieces.size)[of_item] / size)
    excess = np.bincount(of_team, own, names.size) / many
    judged = items >= least_items
    spread = np.sqrt(np.bincount(of_team, own**2, names.size)) / many
    enough = judged & (spread > 0)
    p_value = np.full(names.size, np.nan)
    if enough.any():
        statistic = excess[enough] / spread[enough]
        rng = np.random.default_rng(seed)
        largest = np.empty(permutations)
        place = np.flatnonzero(enough)
        for at in range(permutations):
            # Sorted by random numbers within pieces of work: a permutation of each.
            mixed = own[np.lexsort((rng.random(own.size), of_item))]
            drawn = np.bincount(of_team, mixed, names.size)[place]
            root = np.sqrt(np.bincount(of_team, mixed**2, names.size)[place])
            largest[at] = np.max(drawn / np.where(root > 0, root, 1.0))
        p_value[enough] = (1 + (largest[:, None] >= statistic - 1e-12).sum(axis=0)) / (
            1 + permutations
        )
    p_value[judged & ~enough] = 1.0
    verdicts: list[Verdict] = [
        "too_few" if not known else "blocks" if p <= level and more >= practical
        else "not_distinguishable"
        for known, p, more in zip(judged, p_value, excess, strict=True)
    ]  # fmt: skip
    return Blocking(
        teams=tuple(names.tolist()),
        items=items.astype(np.intp),
        mean=np.bincount(of_team, late, names.size) / many,
        excess=excess,
        p_value=p_value,
        verdict=tuple(verdicts),
    )
