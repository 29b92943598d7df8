"""The published reference cases of the kinds that are built, read where they lie."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from orchestration.statistics.spc import charts
from orchestration.statistics.spc.constants import D2_EXACT, D2_TABLE, D4_TABLE
from orchestration.statistics.spc.rules import flag_runs

CASES = Path(__file__).parents[2].parent / "shared" / "reference" / "spc"

pytestmark = pytest.mark.skipif(
    not CASES.is_dir(), reason="the reference cases are not beside the checkout"
)

RUN_LENGTHS = {"nelson2": 9, "we4": 8}


def load(case):
    expected = json.loads((CASES / case / "expected.json").read_text(encoding="utf-8"))
    with (CASES / case / "data.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    roles = expected["recipe"]["columns"]
    columns = {role: np.array([float(row[name]) for row in rows]) for role, name in roles.items()}
    return columns, expected["recipe"].get("options", {}), expected["expected"]


def close(ours, theirs):
    """The tolerance of these cases: 1e-9 of the largest figure of the leaf."""
    theirs = np.asarray(theirs, dtype=float)
    return np.max(np.abs(ours - theirs)) <= 1e-9 * np.max(np.abs(theirs))


def assert_rules(values, limits, expected):
    """Rules 1 and 2, in the names under which the cases carry them."""
    lines = {name: getattr(limits, name) for name in ("centre", "sigma", "lower", "upper")}
    compared = 0
    for name, points in expected.items():
        if name in {"nelson1", "we1"}:
            flags = flag_runs(values, **lines).rule_1
        elif name in RUN_LENGTHS:
            flags = flag_runs(values, **lines, run_length=RUN_LENGTHS[name]).rule_2
        else:
            continue
        assert (np.flatnonzero(flags) + 1).tolist() == points, name
        compared += 1
    assert compared >= 2


def test_individuals_chart_of_the_flow_rates():
    columns, _, expected = load("nist_imr_flowrate")
    limits = charts.individuals_limits(columns["value"])

    assert close(limits.centre[0], expected["center"])
    assert close(limits.sigma[0], expected["sigma"])
    assert close(limits.sigma[0] * D2_TABLE, expected["mr_bar"])
    assert close(limits.sigma[0] * D2_TABLE * D4_TABLE, expected["mr_ucl_D4_table"])
    assert close(limits.lower, expected["lcl"])
    assert close(limits.upper, expected["ucl"])
    assert_rules(columns["value"], limits, expected["rules"])


def test_p_chart_of_the_wafers():
    columns, _, expected = load("nist_p_wafer")
    limits = charts.p_limits(columns["count"], columns["n"])

    assert close(limits.centre[0], expected["center"])
    assert close(limits.sigma[0], expected["sigma_of_p"])
    assert close(limits.lower, expected["lcl"])
    assert close(limits.upper, expected["ucl"])
    assert_rules(columns["count"] / columns["n"], limits, expected["rules"])


@pytest.mark.parametrize("case", ["qcc_circuit_u", "qcc_dyedcloth_u_unequal", "qcc_pcmanufact_u"])
def test_u_charts_of_the_textbook(case):
    columns, _, expected = load(case)
    limits = charts.u_limits(columns["count"], columns["n"])

    assert close(columns["count"] / columns["n"], expected["statistics"])
    assert close(limits.centre[0], expected["center"])
    assert close(limits.lower, expected["lcl"])
    assert close(limits.upper, expected["ucl"])
    assert_rules(columns["count"] / columns["n"], limits, expected["rules"])


def test_p_chart_with_limits_frozen_from_a_baseline():
    columns, _, expected = load("qcc_orangejuice_p_phases")
    in_baseline = columns["baseline"] == 1
    rows = np.concatenate([np.flatnonzero(in_baseline), np.flatnonzero(columns["phase"] == 2)])
    limits = charts.p_limits(columns["count"][rows], columns["n"][rows], baseline=in_baseline[rows])

    assert (rows + 1).tolist() == expected["rows"]
    assert close(limits.centre[0], expected["center"])
    assert close(limits.lower, expected["lcl"])
    assert close(limits.upper, expected["ucl"])
    proportions = (columns["count"] / columns["n"])[rows]
    assert_rules(proportions, limits, expected["rules_by_position"])


@pytest.mark.parametrize(("variant", "screen"), [("unscreened", False), ("screened", True)])
def test_laney_p_chart_of_an_overdispersed_process(variant, screen):
    columns, _, expected = load("sim_laney_p")
    limits = charts.laney_p_limits(columns["count"], columns["n"], screen_moving_ranges=screen)
    plain = charts.p_limits(columns["count"], columns["n"])
    proportions = columns["count"] / columns["n"]

    if variant == "unscreened":
        assert close(limits.sigma_z[0], expected["sigma_z_mr"])
    assert close((proportions - plain.centre) / plain.sigma, expected["z"])
    assert close(limits.centre[0], expected[variant]["center"])
    assert close(limits.lower, expected[variant]["lcl"])
    assert close(limits.upper, expected[variant]["ucl"])
    for chart, points in (
        (limits, expected[variant]["signals"]),
        (plain, expected["plain_p_signals"]),
    ):
        beyond = (proportions > chart.upper) | (proportions < chart.lower)
        assert (np.flatnonzero(beyond) + 1).tolist() == points


@pytest.mark.parametrize("rule", [1, 2, 3, 5, 8])
def test_series_that_break_one_rule_once(rule):
    columns, options, expected = load(f"sim_nelson_rule{rule}_once")
    centre, sigma = options["center"], options["sigma"]
    limits = charts.ChartLimits(
        centre=centre, sigma=sigma, lower=centre - 3 * sigma, upper=centre + 3 * sigma, sigma_z=1
    )

    assert_rules(columns["value"], limits, expected["rules"])


def test_a_run_of_eight_by_three_conventions():
    columns, _, expected = load("sim_run8_vs_run9")
    lines = {"centre": 0, "sigma": 1, "lower": -3, "upper": 3}
    found = {
        "western_electric4_8points": flag_runs(columns["value"], run_length=8, **lines),
        "nelson2_9points": flag_runs(columns["value"], run_length=9, **lines),
        "making_data_count_7points_all_members": flag_runs(
            columns["value"], run_length=7, all_members=True, **lines
        ),
    }

    signals = {name: (np.flatnonzero(flags.rule_2) + 1).tolist() for name, flags in found.items()}
    assert signals == expected


def test_d2_is_the_expected_range_of_two_normal_values():
    case = json.loads((CASES / "constants" / "expected.json").read_text(encoding="utf-8"))
    expected = case["expected"]

    assert pytest.approx(expected["d2_n2_exact"], rel=1e-12) == D2_EXACT
    assert expected["qcc_table_d2"][0] == D2_TABLE
    # The table is rounded to three digits.
    assert pytest.approx(expected["D4_n2"], abs=5e-4) == D4_TABLE
