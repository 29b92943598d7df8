"""The comparison itself: a runner that cannot say no is worth nothing."""

import math

import pytest

from tests.golden.compare import Refused, agrees, compare, joined, leaves, matches, tolerance_of


def verdicts(expected, ours, tolerance=None, not_required=()):
    figures = compare("case", expected, ours, tolerance or {"default": 1e-9}, not_required)
    return {figure.path: figure.verdict for figure in figures}


def test_leaves_are_scalars_and_arrays_of_scalars():
    tree = {
        "a": {"b": 1, "c": [1, 2]},
        "d": [{"e": 1}, {"e": None}],
        "f": [[1, 2], [3, 4]],
        "g": [],
    }

    assert [joined(steps) for steps, _ in leaves(tree)] == [
        "a.b", "a.c", "d[0].e", "d[1].e", "f", "g",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("a.b", "a.*", True),
        ("a.b.c", "a.*", True),
        ("x.a.b", "a.*", False),
        ("varcomp[0].vcov", "varcomp*", True),
        ("a[0].b", "a[0].b", True),
        ("a0.b", "a[0].b", False),
        ("DL.blup_se", "*.blup*", True),
        ("blup", "*.blup*", False),
    ],
)
def test_globs_hold_for_the_whole_path_and_brackets_mean_themselves(path, pattern, expected):
    assert matches(path, pattern) is expected


def test_the_last_pattern_that_matches_sets_the_tolerance():
    tolerance = {"default": 1e-9, "a.*": 0.01, "a.b": "<= 1", "*": 0.5}

    assert tolerance_of("a.b", {"default": 1e-9, "a.*": 0.01, "a.b": "<= 1"}) == "<= 1"
    assert tolerance_of("a.c", {"default": 1e-9, "a.*": 0.01, "a.b": "<= 1"}) == 0.01
    assert tolerance_of("z", {"a.*": 0.01, "default": 1e-9}) == 1e-9
    assert tolerance_of("a.b", tolerance) == 0.5


def test_an_array_is_measured_by_its_largest_figure():
    # 1e-7 off at a small figure is within 1e-9 of 1000, but not of 1.
    assert agrees("x", [1000.0, 1.0], [1000.0, 1.0 + 1e-7], 1e-9)
    assert not agrees("x", [1.0, 1.0], [1.0, 1.0 + 1e-7], 1e-9)


def test_nothing_is_near_zero_but_zero():
    assert agrees("lcl", [0, 0], [0.0, 0.0], 1e-9)
    assert not agrees("lcl", [0, 0], [0.0, 1e-12], 1e-9)


def test_a_gap_must_be_a_gap_on_both_sides():
    assert agrees("x", [1, None], [1, None], 1e-9)
    assert agrees("x", [1, None], [1, math.nan], 1e-9)
    assert agrees("x", None, None, 1e-9)
    assert not agrees("x", [1, None], [1, 2], 1e-9)
    assert not agrees("x", [1, 2], [1, None], 1e-9)
    assert not agrees("x", [1, 2], [1, math.inf], 1e-9)


@pytest.mark.parametrize(
    ("bound", "ours", "expected"),
    [
        (">= -0.5", 9.5, True),
        (">= -0.5", 9.4, False),
        (">= -0.5", 99.0, True),
        ("<= 1", 11.0, True),
        ("<= 1", 11.1, False),
        ("<= 1", -99.0, True),
    ],
)
def test_a_one_sided_tolerance_lets_the_better_pass(bound, ours, expected):
    assert agrees("loglik", 10.0, ours, bound) is expected


def test_a_one_sided_tolerance_that_cannot_be_read_is_an_error():
    with pytest.raises(ValueError, match="begins with >= or <="):
        agrees("loglik", 10.0, 10.0, "about 1")


@pytest.mark.parametrize("name", ["signals", "signals_upper", "violations", "beyond", "rules.we1"])
def test_point_numbers_are_exact_whatever_the_tolerance(name):
    assert agrees(name, [1000, 2000], [1000, 2000], 0.5)
    assert not agrees(name, [1000, 2000], [1000, 2001], 0.5)
    assert not agrees(name, [1000], [1000, 2000], 0.5)
    assert not agrees(name, [], [7], 0.5)
    assert not agrees(name, [1, 2], [2, 1], 0.5)


def test_text_and_truth_values_are_exact_and_no_numbers():
    assert agrees("x", ["a", "b"], ["a", "b"], 0.5)
    assert not agrees("x", ["a", "b"], ["a", "c"], 0.5)
    assert agrees("x", True, True, 0.5)
    assert not agrees("x", True, False, 0.5)
    assert not agrees("x", True, 1, 0.5)
    assert not agrees("x", 1, True, 0.5)
    assert not agrees("x", 1, "1", 0.5)


def test_cluster_numbers_count_by_first_appearance():
    assert agrees("cluster", [1, 1, 2, 3], [5, 5, 9, 1], 0)
    assert not agrees("cluster", [1, 1, 2, 3], [1, 2, 2, 3], 0)
    assert not agrees("classes", [1, 1, 2, 3], [5, 5, 9, 1], 0)


def test_a_figure_of_another_shape_differs():
    assert not agrees("x", 1.0, [1.0], 0.5)
    assert not agrees("x", [1.0], 1.0, 0.5)
    assert not agrees("x", [[1, 2], [3, 4]], [1, 2, 3, 4], 0.5)
    assert not agrees("x", 1.0, {"a": 1.0}, 0.5)


def test_figures_that_we_name_and_they_number_are_compared_in_order():
    assert verdicts({"a": [1, 2]}, {"a": {"x": 1, "y": 2}}) == {"a": "ok"}
    assert verdicts({"a": [1, 2]}, {"a": {"y": 2, "x": 1}}) == {"a": "differs"}
    assert verdicts({"a": 1}, {"a": {"x": 1}}) == {"a": "ok"}
    assert verdicts({"a": 1}, {"a": {"x": 1, "y": 1}}) == {"a": "differs"}
    assert verdicts({"a": 1}, {"a": {}}) == {"a": "differs"}


def test_each_figure_gets_its_verdict():
    expected = {"a": 1, "b": {"c": 2, "d": [1, 2]}, "e": None, "f": [{"g": 1}], "h": 1}
    ours = {"a": 1, "b": {"c": 3}, "e": None, "f": [], "h": 5, "more": 1}

    assert verdicts(expected, ours, not_required=["h"]) == {
        "a": "ok",
        "b.c": "differs",
        "b.d": "missing",
        "e": "ok",
        "f[0].g": "missing",
    }


def test_a_refusal_covers_all_that_lies_below_it():
    refused = Refused("no_variation", "all equal")

    assert verdicts({"a": {"b": 1, "c": None}, "d": 1}, {"a": refused, "d": 1}) == {
        "a.b": "refused",
        "a.c": "ok",
        "d": "ok",
    }
