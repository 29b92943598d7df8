"""Plans are simulated on what units truly differ by, and refusals are rows."""

import numpy as np
import pandas as pd
import pytest

from orchestration.governance.payouts import (
    WINDOWS,
    Performance,
    performance,
    plan_of,
    simulate_plans,
)

MONTHS = pd.period_range("2024-01", periods=24, freq="M").to_timestamp()


def items(**kpis) -> pd.DataFrame:
    """Rows of the register: weight of each KPI, and None for a gate."""
    return pd.DataFrame(
        [
            {
                "plan_id": "bonus", "plan_version": 1, "subject_kind": "line", "cap": 10.0,
                "leverage": 1.0, "kpi_id": kpi, "is_gate": weight is None, "weight": weight or 0.0,
                "pay_at_threshold": 0.0, "pay_at_target": 1.0 if weight else 0.0,
                "pay_at_stretch": 2.0 if weight else 0.0,
            }
            for kpi, weight in kpis.items()
        ]
    )  # fmt: skip


def readings(truth, *, sd, kpi="KPI006", seed=1, levels=(-50.0, 0.0, 50.0)) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    values = np.asarray(truth) + rng.normal(0, sd, (len(MONTHS), len(truth)))
    frame = pd.DataFrame(
        {
            "kpi_id": kpi,
            "entity_kind": "line",
            "entity_id": np.tile([f"L{at:02d}" for at in range(len(truth))], len(MONTHS)),
            "period_start_date": np.repeat(MONTHS, len(truth)),
            "computed_value": values.ravel(),
        }
    )
    return frame.assign(
        **dict(zip(("threshold_level", "target_level", "stretch_level"), levels, strict=True))
    )


def test_a_linear_plan_pays_luck_and_the_wrong_one_as_often_as_normal_noise_says():
    truth = np.random.default_rng(3).normal(0, 1.0, 30)
    found = simulate_plans(readings(truth, sd=2.0), items(KPI006=1.0))
    month = found[(found["window_months"] == 1) & ~found["is_drawn_in"]].iloc[0]

    # Two who differ by sqrt(2) N(0, 1) in truth and by sqrt(2) N(0, 2) in noise: arctan of the
    # ratio of the spreads, over pi, is the probability that the signs differ.
    assert month["better_earns_less_share"] == pytest.approx(np.arctan(2) / np.pi, abs=0.05)
    assert month["luck_share"] == pytest.approx(4 / (4 + 1), abs=0.08)
    assert month["participant_count"] == 30
    year = found[(found["window_months"] == 12) & ~found["is_drawn_in"]].iloc[0]
    assert year["luck_share"] < month["luck_share"] / 2
    assert set(found["window_months"]) == set(WINDOWS)


def test_drawing_in_pays_less_for_luck_where_all_are_alike():
    found = simulate_plans(
        readings(np.zeros(20) + np.linspace(0, 1, 20), sd=2.0), items(KPI006=1.0)
    )
    month = found[found["window_months"] == 1].set_index("is_drawn_in")

    assert month.loc[True, "overpaid"] < 0.5 * month.loc[False, "overpaid"]


def test_true_performances_differ_as_much_as_participants_and_not_as_their_means():
    truth = np.random.default_rng(4).normal(0, 1.0, 200)
    known = performance(readings(truth, sd=5.0), items(KPI006=1.0))

    assert isinstance(known, Performance)
    # Means differ by sqrt(1 + 25 / 24) = 1.43.
    assert known.true_values.std() == pytest.approx(1.0, abs=0.15)
    assert known.residuals.std() == pytest.approx(5.0, rel=0.05)


def test_the_same_readings_give_the_same_figures():
    frame = readings([0.0, 1.0, 2.0], sd=1.0)
    one = simulate_plans(frame, items(KPI006=1.0))
    other = simulate_plans(frame.sample(frac=1, random_state=2), items(KPI006=1.0))

    pd.testing.assert_frame_equal(one, other)


def test_a_kpi_that_is_final_later_than_another_ends_the_window_for_both():
    late = readings([0.0, 1.0], sd=1.0, kpi="KPI016", seed=2)
    late = late[late["period_start_date"] < MONTHS[-1]]
    both = pd.concat([readings([0.0, 1.0], sd=1.0), late])
    known = performance(both, items(KPI006=0.5, KPI016=0.5))

    assert known.participants == ("L00", "L01")
    assert len(known.residuals) == 23


def test_a_gate_is_part_of_what_participants_must_have():
    both = pd.concat(
        [readings([0.0, 1.0], sd=1.0), readings([0.0, 1.0], sd=1.0, kpi="KPI039", seed=2)]
    )
    plan = plan_of(items(KPI006=1.0, KPI039=None))

    assert plan.is_gate.tolist() == [False, True]
    found = simulate_plans(both, items(KPI006=1.0, KPI039=None))
    assert found["refusal"].isna().all()
    # About half the readings miss the gate's threshold at -50: none does.
    closed = both.assign(threshold_level=np.where(both["kpi_id"] == "KPI039", 0.5, -50.0),
                         target_level=np.where(both["kpi_id"] == "KPI039", 1.0, 0.0))  # fmt: skip
    shut = simulate_plans(closed, items(KPI006=1.0, KPI039=None))
    assert (shut["expected_pay"] < found["expected_pay"]).all()


def test_what_cannot_be_simulated_is_a_row_that_says_why():
    plan = items(KPI006=1.0)
    few = readings([0.0, 1.0], sd=1.0)
    few = few[few["period_start_date"] < MONTHS[11]]
    nothing = readings([0.0, 1.0], sd=1.0, kpi="KPI016")
    flat = readings([0.0, 1.0], sd=1.0, levels=(0.0, 0.0, 1.0))

    said = [simulate_plans(frame, plan) for frame in (few, nothing, flat)]
    assert all(len(one) == 6 and one["luck_share"].isna().all() for one in said)
    assert set(said[0]["refusal"]) == {"too_few_readings: 11 final months, at least 12 are needed"}
    assert set(said[1]["refusal"]) == {"no_value: there is no final reading of KPI006"}
    assert said[2]["refusal"].str.startswith("too_few_readings: fewer than 2 participants").all()
    year = readings([0.0, 1.0], sd=1.0)
    year = year[year["period_start_date"] >= MONTHS[-14]]
    refused = simulate_plans(year, plan).set_index("window_months")["refusal"]
    assert refused.loc[12].str.contains("14 periods, at least 24").all()
    assert refused.loc[1].isna().all()


def test_without_plans_nothing_is_simulated():
    assert simulate_plans(readings([0.0, 1.0], sd=1.0), items(KPI006=1.0).iloc[:0]).empty
