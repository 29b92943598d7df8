"""Charts carry the figures they are given, in marks that everybody can tell apart."""

from __future__ import annotations

import importlib.util
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

PATH = Path(__file__).parents[2] / "notebooks" / "charts.py"
# Machado, Oliveira and Fernandes (2009), full severity, on linear RGB.
COLOUR_BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


@pytest.fixture(scope="module")
def charts():
    spec = importlib.util.spec_from_file_location("charts", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.use_house_style()
    return module


@pytest.fixture
def points() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "period_start_date": pd.date_range("2026-01-01", periods=4, freq="MS"),
            "reading": [0.5, 0.9, 0.4, 0.6],
            "lower_limit": [0.2, 0.3, 0.2, 0.2],
            "centre": 0.5,
            "upper_limit": [0.8, 0.7, 0.8, 0.8],
            "signal_rule": [None, "nelson_1", None, None],
        }
    )


def layers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return (spec.get("spec") or spec)["layer"]


def fields(spec: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Mark, x and y of each layer."""
    return [
        (one["mark"]["type"], one["encoding"]["x"]["field"], one["encoding"]["y"]["field"])
        for one in layers(spec)
    ]


def rows(spec: dict[str, Any], layer: dict[str, Any]) -> list[dict[str, Any]]:
    return spec["datasets"][layer.get("data", spec.get("data"))["name"]]


def test_a_control_chart_draws_readings_between_their_own_limits(charts, points):
    spec = charts.control_chart(points, title="Scrap").to_dict()

    drawn = fields(spec)
    for line in ("lower_limit", "centre", "upper_limit", "reading"):
        assert ("line", "period_start_date", line) in drawn
    first = rows(spec, layers(spec)[0])
    assert [row["reading"] for row in first] == [0.5, 0.9, 0.4, 0.6]
    assert [row["upper_limit"] for row in first] == [0.8, 0.7, 0.8, 0.8]
    # What is judged is the distance to the limits, not to nought.
    assert not any(one["encoding"]["y"]["scale"]["zero"] for one in layers(spec))


def test_limits_are_named_on_the_chart_with_their_newest_value(charts, points):
    spec = charts.control_chart(points, title="Scrap", number_format=".1%").to_dict()

    labels = [one for one in layers(spec) if one["mark"]["type"] == "text"]
    assert {one["encoding"]["y"]["field"] for one in labels} == {
        "upper_limit",
        "centre",
        "lower_limit",
    }
    for one in labels:
        (row,) = rows(spec, one)
        assert row["upper_limit"] == 0.8
        assert row["reading"] == 0.6
        assert ".1%" in one["transform"][0]["calculate"]


def test_a_signal_is_told_by_colour_shape_and_word(charts, points):
    spec = charts.control_chart(points, title="Scrap").to_dict()

    (signals,) = [one for one in layers(spec) if "shape" in one["encoding"]]
    assert signals["transform"] == [{"filter": "isValid(datum.signal_rule)"}]
    assert signals["encoding"]["color"]["scale"]["domain"] == ["nelson_1"]
    assert signals["encoding"]["shape"]["scale"]["range"] == ["diamond"]
    assert "beyond a limit" in signals["encoding"]["color"]["legend"]["labelExpr"]


def test_a_signal_of_any_other_rule_is_marked_too(charts, points):
    spec = charts.control_chart(points.replace("nelson_1", "ewma"), title="Scrap").to_dict()

    (signals,) = [one for one in layers(spec) if "shape" in one["encoding"]]
    assert signals["encoding"]["color"]["scale"]["domain"] == ["other"]
    assert "by another rule" in signals["encoding"]["color"]["legend"]["labelExpr"]
    assert [row["signal_rule"] for row in rows(spec, signals)] == [None, "other", None, None]


def test_a_chart_without_a_signal_has_no_legend(charts, points):
    spec = charts.control_chart(points.assign(signal_rule=None), title="Scrap").to_dict()

    (signals,) = [one for one in layers(spec) if "shape" in one["encoding"]]
    assert signals["encoding"]["color"]["legend"] is None


def test_each_panel_shows_its_own_readings_alone(charts, points):
    both = pd.concat([points.assign(panel="second"), points.assign(panel="first")])

    spec = charts.small_multiples(both, title="Two", columns=2, is_same_scale=True).to_dict()

    assert spec["facet"]["field"] == "panel"
    assert spec["facet"]["sort"] == ["second", "first"]
    assert spec["resolve"]["scale"]["y"] == "shared"
    # A layer with data of its own is drawn whole in every panel.
    assert not [one for one in layers(spec) if "data" in one]


def funnel_units(count: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "entity_id": [f"U{number:02}" for number in range(count)],
            "size": np.arange(count, 0, -1) * 100.0,
            "reading": np.linspace(0.1, 0.9, count),
            "peers_value": 0.5,
            "lower_limit": 0.2,
            "upper_limit": 0.8,
            "verdict": ["worse_than_peers"] + ["within_spread"] * (count - 1),
        }
    )


@pytest.mark.parametrize(("count", "named"), [(8, 8), (9, 1)])
def test_a_funnel_names_whom_it_can_without_clutter(charts, count, named):
    spec = charts.funnel(funnel_units(count), title="Scrap", size_title="units made").to_dict()

    assert fields(spec)[:3] == [
        ("line", "size", "lower_limit"),
        ("line", "size", "upper_limit"),
        ("line", "size", "peers_value"),
    ]
    (text,) = [one for one in layers(spec) if one["mark"]["type"] == "text"]
    assert len(rows(spec, text)) == named
    (marks,) = [one for one in layers(spec) if one["mark"]["type"] == "point"]
    drawn = [(row["size"], row["reading"], row["verdict"]) for row in rows(spec, marks)]
    assert len(drawn) == count
    assert drawn[-1] == (100.0 * count, 0.1, "worse_than_peers")


def test_a_table_of_places_has_its_first_on_top_and_names_who_share_one(charts):
    places = pd.DataFrame(
        {
            "entity_id": ["A", "B", "C"] * 2,
            "period_start_date": pd.to_datetime(["2025-12-01"] * 3 + ["2026-01-01"] * 3),
            "place": [1, 2, 3, 3, 1, 1],
        }
    )

    spec = charts.ranks(places, title="Places").to_dict()

    top = layers(spec)[0]["encoding"]["y"]["scale"]["domain"]
    assert top[0] > 3
    assert top[1] < 1
    assert layers(spec)[0]["encoding"]["x"]["sort"] == ["Dec 25", "Jan 26"]
    (text,) = [one for one in layers(spec) if one["mark"]["type"] == "text"]
    assert [(row["place"], row["names"]) for row in rows(spec, text)] == [(1, "B, C"), (3, "A")]
    followed = [
        rows(spec, one) for one in layers(spec) if one["mark"].get("color") == charts.SIGNAL
    ]
    assert {row["entity_id"] for one in followed for row in one} == {"B"}


def test_what_moves_is_named_where_it_began(charts):
    units = pd.DataFrame(
        {
            "entity_id": ["A", "B", "A", "B"],
            "view": ["raw", "raw", "shrunken", "shrunken"],
            "reading": [1.0, 5.0, 2.9, 3.1],
        }
    )

    spec = charts.then_and_now(units, title="Shrinkage").to_dict()

    assert layers(spec)[0]["encoding"]["x"]["sort"] == ["raw", "shrunken"]
    (text,) = [one for one in layers(spec) if one["mark"]["type"] == "text"]
    assert [(row["reading"], row["names"]) for row in rows(spec, text)] == [(1.0, "A"), (5.0, "B")]


def test_a_drawn_chart_needs_no_network(charts, points):
    drawn = charts.alt.renderers.get()(charts.control_chart(points, title="Scrap").to_dict())

    assert list(drawn) == ["image/svg+xml"]
    svg = drawn["image/svg+xml"]
    assert "Scrap" in svg
    assert "upper 0.80" in svg
    assert "beyond a limit" in svg
    # Names of formats, which nothing fetches.
    assert set(re.findall(r"https?://[^\"'\s)]+", svg)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def linear(colour: str) -> np.ndarray:
    value = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear RGB, white D65."""
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    x, y, z = (to_xyz @ np.clip(rgb, 0, 1)) / to_xyz.sum(axis=1)
    f = [
        one ** (1 / 3) if one > 216 / 24389 else (24389 / 27 * one + 16) / 116 for one in (x, y, z)
    ]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("kind", COLOUR_BLINDNESS)
def test_colours_that_mean_something_stay_apart_for_every_eye(charts, kind):
    for meaning in (
        {charts.READING, *charts.RULE_COLOURS.values()},
        set(charts.VERDICT_COLOURS.values()),
        {charts.OTHERS, charts.SIGNAL},
    ):
        seen = {one: lab(COLOUR_BLINDNESS[kind] @ linear(one)) for one in meaning}
        for one, other in combinations(sorted(meaning), 2):
            # 2.3 is a just noticeable difference; small marks need several times as much.
            assert np.linalg.norm(seen[one] - seen[other]) > 15, (one, other)


def test_text_and_marks_stand_out_from_the_page(charts):
    for colour in (charts.INK, charts.QUIET, charts.READING, charts.SIGNAL, charts.RUN):
        luminance = np.array([0.2126, 0.7152, 0.0722]) @ linear(colour)
        # WCAG 2.2: 3 for graphics; 4.5 for text, which is in the first two.
        needed = 4.5 if colour in {charts.INK, charts.QUIET} else 3
        assert 1.05 / (luminance + 0.05) >= needed, colour


def test_a_bridge_begins_each_part_where_the_one_before_it_ended(charts):
    parts = pd.DataFrame(
        {
            "part": ["mix", "driver.PMI", "unexplained"],
            "contribution_value": [0.02, -0.05, 0.01],
            "low_value": [0.01, -0.08, -0.02],
            "high_value": [0.03, -0.02, 0.04],
            "baseline_value": 0.70,
            "outcome_value": 0.68,
        }
    )

    spec = charts.bridge(parts, title="OEE", number_format=".3f").to_dict()

    bars, intervals, labels, ends, _ = layers(spec)
    drawn = rows(spec, bars)
    assert [round(row["begin"], 9) for row in drawn] == [0.70, 0.72, 0.67]
    assert [round(row["end"], 9) for row in drawn] == [0.72, 0.67, 0.68]
    # The last part ends at the figure that it leads to.
    assert rows(spec, ends)[1]["value"] == pytest.approx(drawn[-1]["end"])
    assert [round(row["low"], 9) for row in drawn] == [0.71, 0.64, 0.65]
    assert (intervals["encoding"]["x"]["field"], intervals["encoding"]["x2"]["field"]) == (
        "low",
        "high",
    )
    # Up and down are told by a sign as well as by a colour.
    assert "+.3f" in labels["transform"][0]["calculate"]
    assert [row["way"] for row in drawn] == ["up", "down", "up"]
    assert bars["encoding"]["y"]["sort"] == ["before", "mix", "driver.PMI", "unexplained", "after"]


def test_a_bullet_shows_the_reading_and_its_noise_among_the_levels(charts):
    units = pd.DataFrame(
        {
            "entity_id": ["US01", "DE01"],
            "reading": [0.66, 0.61],
            "low": [0.63, 0.58],
            "high": [0.69, 0.64],
            "threshold_level": 0.6,
            "target_level": 0.65,
            "stretch_level": 0.7,
        }
    )

    spec = charts.bullet(units, title="OEE").to_dict()

    assert [
        (
            one["mark"]["type"],
            one["encoding"]["x"]["field"],
            one["encoding"].get("x2", {}).get("field"),
        )
        for one in layers(spec)
    ] == [
        ("bar", "threshold_level", "target_level"),
        ("bar", "target_level", "stretch_level"),
        ("tick", "target_level", None),
        ("rule", "low", "high"),
        ("point", "reading", None),
    ]
    assert layers(spec)[0]["encoding"]["y"]["sort"] == ["US01", "DE01"]
    assert not any(one["encoding"]["x"]["scale"]["zero"] for one in layers(spec))
