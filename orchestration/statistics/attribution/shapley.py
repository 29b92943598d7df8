"""Shapley's value: what each player adds, averaged over all orders in which they could come."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import norm

from orchestration.statistics.refusal import INFINITE_VALUE, NO_VALUE, Refusal
from orchestration.statistics.spc.flat import Floats

Game = Callable[[np.ndarray], float]
"""Value of a coalition, given as an array of bool, one per player."""

MOST_EXACT: Final = 12
"""Players up to which all 4,096 coalitions are asked for."""


@dataclass(frozen=True)
class Shapley:
    """Values of the players.

    Attributes
    ----------
    value : ndarray, shape (n,)
        In the unit of the game. They sum to the value of all less that of none, also if sampled.
    se : ndarray, shape (n,)
        Standard error of sampling; 0 where exact.
    is_exact : bool
    coalitions : int
        Asked for.
    """

    value: Floats
    se: Floats
    is_exact: bool
    coalitions: int


def shapley_values(
    game: Game,
    n_players: int,
    *,
    most_exact: int = MOST_EXACT,
    n_orders: int = 1000,
    seed: int = 0,
) -> Shapley | Refusal:
    """Return Shapley's values, exact for few players and sampled with an error for many.

    Parameters
    ----------
    game : function of ndarray of bool, shape (n_players,)
        Must give the same value for the same coalition.
    n_players : int
    most_exact : int
        Players up to which all ``2 ** n_players`` coalitions are asked for.
    n_orders : int
        Orders to sample above that, rounded up to an even number: each is taken forwards and
        backwards.
    seed : int

    Returns
    -------
    Shapley or Refusal
        Refused: no player, a value that is missing or infinite.

    References
    ----------
    Shapley, "A value for n-person games", *Contributions to the Theory of Games* II (1953)
    307-317; sampling: Castro, Gomez and Tejada, *Computers & Operations Research* 36 (2009)
    1726-1730; orders in pairs: Mitchell et al., *Journal of Machine Learning Research* 23 (2022)
    43, section 4.1.

    Examples
    --------
    A left and two right gloves: only pairs are worth something.

    >>> pairs = lambda who: float(min(who[0], who[1] + who[2]))
    >>> shapley_values(pairs, 3).value.round(4).tolist()
    [0.6667, 0.1667, 0.1667]
    """
    if n_players < 1:
        return Refusal(NO_VALUE, "there is no player")
    if n_players <= most_exact:
        return _exact(game, n_players)
    return _sampled(game, n_players, max(2, -(-n_orders // 2)), seed)


def _exact(game: Game, n: int) -> Shapley | Refusal:
    number = np.arange(2**n)
    members = (number[:, None] >> np.arange(n)) & 1 == 1
    worth = np.array([float(game(who)) for who in members])
    refusal = _refuse(worth)
    if refusal is not None:
        return refusal
    sizes = members.sum(axis=1)
    weight = np.array([1 / (n * math.comb(n - 1, size)) for size in range(n)])
    value = np.empty(n)
    for player in range(n):
        without = ~members[:, player]
        adds = worth[number[without] | (1 << player)] - worth[without]
        value[player] = weight[sizes[without]] @ adds
    return Shapley(value, np.zeros(n), is_exact=True, coalitions=2**n)


def _sampled(game: Game, n: int, pairs: int, seed: int) -> Shapley | Refusal:
    rng = np.random.default_rng(seed)
    means = np.empty((pairs, n))
    for at in range(pairs):
        order = rng.permutation(n)
        both = [_along(game, order), _along(game, order[::-1])]
        refusal = _refuse(np.concatenate(both))
        if refusal is not None:
            return refusal
        means[at] = (both[0] + both[1]) / 2
    return Shapley(
        value=means.mean(axis=0),
        se=means.std(axis=0, ddof=1) / math.sqrt(pairs),
        is_exact=False,
        coalitions=pairs * 2 * (n + 1),
    )


def _along(game: Game, order: np.ndarray) -> Floats:
    """Return what each player adds when they come in this order."""
    who = np.zeros(order.size, dtype=bool)
    before = float(game(who.copy()))
    adds = np.empty(order.size)
    for player in order:
        who[player] = True
        after = float(game(who.copy()))
        adds[player] = after - before
        before = after
    return adds


def _refuse(worth: Floats) -> Refusal | None:
    if np.isnan(worth).any():
        return Refusal(NO_VALUE, "the value of a coalition is missing")
    if np.isinf(worth).any():
        return Refusal(INFINITE_VALUE, "the value of a coalition is infinite")
    return None


def interval(found: Shapley, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return normal intervals of sampled values; of exact ones they have no width."""
    half = float(norm.ppf((1 + confidence) / 2)) * found.se
    return found.value - half, found.value + half
