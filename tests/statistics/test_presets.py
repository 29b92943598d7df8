"""Presets flag what the tools that they are named after flag."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from orchestration.statistics.refusal import Refusal
from orchestration.statistics.spc.constants import D2_EXACT
from orchestration.statistics.spc.patterns import Rule
from orchestration.statistics.spc.presets import PRESETS, flag_with_gaps, individuals_by

CASES = Path(__file__).parents[2].parent / "shared" / "reference" / "spc"
# What pccpy 0.16.2 (`rules.apply_tests`, centre 0, sigma 1) flags in drawn series with gaps.
PCCPY = json.loads(Path(__file__).with_name("pccpy_flags.json").read_text(encoding="utf-8"))
FLOW = [10.0, 12.0, 11.0, 13.0, 10.0, 12.0, 11.0, 13.0, 12.0, 11.0]


def points(flagged):
    return (np.flatnonzero(flagged) + 1).tolist()


@pytest.mark.parametrize("case", PCCPY)
@pytest.mark.parametrize("tool", ["pccpy", "minitab"])
def test_flags_are_those_of_pccpy_which_follows_minitab(case, tool):
    values = np.array(case["values"], dtype=float)
    preset = PRESETS[tool]
    ours = {
        name: points(flag_with_gaps(values, rule, centre=0, sigma=1, gaps=preset.gaps).flagged)
        for name, rule in preset.rules.items()
    }

    assert ours == case["flagged"]


def test_that_comparison_has_every_rule():
    assert {name for case in PCCPY for name, found in case["flagged"].items() if found} == {
        f"nelson{number}" for number in range(1, 9)
    }


def test_rule_eight_is_where_nelson_and_minitab_differ():
    above = np.array([1.5] * 8)
    found = {
        tool: flag_with_gaps(above, PRESETS[tool].rules["nelson8"], centre=0, sigma=1).flagged[-1]
        for tool in ("nelson", "jmp", "qcc", "minitab", "pccpy")
    }

    assert found == {"nelson": False, "jmp": False, "qcc": False, "minitab": True, "pccpy": True}


@pytest.mark.skipif(not CASES.is_dir(), reason="the reference cases are not beside the checkout")
@pytest.mark.parametrize(
    "name", ["nist_imr_flowrate", *(f"sim_nelson_rule{n}_once" for n in (1, 2, 3, 5, 8))]
)
def test_flags_are_those_of_qcc(name):
    stated = json.loads((CASES / name / "expected.json").read_text(encoding="utf-8"))
    recipe, theirs = stated["recipe"], stated["expected"]["rules"]
    with (CASES / name / "data.csv").open(encoding="utf-8", newline="") as file:
        values = np.array([float(row[recipe["columns"]["value"]]) for row in csv.DictReader(file)])
    preset, options = PRESETS["qcc"], recipe["options"]
    if "center" in options:
        lines = {"centre": options["center"], "sigma": options["sigma"]}
    else:
        chart = individuals_by(preset, values).chart
        lines = {"centre": float(chart.centre[0]), "sigma": float(chart.sigma[0])}

    ours = {
        rule: points(flag_with_gaps(values, preset.rules[rule], **lines).flagged)
        for rule in options["rules"]
    }
    assert ours == theirs


def test_nhs_flags_all_seven_of_a_run_and_western_electric_the_eighth_alone():
    run = np.array([0.5] * 8)

    def found(tool, rule):
        preset = PRESETS[tool]
        return points(
            flag_with_gaps(
                run, preset.rules[rule], centre=0, sigma=1, all_members=preset.all_members
            ).flagged
        )

    assert found("nhs", "one_side") == list(range(1, 9))
    assert found("western_electric", "we4") == [8]
    assert found("nelson", "nelson2") == []


def test_qicharts2_screens_the_moving_ranges_and_nelson_does_not():
    # Moving ranges 2 1 2 3 2 1 2 1 1 and twice some 40: above 3.267 times their mean.
    values = [*FLOW, 50.0, *FLOW]
    screened, plain = (individuals_by(PRESETS[tool], values).chart for tool in ("qicharts2", "qcc"))
    ranges = np.abs(np.diff(values))
    kept = ranges[ranges < 3.267 * ranges.mean()]

    assert screened.sigma[0] == pytest.approx(kept.mean() / 1.128)
    assert plain.sigma[0] == pytest.approx(ranges.mean() / 1.128)


def test_a_missing_reading_holds_its_place_cuts_or_is_bridged():
    values = np.array([2.5, np.nan, 2.5, 0.5, 0.5])
    zone = Rule("zone", length=3, count=2, sigmas=2)
    run = Rule("one_side", length=4)

    def found(rule, gaps):
        return points(flag_with_gaps(values, rule, centre=0, sigma=1, gaps=gaps).flagged)

    assert found(zone, "hold") == [3]
    assert found(zone, "cut") == []
    assert found(replace(zone, full_window=False), "bridge") == [3]
    assert found(run, "hold") == found(run, "cut") == []
    assert found(run, "bridge") == [5]
    with pytest.raises(ValueError, match="unknown handling of gaps"):
        found(run, "jump")


def test_only_bridging_takes_a_moving_range_across_a_gap():
    values = [10.0, 11.0, np.nan, 15.0, 16.0]
    bridged, held = (individuals_by(PRESETS[tool], values).chart for tool in ("qcc", "jmp"))

    assert bridged.sigma[0] == pytest.approx((1 + 4 + 1) / 3 / 1.128)
    assert held.sigma[0] == pytest.approx(1 / 1.128)


def test_the_exact_divisor_is_a_change_of_one_name():
    table, exact = (
        individuals_by(preset, FLOW).chart.sigma[0]
        for preset in (PRESETS["nelson"], replace(PRESETS["nelson"], d2=D2_EXACT))
    )

    assert table / exact == pytest.approx(D2_EXACT / 1.128)


@pytest.mark.parametrize("tool", list(PRESETS))
def test_every_preset_names_its_source_and_refuses_what_cannot_be_charted(tool):
    assert len(PRESETS[tool].source) > 10
    assert individuals_by(PRESETS[tool], [1.0, 1.0, 1.0]) == Refusal(
        "no_variation", "the baseline of phase 1 does not vary"
    )
    drawn = individuals_by(PRESETS[tool], FLOW)
    assert set(drawn.flags) == set(PRESETS[tool].rules)
