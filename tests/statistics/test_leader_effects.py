"""Separability and effects of leaders: hand-made graphs, planted truth, refusals."""

from dataclasses import replace

import numpy as np
import pytest

from orchestration.demo import DEFAULT, DemoSize
from orchestration.demo.readings import PLANTED, line_months
from orchestration.statistics.mixed.leaders import leader_effects, leave_one_move_out
from orchestration.statistics.mixed.linear import fit_linear
from orchestration.statistics.mixed.separability import separability, split_at
from orchestration.statistics.refusal import Refusal

# Anna and Ben in A one after the other; Ben then moves to B, which Cleo led before; Dan has C for
# himself; Eva and Finn share D.
SPELLS = [
    ("Anna", "A", 1), ("Anna", "A", 2), ("Ben", "A", 3), ("Cleo", "B", 1), ("Cleo", "B", 2),
    ("Cleo", "B", 3), ("Ben", "B", 4), ("Dan", "C", 1), ("Dan", "C", 2), ("Eva", "D", 1),
    ("Finn", "D", 2),
]  # fmt: skip


def spells():
    return tuple(np.array(column) for column in zip(*SPELLS, strict=True))


def test_what_can_be_compared_is_told_before_any_number():
    found = separability(*spells())

    assert dict(zip(found.leaders, found.level, strict=True)) == {
        "Anna": "connected",
        "Ben": "connected",
        "Cleo": "connected",
        "Dan": "not_separable",
        "Eva": "succession",
        "Finn": "succession",
    }
    assert found.components == 3
    assert dict(zip(found.leaders, found.peers, strict=True)) == {
        "Anna": 1, "Ben": 2, "Cleo": 1, "Dan": 0, "Eva": 1, "Finn": 1,
    }  # fmt: skip
    assert "not separable from their units: Dan" in found.sentence()


def test_the_one_move_between_two_units_carries_their_comparison_alone():
    (move,) = separability(*spells()).moves

    assert (move.leader, move.unit, move.period) == ("Ben", "B", 4)
    assert move.rests_on_it


def test_a_second_move_takes_the_weight_off_the_first():
    leader, unit, period = spells()
    found = separability(np.append(leader, "Anna"), np.append(unit, "B"), np.append(period, 5))

    assert [(move.leader, move.rests_on_it) for move in found.moves] == [
        ("Ben", False),
        ("Anna", False),
    ]


def test_a_leader_of_several_units_at_once_has_not_moved():
    found = separability(["a", "a", "b"], ["X", "Y", "X"], [1, 1, 2])

    assert found.moves == ()
    assert found.level == ("connected", "connected")


def test_the_order_of_rows_does_not_change_what_is_separable():
    order = np.random.default_rng(0).permutation(len(SPELLS))
    found = separability(*(column[order] for column in spells()))
    plain = separability(*spells())

    assert found.level == plain.level
    assert found.moves == plain.moves


def test_a_leader_split_at_a_move_is_two_people():
    leader, _, period = spells()
    (move,) = separability(*spells()).moves
    split = split_at(move, leader, period)

    assert split[2] == "Ben"
    assert split[6] == "Ben after the move"


@pytest.mark.parametrize(
    ("leader", "unit", "period"),
    [
        ([], [], []),
        (["a", ""], ["X", "X"], [1, 2]),
        (["a", "b"], ["X", "X"], [1, np.nan]),
        (["a", "a"], ["X", "Y"], [1, 2]),
    ],
)
def test_spells_without_a_comparison_are_refused(leader, unit, period):
    assert isinstance(separability(leader, unit, period), Refusal)


def company(seed, size=DEFAULT):
    """Line-months of the demo company's model with the effects planted in them."""
    drawn = line_months(seed, replace(PLANTED, slump=0), size)
    return (drawn.oee, drawn.leader, drawn.line, drawn.site, drawn.month), drawn.effect


def test_residuals_taken_for_independent_make_a_leader_look_surer_than_one_is():
    readings, _ = company(0)
    outcome, leader, unit, site, period = readings
    found = leader_effects(*readings)
    plain = fit_linear(
        "y ~ 1 + (1 | leader) + (1 | unit) + (1 | site) + (1 | site:period)",
        {"y": outcome, "leader": leader, "unit": unit, "site": site, "period": period},
    )
    of_leaders = next(one for one in plain.effects if one.group == "leader")

    assert found.model.memory == pytest.approx(0.5, abs=0.1)
    # What intervals hold and how close estimates come is measured in recovery.py.
    assert np.nanmedian(found.sd) > 1.05 * np.median(of_leaders.sd)


def test_leaders_without_any_effect_are_not_distinguished():
    readings, truth = company(3)
    outcome = readings[0] - truth[readings[1]]
    found = leader_effects(outcome, *readings[1:])

    # Of 43 intervals of 95 %, one in twenty may err.
    assert sum(one in {"above", "below"} for one in found.verdict) <= 5
    # Not even where the most likely variance between them is nil is anything certain.
    assert np.nanmin(found.sd) > 0.05


def test_leaders_who_are_not_separable_or_too_short_get_no_number():
    (outcome, leader, unit, site, period), _ = company(1)
    # One line with a leader of its own, and one leader for two months of another line.
    outcome = np.append(outcome, 80 + np.random.default_rng(9).normal(size=12))
    leader = np.append(np.where((unit == 0) & (period < 2), 901, leader), np.full(12, 900))
    unit, site = np.append(unit, np.full(12, 900)), np.append(site, np.zeros(12, dtype=int))
    found = leader_effects(outcome, leader, unit, site, np.append(period, np.arange(12)))
    said = dict(zip(found.separability.leaders, found.verdict, strict=True))

    assert said["900"] == "not_separable"
    assert said["901"] == "too_short"
    hidden = [name in {"900", "901"} for name in found.separability.leaders]
    assert np.isnan(found.effect[hidden]).all()
    assert np.isnan(found.above[hidden]).all()


def test_probabilities_and_interval_say_the_same():
    readings, _ = company(2)
    found = leader_effects(*readings, practical_difference=0.5)
    shown = np.isfinite(found.effect)

    assert (found.above[shown] + found.below[shown] <= 1).all()
    assert ((found.above > 0.975) <= (found.low > 0.5 - 1e-9))[shown].all()


def test_a_trait_counts_within_sites_beside_the_kind_of_site_it_is_found_in():
    (outcome, leader, unit, site, period), _ = company(4)
    rng = np.random.default_rng(8)
    # Good sites attract the tenured: over all sites, tenure looks better than it is.
    tenure = rng.normal(size=43)[leader] + site
    readings = (outcome + 0.5 * tenure + 2 * site, leader, unit, site, period)
    beside = leader_effects(*readings, traits={"tenure": tenure}).model
    alone = leader_effects(*readings, covariates={"tenure": tenure}).model
    own, of_site = (
        beside.fixed[beside.names.index(name)] for name in ("trait_0", "trait_0_of_site")
    )

    assert abs(own - 0.5) < 3 * beside.se[beside.names.index("trait_0")]
    assert of_site > 1
    assert alone.fixed[alone.names.index("covariate_0")] > own


def test_no_move_at_all_is_refused():
    leader = np.repeat(np.arange(6), 10)
    found = leader_effects(
        np.random.default_rng(0).normal(size=60), leader, leader, leader // 3, np.tile(range(10), 6)
    )

    assert isinstance(found, Refusal)
    assert "no leader led a second unit" in found.detail


def test_leaving_one_move_out_changes_the_others_and_names_whom_most():
    (outcome, leader, unit, site, period), _ = company(
        5, DemoSize(plants=3, lines=12, machines=12, leaders=17, history_months=30)
    )
    whole = leader_effects(outcome, leader, unit, site, period)
    found = leave_one_move_out(outcome, leader, unit, site, period, whole=whole)

    assert [one.move for one in found] == list(whole.separability.moves)
    changes = [one.largest_change for one in found]
    assert max(changes) > 0
    assert all(one.leader != one.move.leader for one in found)


def test_of_a_move_that_carries_a_comparison_alone_every_other_leader_is_told_the_change():
    """Two plants whose leaders change lines within them; E alone has led in both."""
    led = {
        "U1": "AABBEE", "U2": "BBAACC", "U3": "CCCCAA",
        "V1": "FFGGHH", "V2": "GGFFEE", "V3": "HHHHGG",
    }  # fmt: skip
    rng = np.random.default_rng(3)
    leader, unit, period = (
        np.array(column)
        for column in zip(
            *(
                (who, line, 6 * half + month)
                for line, whole in led.items()
                for half, who in enumerate(whole)
                for month in range(6)
            ),
            strict=True,
        )
    )
    # E is in V2 a year after U1.
    period = np.where((unit == "V2") & (leader == "E"), period + 12, period)
    outcome = rng.normal(size=leader.size) + (leader == "A") * 2.0
    readings = (outcome, leader, unit, np.zeros(leader.size), period)
    fit = leader_effects(*readings)
    whole = leave_one_move_out(*readings, whole=fit)
    (of_move,) = leave_one_move_out(*readings, whole=fit, only_weak=True)

    assert (of_move.move.leader, of_move.move.unit) == ("E", "V2")
    assert len(whole) > 1
    assert of_move.largest_change == next(
        one.largest_change for one in whole if one.move == of_move.move
    )
    # In order of id A, B, C, E, F, G, H: nothing is said of E.
    assert np.isnan(of_move.changes).tolist() == [False] * 3 + [True] + [False] * 3
    assert np.nanmax(of_move.changes) == of_move.largest_change > 0
