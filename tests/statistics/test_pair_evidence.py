"""Evidence over many pairs: what is planted is found, what is not is rarely claimed."""

import numpy as np
import pytest

from orchestration.statistics.detection.evidence import (
    out_of_sample_lift,
    pair_evidence,
    spanned_by_all,
)
from orchestration.statistics.refusal import NO_VALUE, TOO_FEW_READINGS, Refusal


def _weeks(seed: int, *, planted: bool, n: int = 160) -> np.ndarray:
    """Output, scrap (rises with it), overtime (three weeks before absence), absence, noise."""
    rng = np.random.default_rng(seed)
    shocks = rng.normal(size=(n + 3, 5))
    own = np.zeros_like(shocks)
    for t in range(1, n + 3):
        own[t] = 0.6 * own[t - 1] + shocks[t]
    if planted:
        own[:, 1] += 0.8 * own[:, 0]
        own[3:, 3] += 0.8 * own[:-3, 2]
    return own[3:] + np.arange(n)[:, None] * 0.02


DIRECTIONS = (1, -1, -1, -1, 1)


def test_a_goal_conflict_and_a_lead_are_found_and_nothing_else():
    hits, others = [], 0
    for seed in range(8):
        found = pair_evidence(
            _weeks(seed, planted=True), directions=DIRECTIONS, max_lag=6, permutations=199
        )
        said = {(one.leader, one.follower, one.lag): one for one in found if one.found}
        conflict, lead = said.pop((0, 1, 0), None), said.pop((2, 3, 3), None)
        hits.append((conflict is not None and conflict.conflict, lead is not None))
        # A relation that follows from a planted one (the same pair at another lag) is none of ours.
        others += len(said)

    assert np.mean(hits, axis=0).tolist() == [1, 1]
    # Eight searches of eight other pairs, at a false discovery rate of 5 %.
    assert others <= 3


def test_among_unrelated_series_something_is_claimed_as_rarely_as_stated():
    claims = 0
    for seed in range(30):
        found = pair_evidence(
            _weeks(100 + seed, planted=False), directions=DIRECTIONS, max_lag=6, permutations=199
        )
        claims += any(one.found for one in found)

    # Where nothing is there the false discovery rate is the chance of any claim; thirty draws at
    # 5 % exceed 5 with chance 0.3 %.
    assert claims <= 5


def test_the_lift_is_what_the_leader_takes_away():
    rng = np.random.default_rng(3)
    x = rng.normal(size=400)
    y = np.append([0.0, 0.0], x[:-2]) + 0.5 * rng.normal(size=400)

    # Variance 1.25 without the leader, 0.25 with it.
    assert out_of_sample_lift(x, y, 2) == pytest.approx(0.8, abs=0.05)
    assert out_of_sample_lift(rng.normal(size=400), y, 2) < 0.02


def test_pairs_that_cannot_be_related_are_left_out():
    series = _weeks(1, planted=True)
    series[5, 4] = np.nan
    found = pair_evidence(series, directions=DIRECTIONS, max_lag=6, permutations=19)

    assert len(found) == 6
    assert all(4 not in {one.leader, one.follower} for one in found)

    def reason(rows: np.ndarray, directions: tuple[int, ...]) -> str:
        refused = pair_evidence(rows, directions=directions, max_lag=6)
        assert isinstance(refused, Refusal)
        return refused.reason

    assert reason(series[:30], DIRECTIONS) == NO_VALUE
    assert reason(series[:, :1], (1,)) == TOO_FEW_READINGS
    with pytest.raises(ValueError, match="2 directions"):
        pair_evidence(series, directions=(1, 1), max_lag=6)


@pytest.mark.parametrize(
    ("leader", "follower", "reason"),
    [
        ([1.0, np.inf] * 20, np.arange(40.0), "infinite_value"),
        (np.arange(40.0), [1.0, np.nan] * 20, "gap_in_series"),
        ([1.0, 2, 3, 4], [2.0, 1, 4, 3], "too_few_readings"),
        (np.sin(np.arange(40.0)), np.full(40, 5.1), "no_variation"),
    ],
)
def test_a_lift_that_cannot_be_told_is_refused(leader, follower, reason):
    assert out_of_sample_lift(leader, follower, 1).reason == reason


def test_an_infinite_week_is_not_cut_off_without_a_word():
    series = np.array([[np.inf, 1.0], [1, 2], [2, 3], [np.nan, 4]])

    assert spanned_by_all(series).tolist() == [[np.inf, 1], [1, 2], [2, 3]]
