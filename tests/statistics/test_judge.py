"""The judgement of whole frames of readings: baselines, reasons, units, independence."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.statistics.spc.constants import D2_EXACT
from orchestration.statistics.spc.judge import Conventions, judge_series, round_significant

ALTERNATING = [9.0, 11.0] * 12  # centre 10, every moving range 2


def individuals(values, *, series_id="KPI006|line-1|week", **columns):
    return frame(series_id, "i_mr", values, np.full(len(values), np.nan), np.nan, **columns)


def counts(chart, events, size, *, multiplier=1.0, series_id="KPI016|site-1|week", **columns):
    with np.errstate(divide="ignore", invalid="ignore"):
        value = multiplier * np.asarray(events, dtype=float) / size
    return frame(series_id, chart, value, events, size, multiplier=multiplier, **columns)


def frame(series_id, chart, value, numerator, denominator, *, is_final=True, **columns):
    days = [dt.date(2024, 1, 1) + dt.timedelta(weeks=week) for week in range(len(value))]
    return pd.DataFrame(
        {
            "series_id": series_id,
            "period_start": days,
            "chart": chart,
            "value": value,
            "numerator": numerator,
            "denominator": denominator,
            "is_final": is_final,
            **columns,
        }
    )


def reasons(judged):
    return [None if pd.isna(reason) else reason for reason in judged["reason"]]


def test_limits_are_frozen_from_the_first_24_final_readings():
    judged = judge_series(individuals([*ALTERNATING, 50.0, 60.0]))

    assert judged["centre"].unique().tolist() == [10]
    assert judged["sigma"].unique() == pytest.approx([2 / 1.128], rel=1e-9)
    assert judged["ucl"].iloc[0] == pytest.approx(10 + 6 / 1.128, rel=1e-9)
    assert judged["rule_1"].tolist() == [0] * 24 + [1, 1]
    assert judged["baseline_count"].unique().tolist() == [24]
    assert judged["baseline_from"].iloc[-1] == dt.date(2024, 1, 1)
    assert judged["baseline_to"].iloc[-1] == dt.date(2024, 1, 1) + dt.timedelta(weeks=23)
    assert not judged["is_trial"].any()


def test_a_provisional_reading_is_judged_but_sets_no_limits():
    is_final = np.array([True] * 12 + [False] + [True] * 12)
    readings = individuals([*ALTERNATING[:12], 500.0, *ALTERNATING[12:]], is_final=is_final)

    judged = judge_series(readings)

    assert judged["centre"].unique().tolist() == [10]
    assert judged["baseline_count"].iloc[0] == 24
    assert np.flatnonzero(judged["rule_1"]).tolist() == [12]


def test_an_excluded_reading_sets_no_limits_and_is_flagged_all_the_same():
    """9, 11 ... with 50 as the fifth: without it the centre is 10 and every moving range 2."""
    values = [*ALTERNATING[:4], 50.0, *ALTERNATING[4:]]
    is_excluded = np.arange(25) == 4

    judged = judge_series(individuals(values, is_excluded=is_excluded))
    kept = judge_series(individuals(values))

    # The 24 others set the limits; no range is taken from 11 over 50 to 9.
    assert judged["centre"].unique().tolist() == [10]
    assert judged["sigma"].unique() == pytest.approx([2 / 1.128], rel=1e-9)
    assert judged["baseline_count"].iloc[0] == 24
    assert np.flatnonzero(judged["rule_1"]).tolist() == [4]
    assert judged["value"].iloc[4] == 50
    # Left in, it is one of the first 24: (23 readings, twelve of them 9, and 50) / 24.
    assert kept["centre"].iloc[0] == pytest.approx((12 * 9 + 11 * 11 + 50) / 24)


@pytest.mark.parametrize("chart", ["p", "laney_p", "u", "laney_u"])
def test_an_excluded_count_has_limits_of_its_own_size_from_the_others(chart):
    """Ten readings of 1000 with 40 and 60 events in turn; the fourth, of 2000 with 900, is out."""
    events = np.array([40.0, 60.0] * 5)
    size = np.full(10, 1000.0)
    events[3], size[3] = 900, 2000
    is_excluded = np.arange(10) == 3

    judged = judge_series(counts(chart, events, size, is_excluded=is_excluded))

    # Five times 40 and four times 60 of 9000.
    rate = 440 / 9000
    assert judged["centre"].to_numpy() == pytest.approx([rate] * 10)
    ratio = judged["sigma"].iloc[3] / judged["sigma"].iloc[0]
    assert ratio == pytest.approx(np.sqrt(1 / 2))
    assert judged["rule_1"].iloc[3] == 1
    assert judged["baseline_count"].iloc[0] == 9


@pytest.mark.parametrize(
    ("n", "is_charted", "is_trial"), [(7, False, False), (8, True, True), (24, True, False)]
)
def test_limits_are_trial_below_24_readings_and_absent_below_8(n, is_charted, is_trial):
    judged = judge_series(individuals(ALTERNATING[:n]))

    assert judged["is_charted"].tolist() == [is_charted] * n
    assert judged["is_trial"].tolist() == [is_trial] * n
    assert reasons(judged) == [None if is_charted else "too_few_readings"] * n
    assert judged["centre"].isna().tolist() == [not is_charted] * n


def test_the_kpi_file_may_declare_a_shorter_baseline_whose_limits_stay_trial():
    judged = judge_series(individuals(ALTERNATING, baseline_readings=12))

    assert judged["baseline_count"].iloc[0] == 12
    assert judged["is_trial"].all()


def test_a_rate_is_judged_in_the_unit_of_its_kpi():
    # 36 cases in 9 readings of 200,000 h: expected count 4, so centre 4 and sigma 2 per
    # 200,000 h; the last reading's four times as many hours halve sigma.
    hours = np.array([200_000.0] * 9 + [800_000.0])
    readings = counts("u", [4] * 9 + [29], hours, multiplier=200_000, is_final=[True] * 9 + [False])

    judged = judge_series(readings)

    assert judged["centre"].tolist() == [4] * 10
    assert judged["sigma"].tolist() == [2] * 9 + [1]
    assert judged["ucl"].tolist() == [10] * 9 + [7]
    assert judged["value"].iloc[-1] == 7.25
    assert judged["rule_1"].tolist() == [0] * 9 + [1]
    # Expected counts: 4, and 16 in the last reading. Below 9 there is no lower limit.
    assert judged["has_lower_limit"].tolist() == [False] * 9 + [True]
    assert judged["lcl"].tolist() == [0] * 9 + [1]


def test_an_expected_count_of_nine_has_no_lower_limit_and_of_ten_has():
    nine = judge_series(counts("u", [8, 10] * 5, 1.0))
    ten = judge_series(counts("u", [9, 11] * 5, 1.0))

    assert not nine["has_lower_limit"].any()
    assert ten["has_lower_limit"].all()
    assert ten["lcl"].iloc[0] == pytest.approx(10 - 3 * 10**0.5, rel=1e-9)


def test_limits_of_a_percentage_stay_between_0_and_100():
    judged = judge_series(counts("p", [19, 17] * 6, 20.0, multiplier=100))

    # p = 0.9, sigma = sqrt(0.9 * 0.1 / 20) = 0.0671: the upper limit would be 110 %.
    assert judged["centre"].iloc[0] == 90
    assert judged["ucl"].iloc[0] == 100
    assert judged["lcl"].iloc[0] == pytest.approx(100 * (0.9 - 3 * 0.0045**0.5), rel=1e-9)


def test_a_laney_chart_prints_the_spread_between_readings():
    judged = judge_series(counts("laney_p", [5100, 4900] * 12, 10_000.0))

    assert judged["sigma_z"].iloc[0] == pytest.approx(4 / 1.128, rel=1e-9)
    assert judged["sigma"].iloc[0] == pytest.approx(0.005 * 4 / 1.128, rel=1e-9)
    assert judge_series(counts("p", [5100, 4900] * 12, 10_000.0))["sigma_z"].isna().all()


def test_a_reading_without_a_figure_is_not_charted_and_says_why():
    readings = counts("p", [5, 6, 5, 6, 5, 6, 5, 6, 5, 6], 20.0)
    readings.loc[1, "value"] = np.nan
    readings.loc[3, ["denominator", "value"]] = [0, 0]
    readings.loc[5, ["numerator", "value"]] = [21, 21 / 20]
    readings.loc[7, "value"] = 30.0

    expected = [None] * 10
    expected[1], expected[3] = "no_value", "zero_denominator"
    expected[5], expected[7] = "impossible_count", "value_is_not_its_ratio"
    with_few = judge_series(readings, Conventions(min_readings=6))

    assert reasons(with_few) == expected
    assert with_few["baseline_count"].iloc[0] == 6
    # Those six are too few by the default convention.
    assert set(reasons(judge_series(readings))) == {*expected[1::2][:4], "too_few_readings"}


@pytest.mark.parametrize(
    "readings",
    [
        individuals([0.1 + 0.2] * 10),
        counts("p", [20] * 10, 20.0),
        counts("p", [0] * 10, 20.0),
        counts("u", [0] * 10, 20.0),
        counts("laney_p", [10, 20] * 5, np.array([30.0, 60.0] * 5)),
    ],
    ids=["constant", "all", "none", "no events", "constant proportion"],
)
def test_a_baseline_that_never_varied_gives_no_limits(readings):
    judged = judge_series(readings)

    assert set(reasons(judged)) == {"no_variation"}
    assert not judged["rule_1"].any()
    assert not judged["rule_2"].any()


def test_a_rate_of_rare_events_is_refused_instead_of_charted():
    # One case in two months: the upper limit would be 2.6 cases.
    monthly = judge_series(counts("u", [0, 1] * 12, 40_000.0, multiplier=200_000))
    two_late_orders_a_year = judge_series(counts("p", [9, 10, 10, 10, 10, 9] * 4, 10.0))

    assert set(reasons(monthly)) == {"expected_count_too_small"}
    assert set(reasons(two_late_orders_a_year)) == {"expected_count_too_small"}


def test_the_rules_hold_on_the_figures_as_they_are_stored():
    judged = judge_series(counts("p", [10] * 12 + [11] * 12, 30.0))

    # The centre 0.35 is no reading's value; a third is stored as 0.3333333333.
    assert judged["value"].iloc[0] == 0.3333333333
    side = np.sign(judged["value"] - judged["centre"])
    assert judged["rule_2"].tolist() == [0] * 8 + [-1] * 4 + [0] * 8 + [1] * 4
    assert (judged["rule_2"] * side >= 0).all()


def test_judgement_does_not_depend_on_the_order_of_the_rows():
    readings = pd.concat(
        [individuals([*ALTERNATING, 30.0]), counts("laney_u", [30, 40] * 12, 7.0)],
        ignore_index=True,
    )
    shuffled = readings.sample(frac=1, random_state=7)

    straight = judge_series(readings)
    pd.testing.assert_frame_equal(judge_series(shuffled), straight.loc[shuffled.index])


@given(
    st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=30), min_size=1, max_size=4),
    st.sampled_from(["i_mr", "p", "laney_p", "u", "laney_u"]),
)
def test_adding_a_series_changes_no_other(several, chart):
    frames = [
        counts(chart, np.array(one, dtype=float), 50.0, series_id=f"series {number}")
        for number, one in enumerate(several)
    ]
    together = judge_series(pd.concat(frames, ignore_index=True))

    for number, one in enumerate(frames):
        mine = together[together["series_id"] == f"series {number}"].reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, judge_series(one))


def test_conventions_are_the_callers_and_are_named_in_the_result():
    judged = judge_series(individuals(ALTERNATING), Conventions(run_length=7, d2=D2_EXACT))

    assert judged["run_length"].unique().tolist() == [7]
    assert judged["sigma"].iloc[0] == pytest.approx(2 / D2_EXACT, rel=1e-9)


def test_no_readings_give_no_judgements():
    empty = individuals([1.0]).iloc[:0]

    assert judge_series(empty).empty


@pytest.mark.parametrize("chart", ["i_mr", "u"])
def test_two_readings_of_a_period_leave_that_series_uncharted_and_the_others_judged(chart):
    several = [
        counts(chart, np.arange(24.0) % 5 + number, 50.0, series_id=f"series {number}")
        for number in range(3)
    ]
    doubled = pd.concat([several[0], several[1], several[1].iloc[[7]], several[2]])
    found = judge_series(doubled.reset_index(drop=True)).groupby("series_id")

    assert found["reason"].unique().loc["series 1"].tolist() == ["duplicate_period"]
    assert not found.get_group("series 1")["is_charted"].any()
    assert len(found.get_group("series 1")) == 25
    for number in (0, 2):
        mine = found.get_group(f"series {number}").reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, judge_series(several[number]))


def test_a_frame_without_a_single_plan_is_refused():
    readings = individuals(ALTERNATING)
    two_charts = readings.assign(chart=["i_mr"] * 23 + ["p"])

    with pytest.raises(ValueError, match="more than one chart"):
        judge_series(two_charts)
    with pytest.raises(ValueError, match="unknown chart xbar"):
        judge_series(readings.assign(chart="xbar"))
    with pytest.raises(ValueError, match="lack the columns is_final"):
        judge_series(readings.drop(columns="is_final"))


def test_rounding_keeps_ten_digits_of_small_and_large_figures():
    figures = np.array([2 / 3 * 1e-7, -2 / 3, 2 / 3 * 1e12, 0.0, np.nan])

    assert round_significant(figures)[:4].tolist() == [
        6.666666667e-08,
        -0.6666666667,
        666666666700.0,
        0.0,
    ]
