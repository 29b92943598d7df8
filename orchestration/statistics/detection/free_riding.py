"""Whether the peers of a team say that they carry one of them: about teams, by design."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orchestration.statistics.refusal import NO_VALUE, NO_VARIATION, TOO_FEW_READINGS, Refusal
from orchestration.statistics.spc.flat import Floats

Verdict = Literal["carried", "one_voice", "not_distinguishable"]

LEAST_MEMBERS: Final = 4
"""Fewest members who score and are scored: with three, two raters make every finding."""

PRACTICAL: Final = 1.25
"""Smallest gap that is called riding, in points of five: honest members differ too. With a standard
deviation of 0.3 points between them and 0.7 within, the lowest of six is 0.6 below the others on
average and beyond this in three crews of a hundred."""

PERMUTATIONS: Final = 1999


@dataclass(frozen=True)
class Carried:
    """What a team's scores say.

    Attributes
    ----------
    n, raters, members : int
        Scores, members who score, members who are scored.
    gap : float
        Points by which the lowest member lies below the mean of the others, severity of raters
        taken out.
    gap_without_one : float
        The smallest gap of the same member if any one rater is not believed.
    p_value : float
        Of so large a gap of any member, if all contribute alike.
    verdict : str
        `carried`; `one_voice` where a single rater makes the finding; `not_distinguishable`.
    """

    n: int
    raters: int
    members: int
    gap: float
    gap_without_one: float
    p_value: float
    verdict: Verdict


def judge_team(
    rater: ArrayLike,
    member: ArrayLike,
    score: ArrayLike,
    *,
    practical: float = PRACTICAL,
    level: float = 0.05,
    least_members: int = LEAST_MEMBERS,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Carried | Refusal:
    """Return whether one member of a team is said to be carried by the others.

    Parameters
    ----------
    rater, member : array_like, shape (n,)
        Who scores whom; what somebody says of themselves is left out.
    score : array_like, shape (n,)
        Higher is more; NaN marks a missing one, which is left out.
    practical : float
        Smallest gap that matters, in points.
    level, permutations, seed
        Of the test.
    least_members : int

    Returns
    -------
    Carried or Refusal
        Refused: infinite scores, fewer raters or members, a member whom fewer than two score,
        scores that do not vary.

    Notes
    -----
    Scores are those of a member less those of a rater (least squares on both, so that it does not
    matter that nobody scores themselves). The null permutes each rater's scores over the members
    that they scored, and takes the largest gap of any member: who of the team it is, is searched
    for. A gap that one rater makes is no finding: a grudge costs that rater nothing.
    """
    says, about = (np.asarray(one, dtype=str) for one in (rater, member))
    points = np.asarray(score, dtype=np.float64)
    if not says.shape == about.shape == points.shape:
        raise ValueError("rater, member and score differ in length")
    kept = ~np.isnan(points) & (says != about)
    says, about, points = says[kept], about[kept], points[kept]
    if np.isinf(points).any():
        return Refusal(NO_VALUE, "a score is infinite")
    raters, by = np.unique(says, return_inverse=True)
    members, of = np.unique(about, return_inverse=True)
    if min(raters.size, members.size) < least_members:
        return Refusal(
            TOO_FEW_READINGS,
            f"{raters.size} raters of {members.size} members, {least_members} are needed",
        )
    if np.bincount(of).min() < 2:  # noqa: PLR2004 - one voice is no team's
        return Refusal(TOO_FEW_READINGS, "a member is scored by one other alone")
    if np.ptp(points) == 0:
        return Refusal(NO_VARIATION, "all scores are the same")
    to_members = _contributions(by, of, raters.size, members.size)
    level_of = to_members @ points
    gaps = _gaps(level_of[None])[0]
    lowest = int(gaps.argmax())
    without = []
    for one in range(raters.size):
        rest = by != one
        left, others = np.unique(by[rest], return_inverse=True)
        unheard = _contributions(others, of[rest], left.size, members.size) @ points[rest]
        without.append(float(_gaps(unheard[None])[0, lowest]))
    rng = np.random.default_rng(seed)
    order = np.argsort(by, kind="stable")
    keys = np.argsort(by[order] + rng.random((permutations, points.size)), axis=1)
    mixed = np.empty((permutations, points.size))
    mixed[:, order] = points[order][keys]
    largest = _gaps(mixed @ to_members.T).max(axis=1)
    p_value = float((1 + np.sum(largest >= gaps[lowest] - 1e-9)) / (1 + permutations))
    verdict: Verdict = "not_distinguishable"
    if p_value <= level and gaps[lowest] >= practical:
        verdict = "carried" if min(without) >= practical / 2 else "one_voice"
    return Carried(
        n=points.size,
        raters=raters.size,
        members=members.size,
        gap=float(gaps[lowest]),
        gap_without_one=min(without),
        p_value=p_value,
        verdict=verdict,
    )


def _contributions(by: NDArray[np.intp], of: NDArray[np.intp], raters: int, members: int) -> Floats:
    """Return the matrix from scores to members' levels, whose mean is 0."""
    design = np.zeros((by.size, raters + members))
    design[np.arange(by.size), by] = 1
    design[np.arange(by.size), raters + of] = 1
    found = np.asarray(np.linalg.pinv(design)[raters:], np.float64)
    return np.asarray(found - found.mean(axis=0), np.float64)


def _gaps(levels: Floats) -> Floats:
    """Return by how much each member lies below the mean of the others, shape (draws, members)."""
    n = levels.shape[1]
    return np.asarray((levels.sum(axis=1, keepdims=True) - levels) / (n - 1) - levels)
