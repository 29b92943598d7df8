"""A capability is that of a process which stays, on the sides on which it has a limit."""

import numpy as np
import pandas as pd
import pytest

from orchestration.governance.process_capability import judge_processes
from orchestration.governance.questions import tally

SPECIFICATION = {"lower_specification": 6.0, "upper_specification": 14.0, "target_value": 10.0}


def parts(values, machine="M1", **changes):
    """Subgroups of measured parts, one row of `values` each, a day apart."""
    groups = [np.asarray(group, float) for group in values]
    columns = {
        "site_id": "DE01",
        "machine_id": machine,
        "characteristic_id": "D1",
        "specification_no": 1,
        "unit_code": "mm",
        "subgroup_id": [f"{machine}-{day:04d}" for day in range(len(groups))],
        "measured_at_utc": pd.date_range("2026-01-01", periods=len(groups), unit="us"),
        "measurement_count": [group.size for group in groups],
        "mean_value": [group.mean() for group in groups],
        "range_value": [np.ptp(group) for group in groups],
        "standard_deviation": [group.std(ddof=1) if group.size > 1 else None for group in groups],
        "out_of_tolerance_count": [int(((group < 6) | (group > 14)).sum()) for group in groups],
    }
    return pd.DataFrame(columns | SPECIFICATION | changes)


def noise(n, size=5, seed=0, level=10.0):
    return level + np.random.default_rng(seed).normal(size=(n, size))


def only(rows):
    [row] = rows.to_dict("records")
    return row


# Pairs one apart about 9.5, 10 and 10.5, by turns: all is known by hand.
PAIRS = [[level - 0.5, level + 0.5] for _ in range(8) for level in (9.5, 10, 10.5)]


def test_indices_of_pairs_are_those_of_hand_calculation():
    row = only(judge_processes(parts(PAIRS)))

    # Pooled variance within: 0.5 each; c4 of 25 is 0.9896 in the tables.
    sigma = np.sqrt(0.5) / 0.9896
    assert row["chart_kind"] == "xbar_s"
    assert (row["n"], row["freedom"], row["process_mean"]) == (48, 24, 10)
    assert row["sigma_within"] == pytest.approx(sigma, rel=1e-4)
    assert row["upper_limit"] == pytest.approx(10 + 3 * sigma / np.sqrt(2), rel=1e-4)
    assert row["cp"] == row["cpk"] == row["cpm"] == pytest.approx(8 / 6 / sigma, rel=1e-4)
    # All readings: 24 subgroups of 2 x 0.25 within, 16 of them 2 x 0.25 between; 12 + 8 over 47.
    assert row["sigma_overall"] == pytest.approx(np.sqrt(20 / 47))
    assert row["pp"] == row["ppk"] == pytest.approx(8 / 6 / np.sqrt(20 / 47))
    # Chi-square of 24 degrees of freedom: 12.401 and 39.364 (NIST tables).
    assert row["cp_low"] == pytest.approx(row["cp"] * np.sqrt(12.401 / 24), rel=1e-4)
    assert row["cp_high"] == pytest.approx(row["cp"] * np.sqrt(39.364 / 24), rel=1e-4)
    spread = 1.959964 * np.sqrt(1 / (9 * 48) + row["cpk"] ** 2 / 48)
    assert row["cpk_high"] - row["cpk"] == pytest.approx(spread, rel=1e-6)
    assert (row["verdict"], row["is_trial"]) == ("within", False)


def test_single_parts_are_charted_by_their_moving_range():
    values = np.tile([[9.0], [10.0], [11.0], [10.0]], (6, 1))
    row = only(judge_processes(parts(values)))

    # Every moving range is 1.
    assert row["chart_kind"] == "i_mr"
    assert row["sigma_within"] == pytest.approx(1 / 1.128)
    assert row["cp"] == pytest.approx(8 * 1.128 / 6)
    assert row["spread_upper_limit"] == pytest.approx(3.267)
    assert row["freedom"] == pytest.approx(0.605 * 23)


def test_a_sigma_is_named_by_the_chart_that_it_comes_from():
    # Thirty subgroups of five, then single parts: the newest 24 have a moving range alone.
    several, single = noise(30, 5), noise(24, 1, seed=1)
    row = only(judge_processes(parts([*several.tolist(), *single.tolist()])))

    assert (row["chart_kind"], row["sigma_estimator"]) == ("xbar_s", "mean moving range / 1.128")
    moves = np.abs(np.diff(single[:, 0])).mean()
    assert row["sigma_within"] == pytest.approx(moves / 1.128)


@pytest.mark.parametrize(
    ("size", "freedom"),
    # The variance of 100,000 drawn mean moving ranges of 24; those of five are pooled, 24 x 4.
    [(1, 14.1), (5, 96)],
)
def test_intervals_hold_the_planted_capability(size, freedom):
    drawn = noise(400 * 24, size, seed=3).reshape(400, 24, size)
    found = judge_processes(pd.concat(parts(one, f"M{i}") for i, one in enumerate(drawn)))
    stable = found[found["refusal"].isna()]

    assert found["freedom"].iloc[0] == pytest.approx(freedom, rel=0.02)
    for name in ("cp", "cpk", "cpm", "pp", "ppk"):
        held = stable[f"{name}_low"].le(4 / 3) & stable[f"{name}_high"].ge(4 / 3)
        # 95 % of some 350: a standard error of 1.2 %.
        assert held.mean() == pytest.approx(0.95, abs=0.04), name
    # One flag refuses: 13 % of drawn processes of fives, 19 % of singles stay and are refused.
    assert len(stable) / len(found) == pytest.approx({1: 0.81, 5: 0.87}[size], abs=0.06)
    assert set(tally(found)) <= {"within", "undecided", "beyond", "unstable_process"}


def test_a_process_that_moves_within_the_study_has_no_capability():
    moved = np.concatenate([noise(36), noise(12, seed=1, level=12)])
    row = only(judge_processes(parts(moved)))

    assert row["refusal"].startswith("unstable_process")
    assert row["study_mean_flag_count"] > 6
    assert np.isnan(row["cpk"])
    assert row["verdict"] is None


def test_a_spread_that_grows_has_no_capability():
    row = only(judge_processes(parts(np.concatenate([noise(40), [[4, 16, 10, 4, 16]]]))))

    assert (row["study_mean_flag_count"], row["study_spread_flag_count"]) == (0, 1)
    assert row["refusal"].startswith("unstable_process")


def test_a_process_that_has_moved_and_stays_is_flagged_and_has_the_capability_of_its_level():
    stays = noise(60, seed=4)
    moved = stays + np.where(np.arange(60) < 30, 0, 2)[:, None]
    before, after = (only(judge_processes(parts(one))) for one in (stays, moved))

    assert before["mean_flag_count"] <= 2
    assert after["mean_flag_count"] >= 28
    assert after["study_mean_flag_count"] == before["study_mean_flag_count"] == 0
    # Two sigma nearer to the upper limit.
    assert after["cp"] == pytest.approx(before["cp"])
    assert after["cpu"] == pytest.approx(before["cpu"] - 2 / 3 / after["sigma_within"])
    assert (after["verdict"], after["cpk"]) == ("beyond", after["cpu"])


def test_a_specification_of_one_side_has_the_indices_of_that_side():
    row = only(judge_processes(parts(PAIRS, lower_specification=None, target_value=None)))

    assert row["cpk"] == row["cpu"] == pytest.approx(4 / 3 / row["sigma_within"])
    assert np.isnan([row[name] for name in ("cp", "cpm", "pp", "cpl", "cp_low")]).all()
    assert row["ppk"] == pytest.approx(4 / 3 / row["sigma_overall"])
    assert row["verdict"] == "within"


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (parts(noise(7)), "too_few_readings: 7 subgroups of two or more"),
        (parts(noise(7, 1)), "too_few_readings: 7 subgroups, "),
        (parts([*noise(30, 1), *noise(7)]), "too_few_readings: 7 subgroups of two or more"),
        (parts(PAIRS, lower_specification=None, upper_specification=None), "no_specification"),
        (parts(np.full((30, 5), 10.0)), "no_variation"),
        (parts(np.full((30, 1), 10.0)), "no_variation"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(rows, reason):
    row = only(judge_processes(rows))

    assert row["refusal"].startswith(reason)
    assert row["verdict"] is None
    assert row["n"] > 0


def test_eight_subgroups_give_a_trial():
    row = only(judge_processes(parts(PAIRS[:9])))

    assert (row["is_trial"], row["baseline_count"], row["judged_count"]) == (True, 9, 0)
    assert row["verdict"] == "undecided"


def test_processes_are_apart_whatever_the_order_of_rows():
    rows = pd.concat([parts(noise(40)), parts(noise(9, seed=1), "M2"), parts(noise(3), "M3")])
    found = judge_processes(rows)

    pd.testing.assert_frame_equal(found, judge_processes(rows.sample(frac=1, random_state=1)))
    assert found["machine_id"].tolist() == ["M1", "M2", "M3"]
    for number, machine in enumerate(("M1", "M2", "M3")):
        alone = judge_processes(rows[rows["machine_id"] == machine])
        assert only(alone)["cp"] == pytest.approx(found.iloc[number]["cp"], nan_ok=True)


def test_a_company_without_measured_parts_has_no_rows():
    assert judge_processes(parts(noise(3)).head(0)).empty
