"""Units are compared with their peers, and called different only beyond the spread of peers."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from orchestration.governance.comparisons import compare_with_peers

MONTH = dt.date(2026, 9, 1)


def readings(numerators, denominators, **changes):
    count = len(numerators)
    return pd.DataFrame(
        {
            "kpi_id": "KPI016",
            "entity_kind": "line",
            "entity_id": [f"L{number:02d}" for number in range(count)],
            "period_kind": "month",
            "period_start_date": MONTH,
            "numerator": numerators,
            "denominator": denominators,
            "chart_kind": "laney_p",
            "multiplier": 1.0,
            "direction": "lower",
        }
        | changes
    )


def test_limits_are_those_of_the_binomial_where_units_differ_by_chance_alone():
    # Shares of 10 % in 10,000 that scatter less than chance: tau2 is nil, and in the arcsine
    # scale the limits are 0.32175 -+ 1.95996 / 200, that is 9.42 % and 10.60 %.
    found = compare_with_peers(readings([995, 1005, 1000, 998, 1002, 1000], [10_000] * 6))

    assert found["peers_value"].tolist() == [0.1] * 6
    assert found["lower_limit"].to_numpy() == pytest.approx(0.0942, abs=5e-5)
    assert found["upper_limit"].to_numpy() == pytest.approx(0.1060, abs=5e-5)
    assert set(found["verdict"]) == {"within_spread"}


def test_a_unit_stands_out_in_the_direction_of_its_kpi():
    rng = np.random.default_rng(20_261_120)
    shares = np.r_[0.05 + 0.002 * rng.standard_normal(20), 0.08]
    counts = rng.binomial(20_000, shares)
    of_scrap = compare_with_peers(readings(counts, [20_000] * 21))
    of_yield = compare_with_peers(readings(counts, [20_000] * 21, direction="higher"))

    assert of_scrap["verdict"].iloc[-1] == "worse_than_peers"
    assert of_yield["verdict"].iloc[-1] == "better_than_peers"
    assert (of_scrap["verdict"].iloc[:-1] == "within_spread").mean() >= 0.9


def test_few_false_alarms_where_units_differ_but_none_stands_out():
    # Between-unit sd of 20 % of the value, twenty times what chance gives: a plain funnel would
    # call nearly all of them different.
    rng = np.random.default_rng(7)
    alarms = [
        (
            compare_with_peers(
                readings(
                    rng.binomial(50_000, np.clip(0.05 + 0.01 * rng.standard_normal(40), 0.001, 1)),
                    [50_000] * 40,
                )
            )["verdict"]
            != "within_spread"
        ).mean()
        for _ in range(100)
    ]
    # 5 % are declared; of 4,000 units the share has a standard error of 0.35 %.
    assert 0.04 < np.mean(alarms) < 0.061


def test_counts_against_exposure_are_compared_as_rates():
    # 24 cases in 1.2 m hours: 20 per million each, and one unit with 5 times as many.
    found = compare_with_peers(
        readings(
            [4, 3, 5, 4, 4, 20],
            [200_000] * 6,
            chart_kind="u",
            multiplier=200_000.0,
        )
    )

    assert found["peers_value"].to_numpy() == pytest.approx(40 / 1_200_000 * 200_000)
    assert found["verdict"].tolist() == ["within_spread"] * 5 + ["worse_than_peers"]


@pytest.mark.parametrize(
    ("numerators", "denominators", "said"),
    [
        ([1, 2, 3], [100] * 3, "too_few_readings: 3 units, at least 5 are needed"),
        ([0] * 5, [100] * 5, "no_variation: nothing was counted in any unit"),
        ([101, 2, 3, 4, 5], [100] * 5, "impossible_count: the count at point 1 exceeds its trials"),
    ],
)
def test_what_cannot_be_compared_says_why(numerators, denominators, said):
    found = compare_with_peers(readings(numerators, denominators))

    assert set(found["refusal"]) == {said}
    assert found["verdict"].isna().all()
    assert found["z"].isna().all()


def test_units_without_figures_are_no_peers_and_groups_do_not_meet():
    one = readings([10, 11, 9, 10, 12, None, 7], [100, 100, 100, 100, 100, 100, 0])
    other = readings([500] * 5, [1000] * 5, kpi_id="KPI015")
    found = compare_with_peers(pd.concat([one, other]))

    assert found.groupby("kpi_id")["peer_count"].first().to_dict() == {"KPI015": 5, "KPI016": 5}
    assert found.groupby("kpi_id")["peers_value"].first().to_dict() == {
        "KPI015": 0.5,
        "KPI016": 0.104,
    }


def test_nothing_in_nothing_out():
    assert compare_with_peers(readings([], [])).empty
