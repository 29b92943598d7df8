"""Charts whose baseline has gone are proposed to begin anew; charts that accuse noise are named."""

import numpy as np
import pandas as pd
import pytest

from orchestration.governance.chart_review import KEY, propose_rebases, review_charts


def chart(values, entity="DE01", kpi="KPI006", **changes):
    months = pd.period_range("2022-01", periods=len(values), freq="M").to_timestamp()
    columns = {
        "kpi_id": kpi,
        "entity_kind": "site",
        "entity_id": entity,
        "period_kind": "month",
        "period_start_date": months,
        "series_id": f"{kpi}|site|{entity}|month",
        "phase_start_date": pd.NaT,
        "numerator": np.nan,
        "denominator": np.nan,
        "computed_value": np.asarray(values, float),
        "finality": "final",
        "is_excluded": False,
        "chart_kind": "i_mr",
        "when_rare": None,
        "rule_set": "nelson_1_2",
        "baseline_readings": 24,
        "baseline_from_date": pd.NaT,
        "baseline_to_date": pd.NaT,
        "when_not_in_control": "warn",
        "restated_on_date": pd.NaT,
        "phase_act_seq": None,
        "multiplier": 1.0,
    }
    return pd.DataFrame(columns | changes)


def noise(n, seed=0, level=50.0):
    return level + np.random.default_rng(seed).normal(size=n)


SHIFTED = np.concatenate([noise(30, seed=1), noise(16, seed=2, level=54)])


def only(rows):
    [row] = rows.to_dict("records")
    return row


def test_a_process_that_stays_is_not_proposed_to_begin_anew():
    assert len(propose_rebases(chart(noise(48)))) == 0


def test_a_process_that_has_moved_is_proposed_to_begin_anew_where_it_moved():
    row = only(propose_rebases(chart(SHIFTED)))

    assert row["verdict"] == "supported"
    # The thirty-first month, found to within a month.
    assert abs(row["proposed_from_date"] - pd.Timestamp("2024-07-01")) <= pd.Timedelta(31, "D")
    assert row["earliest_from_date"] <= row["proposed_from_date"] <= row["latest_from_date"]
    assert row["value_after"] - row["value_before"] == pytest.approx(4, abs=1)
    assert row["p_value"] < 0.001
    assert row["flag_count_since"] >= 12
    assert row["flag_count_if_rebased"] == 0


def test_the_number_of_charts_makes_evidence_weaker():
    alone = only(propose_rebases(chart(SHIFTED)))
    # A saw tooth far from its baseline: flagged, and no better described by two levels.
    restless = np.concatenate([noise(24), np.tile([40.0, 60.0], 12)])
    many = propose_rebases(
        pd.concat([chart(SHIFTED), *(chart(restless, entity=f"X{i}") for i in range(4))])
    ).set_index("entity_id")

    assert many.loc["DE01", "adjusted_p_value"] >= alone["adjusted_p_value"] == alone["p_value"]
    assert set(many.loc["X0":, "verdict"]) <= {"no_break", "not_supported"}


def test_only_the_newest_phase_is_looked_at():
    begun = chart(SHIFTED)
    newer = begun["period_start_date"] >= pd.Timestamp("2024-07-01")
    begun.loc[newer, "phase_start_date"] = pd.Timestamp("2024-07-01")
    begun.loc[newer, "series_id"] += "|2024-07-01"

    assert len(propose_rebases(begun)) == 0
    row = only(review_charts(begun))
    assert row["phase_start_date"] == pd.Timestamp("2024-07-01")
    assert row["n"] == 16


def test_a_process_with_too_few_final_readings_is_refused_by_name():
    values = np.concatenate([noise(9, seed=1), noise(6, seed=2, level=60)])
    finality = ["final"] * 9 + ["provisional"] * 6
    row = only(propose_rebases(chart(values, finality=finality, baseline_readings=9)))

    assert row["verdict"] == "refused"
    assert row["refusal"].startswith("too_few_readings: 9 readings")
    assert row["proposed_from_date"] is None


def test_flags_stand_beside_those_of_chance():
    charts = pd.concat([chart(noise(84, seed), entity=f"X{seed:02d}") for seed in range(60)])
    moved = only(review_charts(chart(SHIFTED)))
    reviewed = review_charts(charts)

    assert reviewed.attrs["flags"] == reviewed["flag_count"].sum()
    assert reviewed.attrs["flags_by_chance"] == pytest.approx(reviewed["chance_flag_count"].sum())
    assert moved["judged_count"] == 46 - 24
    # 1.79 % of later readings where 24 set the limits: by false_flag_share, tested by simulation.
    assert moved["chance_flag_count"] == pytest.approx(0.0179 * 22, abs=0.001)
    assert moved["flag_count"] > 10 * moved["chance_flag_count"]
    assert reviewed["chance_flag_count"].sum() == pytest.approx(60 * 60 * 0.0179, rel=0.01)
    # 64 are expected; charts differ in their luck by far more than their readings do.
    assert 20 < reviewed["flag_count"].sum() < 130


def test_the_newest_signals_are_ranked_by_how_unlikely_chance_is():
    quiet = noise(30, seed=3)
    far, near = np.append(quiet, 60.0), np.append(quiet, 54.5)
    review = review_charts(
        pd.concat([chart(near, entity="B"), chart(quiet, entity="A"), chart(far, entity="C")])
    ).set_index("entity_id")

    assert review["signal_rank"].to_dict() == pytest.approx(
        {"A": np.nan, "B": 2, "C": 1}, nan_ok=True
    )
    assert review["signal_rule"].fillna("none").tolist() == ["none", "nelson_1", "nelson_1"]
    assert review["signal_side"].tolist() == [0, 1, 1]
    assert (review["newest_period_start_date"].iloc[1:] == pd.Timestamp("2024-07-01")).all()
    assert (review["adjusted_p_value"] >= review["p_value"]).all()
    assert (review["p_value"] > 0).all()


def test_a_baseline_that_was_not_quiet_says_so_and_its_hash_is_that_of_its_readings():
    restless = noise(40)
    restless[10] = 70
    later = noise(40)
    later[30] = 70
    calm, loud, after = (only(review_charts(chart(one))) for one in (noise(40), restless, later))

    assert (calm["baseline_flag_count"], loud["baseline_flag_count"]) == (0, 1)
    assert str(calm["baseline_from_date"])[:10] == "2022-01-01"
    assert str(calm["baseline_to_date"])[:10] == "2023-12-01"
    assert calm["baseline_hash"] == after["baseline_hash"] != loud["baseline_hash"]


def test_a_plain_chart_of_counts_whose_rate_moves_is_advised_against():
    rng = np.random.default_rng(5)
    sizes = np.full(30, 500.0)
    counts = rng.binomial(500, rng.uniform(0.02, 0.2, 30)).astype(float)
    counted = chart(
        counts / sizes, numerator=counts, denominator=sizes, chart_kind="p", multiplier=1.0
    )
    row = only(review_charts(counted))

    assert (row["declared_chart"], row["advised_chart"]) == ("p", "laney_p")
    assert row["choice_reason"] == "overdispersed"
    assert row["dispersion_low"] > 1


def remembering(n, seed, phi=0.7):
    rng = np.random.default_rng(seed)
    values = [rng.normal() / np.sqrt(1 - phi**2)]
    for _ in range(n - 1):
        values.append(phi * values[-1] + rng.normal())
    return 50 + np.array(values)


def test_where_neighbours_are_alike_flags_of_residuals_stand_beside():
    charts = pd.concat([chart(remembering(84, i), entity=f"X{i:02d}") for i in range(60)])
    review = review_charts(charts)
    asked = review["advised_chart"] == "i_mr_with_residuals"
    beside = review[asked]

    # Drawn with a correlation of 0.7, which three of four charts of 24 readings show.
    assert 40 <= len(beside) < 60
    assert review.loc[~asked, "residual_flag_count"].isna().all()
    # Nothing has happened: the plain charts flag 19 times what charts of independent readings
    # would, the others twice, as phi is estimated too.
    chance = beside["chance_flag_count"].sum()
    assert beside["flag_count"].sum() > 10 * chance
    assert beside["residual_flag_count"].sum() < 3 * chance


def test_a_lasting_shift_shows_less_on_the_chart_of_residuals():
    drawn = [remembering(84, i) for i in range(60)]
    moved = [values + np.where(np.arange(84) < 60, 0, 4) for values in drawn]
    flags = {}
    for name, series in (("still", drawn), ("moved", moved)):
        review = review_charts(
            pd.concat([chart(values, entity=f"X{i:02d}") for i, values in enumerate(series)])
        )
        flags[name] = review.loc[review["residual_flag_count"].notna()]
    more = {
        name: flags["moved"][name].mean() - flags["still"][name].mean()
        for name in ("flag_count", "residual_flag_count")
    }

    # Four sigma for 24 readings, of which those after the first have 1 - phi left; phi comes from
    # 24 readings, and is low.
    assert more["flag_count"] > 1.4 * more["residual_flag_count"] > 1


def test_a_baseline_with_a_gap_has_no_chart_of_residuals():
    values = remembering(84, 0)
    later = values.copy()
    values[10] = later[70] = np.nan
    with_gap, after = (only(review_charts(chart(one))) for one in (values, later))

    assert with_gap["advised_chart"] == after["advised_chart"] == "i_mr_with_residuals"
    assert np.isnan(with_gap["residual_flag_count"])
    assert after["residual_flag_count"] >= 0


def test_each_chart_is_one_row_whatever_the_order_of_readings():
    charts = pd.concat([chart(noise(40), entity="A"), chart(SHIFTED, entity="B")])
    shuffled = charts.sample(frac=1, random_state=1)

    for find in (review_charts, propose_rebases):
        pd.testing.assert_frame_equal(find(charts), find(shuffled))
    assert review_charts(charts)[list(KEY)].to_numpy().tolist() == [
        ["KPI006", "site", "A", "month"],
        ["KPI006", "site", "B", "month"],
    ]


@pytest.mark.parametrize("find", [review_charts, propose_rebases])
def test_a_company_without_readings_has_no_rows(find):
    assert len(find(chart(noise(5)).head(0))) == 0


def test_readings_that_are_all_missing_make_a_chart_without_limits():
    row = only(review_charts(chart([np.nan] * 30)))

    assert not row["is_charted"]
    assert (row["n"], row["choice_reason"]) == (0, "too_few_readings")
    assert len(propose_rebases(chart([np.nan] * 30))) == 0
