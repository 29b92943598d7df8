"""The notebook is run as a leader would run it, and says what the published files say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from tests.notebooks.pages import execute, said

if TYPE_CHECKING:
    from pathlib import Path

    from nbformat import NotebookNode

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def executed(tiny_home: Path) -> NotebookNode:
    return execute("01_read_a_scorecard", tiny_home)


@pytest.fixture(scope="module")
def snapshot_tables(tiny_home: Path) -> Path:
    return tiny_home / "demo" / "published" / "current"


def card_of(tables: Path) -> list[tuple]:
    """Lines of the newest final card of the leader whose card is the most complete."""
    return duckdb.execute(
        f"""
        with final as (
            select leader_id, period_start_date, max(measured_weight) as weight
            from '{tables}/scorecard.rpt_leader_scorecard.parquet'
            group by all
            having count(*) filter (where finality <> 'provisional') * 2 >= count(*)
            order by period_start_date desc, weight desc, leader_id
            limit 1
        )
        select
            leader_id, kpi_name, reading_value, n, finality, trust_state, trust_reason, band,
            variation, assurance, period_start_date
        from '{tables}/scorecard.rpt_leader_scorecard.parquet'
        inner join final using (leader_id, period_start_date)
        order by position
        """
    ).fetchall()


def test_the_card_shows_every_line_of_its_leader(executed, snapshot_tables):
    lines = card_of(snapshot_tables)

    shown = said(executed, "card")
    assert lines[0][0] in shown
    for line in lines:
        assert line[1] in shown
    # Units of the plants of a month: an n that a reader can find on the page.
    assert str(max(line[3] for line in lines)) in shown


def test_finality_trust_and_the_three_verdicts_are_those_published(executed, snapshot_tables):
    trust, verdicts = said(executed, "trust"), said(executed, "verdicts")

    for line in card_of(snapshot_tables):
        _, _, _, _, finality, trust_state, reason, band, variation, assurance, *_ = line
        assert finality in trust
        assert trust_state in trust
        assert reason is None or reason[:20] in trust
        for verdict in (band, variation, assurance):
            assert verdict is None or verdict in verdicts


def test_the_score_is_the_weighted_mean_of_what_was_measured(executed, snapshot_tables):
    leader, *_, month = card_of(snapshot_tables)[0]
    total, weight = duckdb.execute(
        f"""
        select sum(weight * score) / sum(weight), sum(weight)
        from '{snapshot_tables}/scorecard.rpt_leader_scorecard.parquet'
        where leader_id = '{leader}' and score is not null
            and period_start_date = date '{month}'
        """
    ).fetchall()[0]

    score = said(executed, "score")
    # Ten digits are published.
    assert float(score.split()[1].rstrip(",")) == pytest.approx(total, abs=1e-9)
    assert f"{weight:.0%} of the weight" in score


def test_the_chart_shows_the_longest_series_with_its_limits_and_signals(executed, snapshot_tables):
    judgements = f"'{snapshot_tables}/kpi.fct_kpi_judgements.parquet'"
    charted, last = duckdb.execute(
        f"""
        select count(centre) as charted, max(period_start_date) filter (where centre is not null)
        from {judgements}
        where kpi_id = 'KPI006'
        group by entity_kind, entity_id, period_kind
        order by charted desc, entity_kind, entity_id
        limit 1
        """
    ).fetchall()[0]

    chart = said(executed, "chart")
    assert charted > 100  # four months of days, less the weekends
    assert chart.startswith(f"{charted} charted points")
    assert str(last) in chart
    assert "nelson_1" in said(executed, "signals") or "nelson_2" in said(executed, "signals")


def test_parts_of_the_first_value_divide_to_it(executed):
    parts = dict(
        line.split(maxsplit=1)
        for line in said(executed, "parts").splitlines()
        if line.split()[0] in {"numerator", "denominator", "reading_value"}
        and len(line.split()) == 2
    )

    quotient = float(parts["numerator"]) / float(parts["denominator"])
    assert quotient == pytest.approx(float(parts["reading_value"]), abs=1e-6)
