"""Parts of a change add up to it, whatever the data, and are those that others found."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import expit, logit

from orchestration.statistics.attribution.bridge import ENDS_DO_NOT_ADD, bridge
from orchestration.statistics.attribution.critical_path import assign_delay, critical_path
from orchestration.statistics.attribution.drivers import driver_effects
from orchestration.statistics.attribution.mix import mix_effect
from orchestration.statistics.attribution.shapley import interval, shapley_values
from orchestration.statistics.attribution.shared import shared_change
from orchestration.statistics.attribution.shares import (
    decaying_shares,
    declared_shares,
    equal_shares,
    sensitivity,
)
from orchestration.statistics.refusal import Refusal

# ------------------------------------------------------------------------------------------- mix

# Charig et al., British Medical Journal 292 (1986) 879-882: kidney stones removed by open surgery
# and by puncture, small stones and large ones.
SURGERY = ([[81, 192]], [[87, 263]])
PUNCTURE = ([[234, 55]], [[270, 80]])


def test_simpsons_paradox_is_mix_against_change_within():
    found = mix_effect(*SURGERY, *PUNCTURE)

    # 78 % and 83 % in the paper, although puncture does worse on small stones and on large ones.
    assert found.before == pytest.approx([0.780], abs=5e-4)
    assert found.after == pytest.approx([0.826], abs=5e-4)
    # By hand: (270 - 87) / 350 more small stones, times what they differ by from large ones.
    small, large = (81 / 87 + 234 / 270) / 2, (192 / 263 + 55 / 80) / 2
    assert found.mix == pytest.approx([(270 - 87) / 350 * (small - large)], abs=1e-12)
    assert np.all(found.within_of < 0)
    assert found.mix[0] > 0 > found.within[0]


sizes = st.lists(st.tuples(*[st.integers(0, 50), st.integers(0, 100)] * 2), min_size=1, max_size=6)


@settings(max_examples=50)
@given(sizes)
def test_mix_and_change_within_add_up_to_the_change_with_parts_that_come_and_go(rows):
    table = np.array(rows, dtype=float)
    parts = [table[None, :, at] for at in (0, 1, 2, 3)]
    found = mix_effect(*parts)

    is_known = parts[1].sum() > 0 and parts[3].sum() > 0
    # A numerator without denominator belongs to a part that is not there.
    if not is_known:
        assert found.reason == "zero_denominator"
        return
    assert found.mix + found.within == pytest.approx(found.after - found.before, abs=1e-9)
    assert found.mix_of.sum(axis=1) + found.within_of.sum(axis=1) == pytest.approx(
        found.after - found.before, abs=1e-9
    )
    assert found.gain.sum() == pytest.approx(0, abs=1e-12)


def test_mix_is_the_same_backwards_but_for_its_sign():
    forth, back = mix_effect(*SURGERY, *PUNCTURE), mix_effect(*PUNCTURE, *SURGERY)

    assert back.mix == pytest.approx(-forth.mix, abs=1e-15)
    assert back.within_of == pytest.approx(-forth.within_of, abs=1e-15)


def test_a_part_that_came_changes_the_mix_alone():
    found = mix_effect([[10, np.nan]], [[100, np.nan]], [[10, 40]], [[100, 100]])

    assert found.within.tolist() == [0.0]
    assert found.mix == pytest.approx([0.15], abs=1e-15)
    assert found.weight[0, 1] == 0


def test_infinite_outcomes_drivers_and_months_are_refused_and_not_left_out():
    rng = np.random.default_rng(1)
    unit, period = np.repeat(np.arange(8), 6), np.tile(np.arange(6.0), 8)
    for at in range(3):
        outcome, driver, when = rng.normal(size=48), rng.normal(size=(48, 1)), period.copy()
        (outcome, driver[:, 0], when)[at][7] = np.inf
        assert driver_effects(outcome, driver, unit, when, names=["d"]).reason == "infinite_value"


def test_negative_and_infinite_sizes_are_refused_and_a_missing_numerator_is_not_guessed():
    assert mix_effect([[1]], [[-1]], [[1]], [[1]]).reason == "impossible_count"
    assert mix_effect([[np.inf]], [[1]], [[1]], [[1]]).reason == "infinite_value"
    assert np.isnan(mix_effect([[np.nan, 1]], [[5, 5]], [[1, 1]], [[5, 5]]).mix).all()
    with pytest.raises(ValueError, match="one shape"):
        mix_effect([[1]], [[1]], [[1]], [[1, 2]])


# ---------------------------------------------------------------------------------------- bridge

figures = st.floats(0.01, 0.99)
effects = st.lists(st.floats(-2, 2), min_size=1, max_size=5)


@settings(max_examples=50)
@given(figures, figures, effects, st.sampled_from(["identity", "log", "logit"]))
def test_the_parts_of_a_bridge_add_up_to_the_change(before, after, sizes, link):
    parts = {f"part {at}": [size] for at, size in enumerate(sizes)}
    found = bridge([before], [after], parts, {name: [0.1] for name in parts}, link=link)

    assert found.contribution.sum(axis=1) == pytest.approx([after - before], abs=1e-12)
    assert np.all(found.low <= found.contribution)
    assert np.all(found.contribution <= found.high)


def test_a_logit_part_is_what_it_adds_while_all_parts_grow_together():
    before, after, size = 0.2, 0.9, 1.3
    found = bridge([before], [after], {"part": [size]}, {"part": [0.0]}, link="logit")

    way = logit(after) - logit(before)

    def slope(at: float) -> float:
        there = expit(logit(before) + at * way)
        return size * there * (1 - there)

    # Aumann and Shapley's value as the integral that defines it.
    assert found.contribution[0, 0] == pytest.approx(quad(slope, 0, 1)[0], abs=1e-10)


def test_the_order_of_parts_changes_no_part():
    parts = {"a": [0.3], "b": [-0.1], "c": [0.6]}
    found = [
        bridge([10.0], [30.0], {name: parts[name] for name in order}, parts_sd, link="log")
        for order in permutations(parts)
        for parts_sd in [{name: [0.0] for name in order}]
    ]

    for one in found:
        said = dict(zip(one.parts, one.contribution[0], strict=True))
        assert said["a"] == pytest.approx(0.3 * 20 / np.log(3), abs=1e-12)


def test_equal_figures_are_divided_by_the_slope_where_they_lie():
    equal = bridge([0.5], [0.5], {"a": [0.2]}, {"a": [0.0]}, link="logit")
    nearly = bridge([0.5], [0.5 + 1e-5], {"a": [0.2]}, {"a": [0.0]}, link="logit")

    assert equal.contribution == pytest.approx(np.array([[0.05, -0.05]]))
    assert nearly.contribution[0, 0] == pytest.approx(0.05, abs=1e-5)


def test_interval_ends_do_not_add_and_the_result_says_so():
    found = bridge([1.0], [2.0], {"a": [0.4], "b": [0.1]}, {"a": [0.1], "b": [0.2]})

    assert found.before[0] + found.high.sum() > found.after[0] + 1
    # Of independent parts: the unexplained one carries the errors of all others.
    half = found.high[0] - found.contribution[0]
    assert half == pytest.approx(1.959964 * np.array([0.1, 0.2, np.hypot(0.1, 0.2)]), abs=1e-6)
    assert "do not add" in ENDS_DO_NOT_ADD


def test_figures_that_a_link_has_no_place_for_are_refused():
    assert bridge([0.0], [0.5], {}, {}, link="logit").reason == "impossible_value"
    assert bridge([0.0], [0.5], {}, {}, link="log").reason == "not_positive"
    assert bridge([np.inf], [0.5], {}, {}).reason == "infinite_value"
    assert bridge([0.2], [0.5], {}, {}).contribution == pytest.approx(np.array([[0.3]]))
    assert np.isnan(bridge([np.nan], [0.5], {"a": [1]}, {"a": [0]}).contribution[0, -1])
    with pytest.raises(ValueError, match="errors of"):
        bridge([0.2], [0.5], {"a": [1]}, {"b": [1]})
    with pytest.raises(ValueError, match="cannot be given"):
        bridge([0.2], [0.5], {"unexplained": [1]}, {"unexplained": [1]})


# ---------------------------------------------------------------------------------------- shared


def test_variances_of_equal_units_are_those_of_the_analysis_of_variance():
    rng = np.random.default_rng(3)
    table = rng.normal(0, 2, (40, 1)) + rng.normal(0, 1, (40, 5))
    found = shared_change(table, np.full(table.shape, 0.2))

    within = ((table - table.mean(axis=1, keepdims=True)) ** 2).sum() / (40 * 4)
    between = (table.mean(axis=1) ** 2).mean() - within / 5
    assert (found.within, found.between) == pytest.approx((within, between), rel=1e-12)
    assert found.shared == pytest.approx(table.mean(axis=1) * between / (between + within / 5))


def test_what_places_share_is_found_better_than_by_their_means_and_within_its_interval():
    rng = np.random.default_rng(5)
    truth = rng.normal(0, 0.5, 400)
    weights = rng.uniform(0.5, 1.5, (400, 4))
    weights /= weights.sum(axis=1, keepdims=True)
    table = truth[:, None] + rng.normal(0, 1, (400, 4))
    found = shared_change(table, weights)

    assert np.mean((found.shared - truth) ** 2) < 0.8 * np.mean((found.whole - truth) ** 2)
    # 95 % of 400: three standard errors are 3.3 points.
    assert np.mean(np.abs(found.shared - truth) < 1.96 * found.sd) == pytest.approx(0.95, abs=0.033)


def test_one_unit_a_place_shares_nothing_that_could_be_told():
    assert shared_change([[1.0], [2.0]], [[1.0], [1.0]]).reason == "too_few_readings"
    assert shared_change([[1.0, 1.0]], [[0.5, 0.5]]).reason == "no_variation"
    none = shared_change([[1.0, -1.0], [np.nan, np.nan]], [[0.5, 0.5], [0.5, 0.5]])
    # What there is cancels: nothing is shared, and a place without units is unknown.
    assert none.shared[0] == none.between == 0
    # Which is an estimate, and no certainty.
    assert none.sd[0] > 0
    assert np.isnan(none.shared[1])


# --------------------------------------------------------------------------------------- drivers


def test_a_planted_driver_is_told_from_levels_and_from_a_trend():
    rng = np.random.default_rng(11)
    unit, period = np.repeat(np.arange(8), 36), np.tile(np.arange(36), 8)
    driver = rng.normal(0, 1, (288, 1)) + 0.05 * period[:, None]
    outcome = 10 + unit + 0.1 * period + 0.7 * driver[:, 0] + rng.normal(0, 0.3, 288)
    found = driver_effects(outcome, driver, unit, period, names=["freight"])

    assert abs(found.coefficient[0] - 0.7) < 4 * found.sd[0] < 0.2
    # By least squares with a column for each unit.
    full = np.column_stack([driver, np.eye(8)[unit], period])
    oracle = np.linalg.lstsq(full, outcome, rcond=None)[0][0]
    assert found.coefficient[0] == pytest.approx(oracle, abs=1e-10)


def test_three_units_are_too_few_to_tell_what_a_driver_does():
    unit, period = np.repeat(np.arange(3), 12), np.tile(np.arange(12), 3)
    found = driver_effects(period**0.5, period[:, None] % 5.0, unit, period, names=["freight"])

    assert found.reason == "too_few_clusters"


def test_a_driver_that_is_a_straight_line_cannot_be_told_from_the_trend():
    rng = np.random.default_rng(1)
    unit, period = np.repeat(np.arange(6), 12), np.tile(np.arange(12), 6)
    outcome = rng.normal(size=72)
    found = driver_effects(outcome, 2.0 * period[:, None], unit, period, names=["freight"])

    assert found.reason == "singular_covariance"


# --------------------------------------------------------------------------------------- shapley


def airport(costs: list[float]):
    """Littlechild and Owen's game: a runway serves the largest aircraft of a coalition."""
    return lambda who: max(
        (cost for cost, is_in in zip(costs, who, strict=True) if is_in), default=0
    )


def test_the_airport_game_is_shared_as_littlechild_and_owen_do():
    # A simple expression for the Shapley value in a special case (1973): each step of the runway
    # is shared equally by those who need it.
    found = shapley_values(airport([1.0, 3.0, 7.0]), 3)

    assert found.value == pytest.approx([1 / 3, 1 / 3 + 1, 1 / 3 + 1 + 4], abs=1e-12)


def test_a_vote_of_50_49_and_1_has_the_published_power():
    found = shapley_values(lambda who: float(who @ np.array([50, 49, 1]) > 50), 3)

    assert found.value == pytest.approx([2 / 3, 1 / 6, 1 / 6], abs=1e-12)


games = st.integers(2, 4).flatmap(
    lambda n: st.tuples(
        st.just(n),
        st.lists(st.floats(-10, 10), min_size=2**n, max_size=2**n),
        st.lists(st.floats(-10, 10), min_size=2**n, max_size=2**n),
    )
)


def game_of(worth: list[float]):
    return lambda who: worth[int(who @ (1 << np.arange(who.size)))]


@settings(max_examples=50)
@given(games)
def test_shapley_values_are_efficient_additive_and_those_of_all_orders(drawn):
    n, one, other = drawn
    values = [shapley_values(game_of(worth), n).value for worth in (one, other)]
    both = shapley_values(game_of([a + b for a, b in zip(one, other, strict=True)]), n).value

    assert values[0].sum() == pytest.approx(one[-1] - one[0], abs=1e-9)
    assert both == pytest.approx(values[0] + values[1], abs=1e-9)
    orders = list(permutations(range(n)))
    oracle = np.zeros(n)
    for order in orders:
        members = 0
        for player in order:
            oracle[player] += one[members | 1 << player] - one[members]
            members |= 1 << player
    assert values[0] == pytest.approx(oracle / len(orders), abs=1e-9)


@settings(max_examples=50)
@given(games)
def test_a_dummy_gets_nothing_and_equal_players_get_the_same(drawn):
    n, worth, _ = drawn
    base = game_of(worth)
    dummy = shapley_values(lambda who: base(who[:-1]), n + 1)

    def twins(who: np.ndarray) -> float:
        """The first and the last player can stand in for each other."""
        return base(np.array([who[0] | who[-1], *who[1:-1]]))

    assert dummy.value[-1] == pytest.approx(0, abs=1e-9)
    assert dummy.value[:-1] == pytest.approx(shapley_values(base, n).value, abs=1e-9)
    found = shapley_values(twins, n + 1).value
    assert found[0] == pytest.approx(found[-1], abs=1e-9)


def test_sampled_values_are_efficient_and_near_the_exact_ones():
    costs = list(np.linspace(1, 5, 15))
    found = shapley_values(airport(costs), 15, n_orders=2000, seed=7)
    steps = np.diff([0.0, *costs]) / np.arange(15, 0, -1)

    assert not found.is_exact
    assert found.value.sum() == pytest.approx(5.0, abs=1e-9)
    # Fixed seed; four standard errors hold all but one of 16,000.
    assert np.all(np.abs(found.value - np.cumsum(steps)) < 4 * found.se)
    low, high = interval(found)
    assert np.all(low < found.value)
    assert np.all(found.value < high)
    assert shapley_values(airport(costs), 15, n_orders=20, seed=7).se.max() > found.se.max()


def test_a_game_with_a_missing_value_is_refused():
    assert shapley_values(lambda _: np.nan, 2).reason == "no_value"
    assert shapley_values(lambda who: np.inf if who.all() else 0.0, 2).reason == "infinite_value"
    assert shapley_values(lambda _: 0.0, 0).reason == "no_value"


# --------------------------------------------------------------------------------- critical path

# Reliable Construction Co., in Hillier and Lieberman, Introduction to Operations Research,
# chapter "Project management with PERT/CPM": weeks, and what each activity waits for.
NAMES = "ABCDEFGHIJKLMN"
WEEKS = [2, 4, 10, 6, 4, 5, 7, 9, 7, 8, 4, 5, 2, 6]
WAITS = {
    NAMES.index(name): [NAMES.index(one) for one in before]
    for name, before in {
        "B": "A", "C": "B", "D": "C", "E": "C", "F": "E", "G": "D", "H": "EG", "I": "C",
        "J": "FI", "K": "J", "L": "J", "M": "H", "N": "KL",
    }.items()
}  # fmt: skip


def test_the_critical_path_of_the_textbook_project_takes_44_weeks():
    found = critical_path(WEEKS, WAITS)

    assert found.span == 44
    assert "".join(NAMES[one] for one in found.path) == "ABCEFJLN"
    slack = dict(zip(NAMES, found.slack, strict=True))
    assert {name: late for name, late in slack.items() if late} == {
        "D": 4, "G": 4, "H": 4, "I": 2, "K": 1, "M": 4,
    }  # fmt: skip


def test_only_the_delay_beyond_its_room_is_a_teams():
    late = np.array(WEEKS, dtype=float)
    late[NAMES.index("I")] += 3
    found = assign_delay(WEEKS, late, list(NAMES), WAITS)

    shares = dict(zip(found.teams, found.share, strict=True))
    assert found.actual - found.planned == 1
    assert shares["I"] == pytest.approx(1, abs=0.01)
    assert sum(abs(one) for name, one in shares.items() if name != "I") == pytest.approx(
        0, abs=1e-9
    )


def test_two_parallel_delays_share_what_both_cause():
    # Either alone delays by 3, both together by 3.
    found = assign_delay([2, 2, 1], [5, 5, 1], ["a", "b", "c"], {2: [0, 1]})

    assert found.share == pytest.approx([1.5, 1.5, 0], abs=1e-12)


def test_a_planted_blocker_is_found_and_waits_stay_unassigned():
    planned, actual = np.array([2.0, 3.0, 2.0]), np.array([2.0, 7.0, 2.0])
    found = assign_delay(
        planned, actual, ["milling", "paint", "milling"], {1: [0], 2: [1]}, wait=[0, 0, 1.5]
    )

    assert found.teams == ("milling", "paint")
    assert found.share == pytest.approx([0, 4], abs=1e-12)
    assert found.unassigned == pytest.approx(1.5, abs=1e-12)
    assert found.path == (0, 1, 2)


durations = st.lists(st.floats(0, 20), min_size=5, max_size=5)


@settings(max_examples=50)
@given(durations, durations, durations)
def test_what_is_assigned_and_what_is_not_add_up_to_the_delay(planned, actual, wait):
    after = {2: [0, 1], 3: [2], 4: [1]}
    found = assign_delay(planned, actual, ["a", "b", "a", "c", "b"], after, wait=wait)

    said = found.planned + found.share.sum() + found.unassigned
    assert said == pytest.approx(found.actual, abs=1e-9)


def test_tasks_in_a_ring_and_impossible_durations_are_refused():
    assert critical_path([1, 1], {0: [1], 1: [0]}).reason == "cycle"
    assert critical_path([1, -1], {}).reason == "impossible_value"
    assert critical_path([], {}).reason == "no_value"
    assert assign_delay([1, 1], [1, np.nan], ["a", "b"], {}).reason == "no_value"
    with pytest.raises(ValueError, match="do not exist"):
        critical_path([1], {0: [4]})


# ---------------------------------------------------------------------------------------- shares


def test_shares_sum_to_one_by_every_rule_and_their_disagreement_is_shown():
    rules = {
        "equal": equal_shares(3),
        "declared": declared_shares([2, 1, 1]),
        "decaying": decaying_shares([0, 7, 14], half_life=7),
    }
    found = sensitivity(rules)

    assert rules["decaying"] == pytest.approx([4 / 7, 2 / 7, 1 / 7])
    assert found.low == pytest.approx([1 / 3, 1 / 4, 1 / 7])
    assert found.high == pytest.approx([4 / 7, 1 / 3, 1 / 3])
    assert found.is_order_stable
    assert not sensitivity(rules | {"other": [0.1, 0.2, 0.7]}).is_order_stable


def test_shares_that_mean_nothing_are_refused():
    refused = [
        equal_shares(0), declared_shares([]), declared_shares([0, 0]), declared_shares([1, np.nan]),
        declared_shares([2, -1]), decaying_shares([-1, 2], half_life=1),
    ]  # fmt: skip
    assert all(isinstance(one, Refusal) for one in refused)
    with pytest.raises(ValueError, match="sum to one"):
        sensitivity({"half": [0.5]})
