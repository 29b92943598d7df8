"""Whether a team carries a member: by hand, by laws, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.statistics.detection.free_riding import Carried, judge_team
from orchestration.statistics.refusal import Refusal

SIZE = 6
RATER, MEMBER = (
    grid[~np.eye(SIZE, dtype=bool)]
    for grid in np.meshgrid(np.arange(SIZE), np.arange(SIZE), indexing="ij")
)


def scores(seed, *, low=0.0, who=2):
    """Scores of six who score each other, in points that need not be whole."""
    rng = np.random.default_rng(seed)
    drawn = 3.8 - 0.4 * rng.normal(size=SIZE)[RATER] + 0.5 * rng.normal(size=RATER.size)
    return drawn - low * (who == MEMBER)


def test_the_gap_is_freed_of_severity_although_nobody_scores_themselves():
    # Without noise: severity of -1 to 1.5, and member 2 two points below the others.
    severity = np.linspace(-1, 1.5, SIZE)
    found = judge_team(RATER, MEMBER, 3 - severity[RATER] - 2.0 * (MEMBER == 2))

    assert found.gap == pytest.approx(2, abs=1e-9)
    assert found.gap_without_one == pytest.approx(2, abs=1e-9)
    assert found.verdict == "carried"
    assert (found.n, found.raters, found.members) == (30, 6, 6)


def test_a_gap_that_one_rater_makes_is_one_voice():
    rng = np.random.default_rng(0)
    x = 4 + 0.01 * rng.normal(size=RATER.size)
    x[(RATER == 0) & (MEMBER == 3)] -= 9
    found = judge_team(RATER, MEMBER, x, level=1.0)

    # 9 points of one of five scores, told from that rater's severity.
    assert found.gap >= 1.25
    assert found.gap_without_one == pytest.approx(0, abs=0.1)
    assert found.verdict == "one_voice"


def test_what_somebody_says_of_themselves_does_not_count():
    x = scores(5, low=1.5)
    with_self = judge_team(
        np.append(RATER, np.arange(SIZE)), np.append(MEMBER, np.arange(SIZE)),
        np.append(x, np.full(SIZE, 99.0)),
    )  # fmt: skip

    assert with_self == judge_team(RATER, MEMBER, x)


@settings(max_examples=15)
@given(st.integers(0, 999), st.floats(-5, 5), st.floats(0.2, 5))
def test_severity_and_origin_change_nothing_and_units_scale_the_gap(seed, origin, scale):
    x = scores(seed)
    severity = np.random.default_rng(seed + 1).normal(0, 2, SIZE)
    one = judge_team(RATER, MEMBER, x, permutations=99)
    other = judge_team(RATER, MEMBER, scale * x + origin - severity[RATER], permutations=99)

    assert other.gap == pytest.approx(scale * one.gap, abs=1e-7)
    assert other.p_value == one.p_value


def test_a_team_without_a_free_rider_is_said_to_carry_one_no_more_often_than_promised():
    found = [judge_team(RATER, MEMBER, scores(seed), permutations=199) for seed in range(200)]

    # Ten of 200 expected at 5 %, more than 21 with chance .0005; with a gap that matters, none.
    assert sum(one.p_value <= 0.05 for one in found) <= 21
    assert not any(one.verdict == "carried" for one in found)


def test_too_few_members_voices_or_points_are_refused():
    few = MEMBER < 3
    refused = {
        "members": judge_team(RATER[few & (RATER < 3)], MEMBER[few & (RATER < 3)],
                              scores(1)[few & (RATER < 3)]),
        "voices": judge_team(*(one[(MEMBER != 5) | (RATER == 0)] for one in (RATER, MEMBER,
                                                                             scores(1)))),
        "alike": judge_team(RATER, MEMBER, np.full(RATER.size, 4)),
        "infinite": judge_team(RATER, MEMBER, np.where(MEMBER == 1, np.inf, 4.0)),
    }  # fmt: skip

    assert {name: one.reason for name, one in refused.items() if isinstance(one, Refusal)} == {
        "members": "too_few_readings", "voices": "too_few_readings",
        "alike": "no_variation", "infinite": "no_value",
    }  # fmt: skip
    with pytest.raises(ValueError, match="length"):
        judge_team([1], [1, 2], [3, 4])
    assert isinstance(judge_team(RATER, MEMBER, np.where(RATER == 1, np.nan, scores(1))), Carried)
