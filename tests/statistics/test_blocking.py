"""Which team blocks: by hand, by laws, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.statistics.attribution.blocking import Blocking, blocking_teams
from orchestration.statistics.refusal import Refusal

ITEMS, TEAMS = 12, ("a", "b", "c")
ITEM = [f"i{number:02d}" for number in range(ITEMS) for _ in TEAMS]
TEAM = list(TEAMS) * ITEMS


def delays(seed, late=0.0):
    """Delays of three teams on twelve pieces of work, `a` later by `late`."""
    drawn = np.random.default_rng(seed).normal(0, 2, (ITEMS, 3))
    drawn[:, 0] += late
    return drawn.ravel()


def test_excess_is_what_a_team_has_above_the_others_on_its_own_pieces_of_work():
    # i1 costs everybody ten days more: that is nobody's excess.
    found = blocking_teams(
        ["i1", "i1", "i2", "i2", "i3"], ["a", "b", "a", "b", "a"], [13, 11, 4, 0, 99]
    )

    assert found.teams == ("a", "b")
    # a is 2 and 4 above b; the work that a did alone compares with nobody.
    assert found.excess == pytest.approx([3, -3], abs=1e-12)
    assert found.mean == pytest.approx([8.5, 5.5], abs=1e-12)
    assert found.items.tolist() == [2, 2]
    assert found.verdict == ("too_few", "too_few")
    assert np.isnan(found.p_value).all()


def test_the_exact_p_value_of_a_team_that_is_always_later_is_that_of_all_orders():
    # Eight pairs, always a later by 5: all of 2^8 orders are equally likely, and the largest excess
    # of either team is as large in the two in which one team is always later.
    items = [f"i{number}" for number in range(8) for _ in range(2)]
    found = blocking_teams(items, ["a", "b"] * 8, [5, 0] * 8, permutations=20_000)

    assert found.p_value[0] == pytest.approx(2 / 2**8, abs=4 * np.sqrt(2 / 2**8 / 20_000))
    assert found.verdict == ("blocks", "not_distinguishable")


def test_a_certain_excess_of_hours_is_too_small_to_block():
    items = [f"i{number}" for number in range(8) for _ in range(2)]
    found = blocking_teams(items, ["a", "b"] * 8, [0.4, 0] * 8)

    assert found.p_value[0] < 0.05
    assert found.verdict == ("not_distinguishable", "not_distinguishable")


@settings(max_examples=15)
@given(st.integers(0, 999), st.floats(-50, 50), st.floats(0.1, 20))
def test_a_hard_piece_of_work_counts_against_nobody_and_units_do_not_matter(seed, shift, scale):
    x = delays(seed, late=1)
    hard = np.repeat(np.random.default_rng(seed + 1).normal(0, 5, ITEMS), 3)
    one = blocking_teams(ITEM, TEAM, x, permutations=99)
    other = blocking_teams(ITEM, TEAM, scale * (x + hard + shift), permutations=99)

    assert other.excess == pytest.approx(scale * one.excess, abs=1e-7)
    assert other.excess.sum() == pytest.approx(0, abs=1e-7)


def test_the_order_of_rows_changes_nothing():
    x, order = delays(4, late=2), np.random.default_rng(1).permutation(3 * ITEMS)
    one = blocking_teams(ITEM, TEAM, x)
    other = blocking_teams([ITEM[at] for at in order], [TEAM[at] for at in order], x[order], seed=1)

    assert other.excess == pytest.approx(one.excess, abs=1e-9)
    # Two draws of 4,999 permutations: the standard error of a difference at one half is .01.
    assert other.p_value == pytest.approx(one.p_value, abs=0.04)


def test_what_nobody_shares_or_nobody_measured_is_refused():
    alone = blocking_teams(["i1", "i2"], ["a", "b"], [1, 2])
    missing = blocking_teams(["i1", "i1"], ["a", "b"], [1, np.nan])

    assert isinstance(alone, Refusal)
    assert alone.reason == "too_few_readings"
    assert isinstance(missing, Refusal)
    assert missing.reason == "no_value"
    with pytest.raises(ValueError, match="two delays"):
        blocking_teams(["i1", "i1"], ["a", "a"], [1, 2])
    with pytest.raises(ValueError, match="length"):
        blocking_teams(["i1"], ["a", "b"], [1, 2])


def test_delays_that_are_all_the_same_block_nobody():
    found = blocking_teams(ITEM, TEAM, np.full(3 * ITEMS, 2.0))

    assert isinstance(found, Blocking)
    assert found.p_value.tolist() == [1, 1, 1]
