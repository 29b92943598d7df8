"""The page on control charts teaches what was published, and marks answers rightly."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from tests.notebooks.pages import all_said, charts_of, execute, functions_of, said

if TYPE_CHECKING:
    from pathlib import Path

    from nbformat import NotebookNode

NAME = "02_read_a_control_chart"
SHOWN = 36
# What a reader sees in the charts of lessons and exercises, and what the page takes for right.
THEN = """
import json
seen = {**lessons, **exercises}
print(json.dumps({
    "exercises": list(exercises),
    "series": {key: [one["kpi_id"].iloc[0], one["entity_id"].iloc[0]] for key, one in seen.items()},
    "starts": {
        key: {int(p): sorted(r) for p, r in zip(one["point"], one["new_rules"]) if r}
        for key, one in seen.items()
    },
    "right_answers": {
        key: {p: sorted(rules) for p, rules in one.items()} for key, one in right_answers.items()
    },
}))
"""


@pytest.fixture(scope="module")
def executed(tiny_home: Path) -> NotebookNode:
    return execute(NAME, tiny_home, then=THEN)


@pytest.fixture(scope="module")
def seen(executed) -> dict:
    return json.loads(said(executed, "then"))


@pytest.fixture(scope="module")
def page():
    return functions_of(NAME)


@pytest.fixture(scope="module")
def daily(tiny_home: Path) -> pd.DataFrame:
    """Charted days of sites, as published."""
    file = tiny_home / "demo" / "published" / "current" / "kpi.fct_kpi_judgements.parquet"
    return duckdb.execute(
        f"""
        select kpi_id, entity_id, period_start_date, signal_rule, signal_side
        from '{file}'
        where entity_kind = 'site' and period_kind = 'day' and centre is not null
        order by kpi_id, entity_id, period_start_date
        """
    ).df()


@pytest.mark.slow
def test_too_little_history_is_said_and_days_are_shown_instead(executed, tiny_home):
    file = tiny_home / "demo" / "published" / "current" / "kpi.fct_kpi_judgements.parquet"
    (months,) = duckdb.execute(
        f"select count(centre) from '{file}' where entity_kind = 'site' and period_kind = 'month'"
    ).fetchone()

    which = said(executed, "which")
    assert months == 0
    assert "by month: 0 charts of sites" in which
    assert "This page shows charts by day." in which
    assert "too little history for charts by month" in which


@pytest.mark.slow
def test_a_company_without_a_single_chart_is_told_so(tiny_home):
    nothing = ("where judged.entity_kind = 'site'", "where false")
    page = execute(NAME, tiny_home, instead=nothing)

    assert all_said(page).count("Too little history") == 4
    # It still shows what needs no history.
    assert len(charts_of(page, "tampering")) == 1


@pytest.mark.slow
def test_the_engine_finds_the_published_signals_again(executed, daily):
    assert said(executed, "engine").strip() == (
        f"{len(daily)} charted points, {daily['signal_rule'].notna().sum()} published signals, "
        "0 points on which the two disagree"
    )


@pytest.mark.slow
def test_the_right_answers_are_the_starts_of_published_signals(seen, daily):
    words = {"nelson_1": "limit", "nelson_2": "run"}
    assert seen["exercises"]
    for key, (kpi_id, entity_id) in seen["series"].items():
        series = daily[(daily["kpi_id"] == kpi_id) & (daily["entity_id"] == entity_id)].tail(SHOWN)
        expected, before = {}, 0
        for point, (rule, side) in enumerate(
            zip(series["signal_rule"], series["signal_side"], strict=True), start=1
        ):
            if side not in {0, before}:
                expected[str(point)] = rule
            before = side
        starts = seen["starts"][key]
        # A point may break both rules; one of them is published.
        assert starts.keys() == expected.keys(), key
        for point, rule in expected.items():
            assert rule in starts[point]
        if key in seen["exercises"]:
            answers = {point: {words[rule] for rule in rules} for point, rules in starts.items()}
            assert {p: set(r) for p, r in seen["right_answers"][key].items()} == answers


@pytest.mark.slow
def test_each_lesson_and_exercise_has_its_chart(executed, seen):
    titles = [
        "".join(re.findall(r">([^<>]*)</text>", svg)) for svg in charts_of(executed, "exercises")
    ]

    assert len(titles) == len(seen["exercises"])
    for letter, shown in zip(seen["exercises"], titles, strict=True):
        assert f"Exercise {letter}" in shown
        # The answer is not given away.
        assert "beyond a limit" not in shown
        assert "nine on one side" not in shown
    assert len(charts_of(executed, "solutions")) == len(titles)
    assert len(charts_of(executed, "quiet")) == ("quiet" in seen["series"])
    for lesson in ("limit", "run"):
        if lesson not in seen["series"]:
            assert "No chart of a site shows just this." in said(executed, lesson)


@pytest.mark.slow
def test_whoever_asks_about_the_largest_changes_gets_less_than_who_reads_the_chart(
    executed, seen, page
):
    signals = {
        key: {int(point): frozenset(rules) for point, rules in one.items()}
        for key, one in seen["right_answers"].items()
    }
    right = {
        key: {point: min(rules) for point, rules in one.items()} for key, one in signals.items()
    }

    mark = int(re.search(r"largest changes: (\d+) of 100", said(executed, "mark"))[1])
    assert page.mark_answers(right, signals)[0] == 100
    assert mark < 100


@pytest.mark.slow
def test_correcting_every_reading_doubles_the_variance(executed):
    shown = said(executed, "tampering")
    times = float(re.search(r"(\d\.\d+) times", shown)[1])
    alone, corrected = (float(one) / 100 for one in re.findall(r"([\d.]+)%", shown))

    # 20,000 readings: the standard error of a standard deviation is about 0.5 %.
    assert times == pytest.approx(math.sqrt(2), rel=0.02)
    assert alone == pytest.approx(2 * norm.sf(3), abs=0.0012)
    assert corrected == pytest.approx(2 * norm.sf(3 / math.sqrt(2)), abs=0.006)


@pytest.mark.slow
def test_the_flags_to_expect_stand_beside_those_published(executed, daily, page):
    points = daily.groupby(["kpi_id", "entity_id"]).size()
    expected = (page.expected_share(points) * points).sum()

    assert said(executed, "false_flags").startswith(
        "one reading in 370 lies beyond known limits by chance\n"
        f"{len(points)} charts, {len(daily)} points: about {expected:.0f} flags without a cause "
        f"are to be expected, {daily['signal_rule'].notna().sum()} were published"
    )


def test_false_flags_agree_with_a_simulation_written_down_plainly(page):
    length, series = 60, 3000
    flagged = 0
    values = np.random.default_rng(7).normal(size=(series, length))
    for row in values:
        centre = row[:24].mean()
        sigma = np.abs(np.diff(row[:24])).mean() / 1.128
        run, side = 0, 0
        for value in row:
            now = 1 if value > centre else -1
            run = run + 1 if now == side else 1
            side = now
            flagged += abs(value - centre) > 3 * sigma or run >= 9
    expected = flagged / values.size

    (share,) = page.expected_share(pd.Series([length]))
    # Flags come in clusters: the standard error of 400 series is a tenth of the share.
    assert share == pytest.approx(expected, rel=0.3)
    # Limits that rest on 24 readings, and runs, flag more than the limits of a known process.
    assert share > 2 * norm.sf(3)


LIMIT, RUN = frozenset({"limit"}), frozenset({"run"})


@pytest.mark.parametrize(
    ("answers", "mark"),
    [
        ({"A": {3: "limit", 20: "run"}, "B": {}}, 100),
        # Nothing named: the quiet chart is right, the other missed.
        ({}, 50),
        # One of two found on A (1/2), one asked for nothing on B (0).
        ({"A": {3: "limit"}, "B": {5: "limit"}}, 25),
        # The right point by the wrong rule is half: (1 + 1/2) / 2 on A.
        ({"A": {3: "limit", 20: "limit"}}, 87.5),
        # Two of three named are right, and none was missed.
        ({"A": {3: "limit", 20: "run", 7: "run"}}, 250 / 3),
    ],
)
def test_the_mark_is_that_reckoned_by_hand(page, answers, mark):
    signals = {"A": {3: LIMIT, 20: RUN}, "B": {}}

    assert page.mark_answers(answers, signals)[0] == pytest.approx(mark)


def test_a_point_that_breaks_both_rules_may_be_named_by_either(page):
    signals = {"A": {9: LIMIT | RUN}}

    assert page.mark_answers({"A": {9: "run"}}, signals)[0] == 100
    assert page.mark_answers({"A": {9: "limit"}}, signals)[0] == 100


def test_marking_leaves_the_answers_as_they_were(page):
    answers, signals = {"A": {3: "limit"}}, {"A": {4: LIMIT}}

    _, marks = page.mark_answers(answers, signals)

    assert marks["A"] == page.Mark(right=(), wrong_rule=(), missed=(4,), for_nothing=(3,))
    assert answers == {"A": {3: "limit"}}
    assert signals == {"A": {4: LIMIT}}


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"Z": {}}, "there is no exercise Z"),
        ({"A": {3: "luck"}}, "exercise A, point 3: the rule is limit or run, not luck"),
    ],
)
def test_answers_that_cannot_be_marked_are_refused_in_a_sentence(page, answers, message):
    with pytest.raises(ValueError, match=message):
        page.mark_answers(answers, {"A": {3: LIMIT}})
