"""The page on the fairness audit shows what the audit says; a tiny company gets reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestration.demo.rating_draws import NOTHING_PLANTED, RatingPlants, draw_ratings
from orchestration.governance.fairness import audit_ratings
from tests.notebooks.pages import charts_of, execute, said

if TYPE_CHECKING:
    from pathlib import Path

    from nbformat import NotebookNode

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def executed(tiny_home: Path) -> NotebookNode:
    return execute("04_a_fairness_audit", tiny_home)


def test_ratios_are_those_of_the_audit_with_bias_and_without(executed):
    for tag, plants, verdict in (
        ("biased", RatingPlants(biased_rater_sd=0), "adverse"),
        ("unbiased", NOTHING_PLANTED, "none"),
    ):
        audit = audit_ratings(draw_ratings(4, plants).ratings)
        found = audit[(audit["method"] == "impact_ratio") & (audit["group_code"] == "female")]
        assert set(found.loc[found["stage_code"] == "proposed", "verdict"]) == {verdict}
        for value in found["estimate"]:
            assert f"{value:.4f}" in said(executed, tag)


def test_the_biased_rater_is_named_and_the_severe_one_is_not(executed):
    assert "R00" in said(executed, "raters")
    assert "R01" not in said(executed, "raters")


def test_simpsons_case_reverses_and_selective_consent_is_told(executed):
    assert "reversed_within_strata" in said(executed, "simpson")
    assert "selective" in said(executed, "coverage")


def test_every_stage_and_share_of_consent_is_drawn(executed):
    (stages,) = charts_of(executed, "stages")
    (few,) = charts_of(executed, "few")

    assert all(stage in stages for stage in ("proposed", "calibrated", "final"))
    assert all(f"{share} agree" in few for share in ("100%", "50%", "15%"))


def test_a_tiny_company_gets_reasons_and_no_figure_of_a_group(executed):
    own = said(executed, "own")

    assert "cycle R-2026" in own
    assert "too_few_readings: fewer than 10 members agree to the audit" in own
