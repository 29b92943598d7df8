"""The page on league tables shows what was published, and says where history is too short."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pytest

from tests.notebooks.pages import all_said, charts_of, execute, said

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from nbformat import NotebookNode

NAME = "03_better_or_luckier"
pytestmark = pytest.mark.slow

THEN = """
print(lasting.to_json(orient="records"))
print(regression.to_json(orient="records"))
"""


@pytest.fixture(scope="module")
def executed(tiny_home: Path) -> NotebookNode:
    return execute(NAME, tiny_home, then=THEN)


@pytest.fixture(scope="module")
def shown(executed) -> tuple[list[dict], list[dict]]:
    lasting, regression = said(executed, "then").splitlines()
    return json.loads(lasting), json.loads(regression)


@pytest.fixture(scope="module")
def published(tiny_home: Path) -> pd.DataFrame:
    """Comparisons of final months, as published."""
    tables = tiny_home / "demo" / "published" / "current"
    return duckdb.execute(
        f"""
        select compared.*
        from '{tables}/kpi.fct_kpi_comparisons.parquet' as compared
        inner join '{tables}/kpi.fct_kpi_readings.parquet' as readings
            using (kpi_id, entity_kind, entity_id, period_kind, period_start_date)
        where compared.period_kind = 'month' and readings.finality <> 'provisional'
        """
    ).df()


def test_a_refused_comparison_is_named_with_its_reason(executed, published):
    refused = published[published["refusal"].notna()]
    months = refused.groupby(["kpi_id", "entity_kind", "refusal"])["period_start_date"].nunique()

    lines = said(executed, "tables").splitlines()
    assert len(months)
    for (kpi_id, kind, refusal), count in months.items():
        assert f"{kpi_id} by {kind}: no comparison in {count} months: {refusal}" in lines


def test_the_order_of_successive_months_is_compared_by_rank(shown, published):
    lasting, _ = shown
    tables = published[published["verdict"].notna()].groupby(["kpi_id", "entity_kind"])
    assert {(one["kpi_id"], one["entity_kind"]) for one in lasting} == set(tables.groups)
    for one in lasting:
        table = tables.get_group((one["kpi_id"], one["entity_kind"]))
        ranks = table.pivot_table(
            index="entity_id", columns="period_start_date", values="reading_value"
        ).rank()
        # All units are in all months of this company: Pearson's correlation of ranks.
        assert ranks.notna().all(axis=None)
        pairs = [
            np.corrcoef(ranks.iloc[:, at], ranks.iloc[:, at + 1])[0, 1]
            for at in range(ranks.shape[1] - 1)
        ]
        assert one["pairs"] == len(pairs)
        assert one["correlation"] == pytest.approx(np.mean(pairs), abs=1e-9)
        # Six units, three pairs of months: 1.96 sqrt(3 / 5) / 3.
        assert one["luck_limit"] == pytest.approx(0.506, abs=0.001)


def test_too_little_history_is_said_and_not_guessed_over(executed):
    assert "Too little history for year on year" in said(executed, "regression")
    assert "too little history: 3 periods before it, at least 6 are needed" in said(
        executed, "shrinkage"
    )
    assert said(executed, "next_month").count("too little history to try") == 4
    assert charts_of(executed, "shrinkage") == []


def test_a_company_without_a_single_comparison_is_told_so(tiny_home):
    nothing = ("where compared.period_kind = 'month' and", "where false and")
    page = execute(NAME, tiny_home, instead=nothing)

    assert all_said(page).count("Too little history") == 6


def test_the_distance_of_the_best_is_that_of_their_months(shown, published):
    _, regression = shown
    table = published[published["verdict"].notna() & (published["kpi_id"] == "KPI010")]
    distance = table.assign(distance=table["reading_value"] - table["peers_value"])
    # Six lines: the best third is two; quality is better if higher. The last month has no next.
    months = sorted(table["period_start_date"].unique())[:-1]
    best = [
        distance[distance["period_start_date"] == month]["distance"].nlargest(2).mean()
        for month in months
    ]

    (found,) = [
        one for one in regression if one["kpi_id"] == "KPI010" and one["group"] == "best third"
    ]
    assert found["then"] == pytest.approx(np.mean(best), abs=1e-9)


def test_the_newest_month_is_drawn_as_places_and_as_funnels(executed, published):
    (places,) = charts_of(executed, "ranks")
    funnels = charts_of(executed, "funnels")

    assert len(funnels) == 2
    for line in published.loc[published["verdict"].notna(), "entity_id"].unique():
        assert line in places
        assert all(line in drawn for drawn in funnels)
