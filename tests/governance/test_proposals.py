"""Levels for a target come with their grounds, their odds, and an id that stands for both."""

import json

import numpy as np
import pandas as pd
import pytest

from orchestration.governance.benchmarks import judge_benchmarks
from orchestration.governance.outlook import foresee
from orchestration.governance.proposals import propose_levels

LEVELS = ["threshold_level", "target_level", "stretch_level"]


def outlook(values, direction="higher"):
    months = pd.period_range("2023-01", periods=len(values), freq="M").to_timestamp()
    return foresee(
        pd.DataFrame(
            {
                "kpi_id": "KPI006",
                "entity_kind": "site",
                "entity_id": "DE01",
                "period_start_date": months,
                "computed_value": values,
                "target_level": np.nan,
                "direction": direction,
            }
        )
    ).rows


def limits(**changes):
    return pd.DataFrame(
        [
            {
                "kpi_id": "KPI006",
                "entity_kind": "site",
                "entity_id": "DE01",
                "org_unit_id": "S-DE01",
                "direction": "higher",
                "bound_level": np.nan,
                "least_odds": 0.05,
            }
            | changes
        ]
    )


def of_others(**changes):
    row = {
        "benchmark_id": "peers",
        "kpi_id": "KPI006",
        "entity_id": "DE01",
        "comparability_score": 0.8,
        "least_score": 0.6,
        "size_shift": 0.0,
        "better_than_share": 0.4,
        "even_level": 51.0,
        "upper_quarter_level": 54.0,
        "upper_tenth_level": 57.0,
        "verdict": "like_others",
        "refusal": None,
    }
    return pd.DataFrame([row | changes])


NONE = judge_benchmarks(pd.DataFrame(columns=["benchmark_id", "kpi_id", "entity_id",
                                              "period_start_date"]))  # fmt: skip
STEADY = np.tile([49.0, 51.0, 51.0, 49.0], 9)


def by_method(found):
    return {row["method_code"]: row for row in found.to_dict("records")}


def test_history_proposes_the_levels_of_the_forecast():
    own = outlook(STEADY)
    row = by_method(propose_levels(own, NONE, limits()))["history"]
    foreseen = own.iloc[0][["nine_in_ten_level", "even_odds_level", "one_in_ten_level"]]
    assert [row[name] for name in LEVELS] == pytest.approx(list(foreseen), abs=0.005)
    assert row["target_odds"] == pytest.approx(0.5, abs=0.01)
    assert row["is_feasible"]
    assert json.loads(row["inputs"])["tested_count"] == 33


@pytest.mark.parametrize(("direction", "best"), [("higher", 151 / 3), ("lower", 149 / 3)])
def test_capacity_proposes_the_way_to_the_best_three_months(direction, best):
    # 51 + 51 + 49 are the best three in a row, 49 + 49 + 51 the lowest; 50 is expected.
    found = propose_levels(outlook(STEADY, direction), NONE, limits(direction=direction))
    row = by_method(found)["capacity"]
    assert [row[name] for name in LEVELS] == pytest.approx([50, (50 + best) / 2, best], abs=0.01)
    assert json.loads(row["inputs"])["best_quarter_level"] == pytest.approx(best)


def test_a_benchmark_proposes_what_others_reach_and_the_odds_say_what_that_asks():
    row = by_method(propose_levels(outlook(STEADY), of_others(), limits()))["benchmark"]
    assert [row[name] for name in LEVELS] == [51.0, 54.0, 57.0]
    assert (row["basis_id"], row["is_feasible"]) == ("peers", False)
    assert row["target_odds"] < 0.001
    # Without a forecast the levels stand, and nothing is said of their odds.
    alone = by_method(propose_levels(outlook(STEADY).iloc[:0], of_others(), limits()))
    assert list(alone) == ["benchmark"]
    assert alone["benchmark"]["is_feasible"] is None


def test_no_proposal_lies_beyond_the_declared_bound():
    row = by_method(propose_levels(outlook(STEADY), of_others(), limits(bound_level=53.0)))
    assert [row["benchmark"][name] for name in LEVELS] == [51.0, 53.0, 53.0]
    assert row["benchmark"]["is_capped"]
    assert not row["history"]["is_capped"]


def test_where_there_are_no_grounds_nothing_is_proposed_and_the_row_says_why():
    context = of_others(verdict="context_only", refusal="not_comparable: another trade")
    found = by_method(propose_levels(outlook(STEADY[:20]), context, limits()))
    assert found["history"]["refusal"].startswith("too_few_readings: 20 months")
    assert found["capacity"]["refusal"] == found["history"]["refusal"]
    assert found["benchmark"]["refusal"] == "not_comparable: another trade"
    assert all(np.isnan(row["target_level"]) for row in found.values())


def test_an_id_stands_for_levels_and_grounds():
    first = propose_levels(outlook(STEADY), of_others(), limits())
    again = propose_levels(outlook(STEADY), of_others(), limits())
    other = propose_levels(outlook(STEADY), of_others(comparability_score=0.81), limits())
    assert list(first["proposal_id"]) == list(again["proposal_id"])
    assert first["proposal_id"].is_unique
    changed = first["proposal_id"] != other["proposal_id"]
    assert list(first["method_code"][changed]) == ["benchmark"]


def test_nothing_declared_and_nothing_foreseen_is_no_rows():
    assert propose_levels(outlook(STEADY).iloc[:0], NONE, limits().iloc[:0]).empty
