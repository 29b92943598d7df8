"""The page on pilots shows what the trial says, and why a tiny company's pilot cannot be judged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from orchestration.demo.pilot_draws import draw_pilot
from orchestration.governance.trials import judge_trials
from tests.notebooks.pages import charts_of, execute, said

if TYPE_CHECKING:
    from pathlib import Path

    from nbformat import NotebookNode

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def executed(tiny_home: Path) -> NotebookNode:
    return execute("05_did_the_pilot_work", tiny_home)


def test_the_effect_is_that_of_the_trial_and_holds_what_was_planted(executed):
    found = judge_trials(draw_pilot(2))
    decision = found[found["method"] == "decision"].iloc[0]

    assert f"{decision['estimate']:.3f} ({decision['low_value']:.3f}" in said(executed, "drawn")
    assert decision["low_value"] < 0.02 < decision["high_value"]


def test_spoilt_pilots_are_called_not_comparable(executed):
    verdicts = dict(re.findall(r"^(.+): effect .+: (\w+)$", said(executed, "spoilt"), re.MULTILINE))

    assert verdicts == {
        "nothing happened": "no_effect_shown",
        "they drifted apart before": "not_comparable",
        "picked for a bad month": "not_comparable",
    }


def test_waves_and_months_are_drawn(executed):
    (waves,) = charts_of(executed, "drawn")
    (months,) = charts_of(executed, "drawn_since")

    assert all(name in waves for name in ("without", "since Jan 2025", "since May 2025"))
    assert all(f"month {number}" in months for number in range(1, 13))


def test_a_pilot_on_two_lines_is_declared_and_not_judged(executed):
    own = said(executed, "own")

    assert "Setup standard (KPI009), decided on 2025-09-15" in own
    # Two of its lines bear names of the pilot.
    assert "Cannot be judged: too_few_clusters: 2 treated clusters" in own
    assert charts_of(executed, "own_charts") == []
