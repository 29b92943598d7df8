"""Alarm budgets: what a set of rules costs an audience, and which one its budget affords."""

import pandas as pd
import pytest

from orchestration.governance.alarms import weigh_alarms
from orchestration.statistics.spc.false_flags import false_flag_share
from orchestration.statistics.spc.rule_sets import RULE_SETS


def weigh(count=10, *, budget=0.5, **changes):
    """Weigh the board's budget over charts of one entity each."""
    kpis = [f"K{number}" for number in range(count)]
    shared = {"kpi_id": kpis, "entity_kind": "site", "period_kind": "month"}
    shared |= {name: changes.pop(name) for name in ("period_kind",) if name in changes}
    budgets = pd.DataFrame(shared | {"audience": "board", "title": "B", "budget_per_month": budget})
    review = pd.DataFrame(
        shared
        | {
            "entity_id": "DE01",
            "rule_set": "nelson_1_2",
            "n": 24,
            "is_charted": True,
            "judged_count": 20,
            "flag_count": 1,
        }
        | changes
    )
    return weigh_alarms(budgets, review)


def weighed(*args, **changes):
    return weigh(*args, **changes).set_index("rule_set").astype({"is_advised": object})


def test_every_set_has_its_price_beside_what_is_in_force():
    found = weighed()

    assert set(found.index) == {"in_force", *RULE_SETS}
    # Ten readings a month, of which rules 1 and 2 flag 1.8 % by chance with limits from 24.
    expected = 10 * float(false_flag_share(24))
    assert found.loc["in_force", "false_alarms_per_month"] == pytest.approx(expected, abs=1e-9)
    assert found.loc["nelson_1_2", "false_alarms_per_month"] == pytest.approx(expected, abs=1e-9)
    # One of twenty later readings is flagged, on each of ten charts.
    assert found.loc["in_force", "alarms_per_month"] == pytest.approx(0.5)
    assert found["alarms_per_month"].notna().sum() == 1


def test_weeks_and_quarters_count_by_how_often_they_come():
    month = weighed().loc["in_force"]
    week = weighed(period_kind="week").loc["in_force"]
    quarter = weighed(period_kind="quarter").loc["in_force"]

    # 52.18 weeks a year.
    assert week["readings_per_month"] == pytest.approx(10 * 365.25 / 7 / 12)
    assert quarter["readings_per_month"] == pytest.approx(10 / 3)
    share = month["false_alarms_per_month"] / 10
    assert week["false_alarms_per_month"] == pytest.approx(share * week["readings_per_month"])


def test_advised_is_the_set_that_finds_most_of_those_that_the_budget_affords():
    for budget in (0.05, 0.2, 0.4, 5.0):
        found = weighed(budget=budget)
        sets = found.drop("in_force")
        within = sets[sets["false_alarms_per_month"] <= budget]

        assert (sets["verdict"] == "within_budget").tolist() == sets.index.isin(
            within.index
        ).tolist()
        if within.empty:
            assert not sets["is_advised"].any()
            continue
        advised = sets[sets["is_advised"].astype(bool)]
        assert len(advised) == 1
        assert advised["readings_to_find"].iloc[0] == within["readings_to_find"].min()
    # Limits alone flag 0.9 of a hundred: nothing affords a twentieth of an alarm on ten charts.
    assert not weighed(budget=0.05)["is_advised"].any()


def test_charts_of_one_audience_may_be_judged_by_several_conventions():
    found = weighed(rule_set=["nelson_1_2"] * 5 + ["limits"] * 5).loc["in_force"]
    alone = [weighed(5, rule_set=one).loc["in_force"] for one in ("nelson_1_2", "limits")]

    assert found["false_alarms_per_month"] == pytest.approx(
        sum(one["false_alarms_per_month"] for one in alone)
    )
    assert found["readings_to_find"] == max(one["readings_to_find"] for one in alone)


def test_charts_without_limits_count_for_nothing_and_an_audience_without_any_is_told():
    half = weighed(is_charted=[True] * 5 + [False] * 5)
    none = weigh(is_charted=False)

    assert half.loc["in_force", "chart_count"] == 5
    assert none["refusal"].tolist() == ["no_limits: none of these charts has limits yet"]
    assert none["rule_set"].tolist() == ["in_force"]


def test_an_audience_without_any_chart_is_told_and_none_at_all_is_no_row():
    budgets = pd.DataFrame(
        {
            "audience": ["board"],
            "title": "B",
            "kpi_id": "K1",
            "entity_kind": "site",
            "period_kind": "month",
            "budget_per_month": 1.0,
        }
    )
    review = pd.DataFrame(
        columns=[
            *("kpi_id", "entity_kind", "period_kind", "rule_set", "n"),
            *("is_charted", "judged_count", "flag_count"),
        ]
    )

    assert weigh_alarms(budgets, review)["refusal"].notna().tolist() == [True]
    assert weigh_alarms(budgets.iloc[:0], review).empty
