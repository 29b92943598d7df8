"""Evidence that goals pull against each other, or that one KPI foretells another; never a cause.

All pairs are searched over all lags, so chance would find some: the search over lags is paid for by
`relations.lead_lag`, that over pairs by the false discovery rate, and what is left must also
foresee the last third of the periods better than the follower's own past does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.detection.relations import Detrend, detrended, lead_lag
from orchestration.statistics.fairness.multiplicity import adjust_p_values
from orchestration.statistics.refusal import (
    GAP_IN_SERIES,
    NO_VALUE,
    NO_VARIATION,
    TOO_FEW_READINGS,
    Refusal,
    refuse_infinite,
)
from orchestration.statistics.spc.flat import Floats


@dataclass(frozen=True)
class PairEvidence:
    """Two KPIs, whichever leads first.

    Attributes
    ----------
    leader, follower : int
        Columns, from 0; at lag 0 in the order of the columns.
    n : int
        Periods that both span.
    lag : int
        Periods that the leader is ahead; 0 where they move at once.
    correlation : float
        At that lag, without trend and memory.
    p_value, adjusted_p_value : float
        Of as large a one at any lag; and held to a false discovery rate over all pairs.
    lift : float
        Share of the squared error of one-step forecasts of the follower that the leader takes away
        in the last third of the periods; below 0 where it adds to it, NaN where it cannot be told.
    conflict : bool
        Whether the one improves when the other worsens, by the directions given.
    found : bool
        Whether both the adjusted p-value and the lift say so.
    """

    leader: int
    follower: int
    n: int
    lag: int
    correlation: float
    p_value: float
    adjusted_p_value: float
    lift: float
    conflict: bool
    found: bool


def pair_evidence(
    series: ArrayLike,
    *,
    directions: Sequence[int],
    max_lag: int,
    alpha: float = 0.05,
    detrend: Detrend = "linear",
    permutations: int = 999,
    seed: int = 0,
    pairs: Iterable[tuple[int, int]] | None = None,
) -> tuple[PairEvidence, ...] | Refusal:
    """Return pairs of KPIs with what speaks for a relation at some lag.

    Parameters
    ----------
    series : array_like, shape (n, k)
        Equally spaced periods by KPIs, oldest first. Of each pair the periods that both span are
        taken, so NaN may stand before the first and after the last value of a KPI.
    directions : sequence of {1, -1}, length k
        Whether more is better or worse.
    max_lag : int
    alpha : float
        False discovery rate over the pairs.
    detrend : {"difference", "linear", "none"}
    permutations, seed : int
    pairs : iterable of (int, int), optional
        Columns to relate, by default all with all. Fewer questions find more at the same rate.

    Returns
    -------
    tuple of PairEvidence or Refusal
        In order of p-value. Pairs whose series are refused (a gap, no variation, too few periods)
        are left out; refused where none is left.

    Raises
    ------
    ValueError
        If there are not as many directions as KPIs.
    """
    x = np.asarray(series, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] != len(directions):  # noqa: PLR2004 - periods by KPIs
        raise ValueError(f"{len(directions)} directions for series of shape {x.shape}")
    if x.shape[1] == 1:
        return Refusal(TOO_FEW_READINGS, "one KPI has no pair")
    seen = []
    for first, second in combinations(range(x.shape[1]), 2) if pairs is None else pairs:
        both = spanned_by_all(x[:, [first, second]])
        found = lead_lag(
            both[:, 0], both[:, 1],
            max_lag=max_lag, detrend=detrend, permutations=permutations, seed=seed,
        )  # fmt: skip
        if isinstance(found, Refusal):
            continue
        # r(x[t + k], y[t]): at negative k the first is ahead.
        is_first_ahead = found.strongest <= 0
        at = found.correlations[np.flatnonzero(found.lags == found.strongest)[0]]
        plain = detrended(both, detrend)
        ahead, behind = plain.T if is_first_ahead else plain.T[::-1]
        lag = abs(found.strongest)
        lift = out_of_sample_lift(ahead, behind, lag)
        seen.append(
            PairEvidence(
                leader=first if is_first_ahead else second,
                follower=second if is_first_ahead else first,
                n=len(both),
                lag=lag,
                correlation=float(at),
                p_value=found.p_value,
                adjusted_p_value=np.nan,
                lift=np.nan if isinstance(lift, Refusal) else lift,
                conflict=float(at) * directions[first] * directions[second] < 0,
                found=False,
            )
        )
    if not seen:
        return Refusal(NO_VALUE, "no pair of KPIs has two series that can be related")
    adjusted = adjust_p_values([one.p_value for one in seen], "BH")
    assert not isinstance(adjusted, Refusal)  # one pair at least, all within [0, 1]
    evidence = [
        replace(one, adjusted_p_value=held, found=held < alpha and one.lift > 0)
        for one, held in zip(seen, adjusted.tolist(), strict=True)
    ]
    return tuple(sorted(evidence, key=lambda one: (one.p_value, -abs(one.correlation))))


def spanned_by_all(series: ArrayLike) -> Floats:
    """Return the periods from the first to the last in which all KPIs have a value.

    Parameters
    ----------
    series : array_like, shape (n, k)
        Equally spaced, oldest first; NaN marks a missing value. An infinite one is kept for the
        test to refuse.

    Returns
    -------
    ndarray, shape (m, k)
        With the gaps that lie inside; empty where no period has all.
    """
    x = np.asarray(series, dtype=np.float64)
    there = np.flatnonzero(~np.isnan(x).any(axis=1))
    return x[there[0] : there[-1] + 1] if there.size else x[:0]


def out_of_sample_lift(
    leader: ArrayLike, follower: ArrayLike, lag: int, *, own_lags: int = 2, train: float = 2 / 3
) -> float | Refusal:
    """Return by how much a leader lowers the squared error of one-step forecasts.

    Parameters
    ----------
    leader, follower : array_like, shape (n,)
        Equally spaced, oldest first, without gaps.
    lag : int
        Periods that the leader is ahead; at 0 its value of the same period is used.
    own_lags : int
        Of the follower's own past, in both forecasts.
    train : float
        Share of the periods before the first forecast; each forecast is fitted to all before it.

    Returns
    -------
    float or Refusal
        One less the ratio of mean squared errors. Refused: infinite or missing figures, fewer
        periods than the first forecast needs, a follower that its own past foresees exactly.
    """
    x, y = np.asarray(leader, dtype=np.float64), np.asarray(follower, dtype=np.float64)
    refusal = refuse_infinite(leader=x, follower=y)
    if refusal is not None:
        return refusal
    if not np.isfinite(x).all() or not np.isfinite(y).all():
        return Refusal(GAP_IN_SERIES, "a period has no value")
    first = max(own_lags, lag)
    known = int(train * (y.size - first))
    if known <= own_lags + 2 or y.size - first <= known:
        return Refusal(TOO_FEW_READINGS, f"{y.size} periods leave too few to fit or to foresee")
    past = [y[first - k : y.size - k] for k in range(1, own_lags + 1)]
    alone = np.column_stack([np.ones(y.size - first), *past])
    joined = np.column_stack([alone, x[first - lag : x.size - lag]])
    target = y[first:]
    own = _error(alone, target, known)
    # Rounding alone is left.
    if own <= 1e-24 * float(y @ y):
        return Refusal(NO_VARIATION, "the follower's own past foresees it exactly")
    return 1 - _error(joined, target, known) / own


def _error(design: Floats, target: Floats, start: int) -> float:
    missed = [
        target[t] - design[t] @ np.linalg.lstsq(design[:t], target[:t], rcond=None)[0]
        for t in range(start, target.size)
    ]
    return float(np.mean(np.square(missed)))
