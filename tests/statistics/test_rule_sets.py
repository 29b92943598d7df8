"""Sets of rules by name: each flags what its source says, and a mask tells which."""

import datetime as dt
from typing import get_args

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from orchestration.registry.model import RuleName, RuleSet
from orchestration.statistics.spc.judge import judge_series
from orchestration.statistics.spc.nhs import COMMON_CAUSE, nhs_chart
from orchestration.statistics.spc.rule_sets import (
    BIT_OF,
    PATTERNS,
    RULE_SETS,
    names_of,
    read_convention,
)
from orchestration.statistics.spc.runs import analyse_runs
from orchestration.statistics.spc.weighted import cusum_chart, ewma_chart
from tests.benchmarks.charts import apply_sql, found_by_sql

ALTERNATING = [9.0, 11.0] * 12  # centre 10, every moving range 2, sigma 1.773


def readings(values, rules="nelson_1_2", series_id="a", **columns):
    days = [dt.date(2024, 1, 1) + dt.timedelta(weeks=week) for week in range(len(values))]
    return pd.DataFrame(
        {
            "series_id": series_id,
            "period_start": days,
            "chart": "i_mr",
            "value": values,
            "numerator": np.nan,
            "denominator": np.nan,
            "is_final": True,
            "rules": rules,
            **columns,
        }
    )


def broken(judged):
    """Which rules each flagged reading after the baseline breaks, by its number from 1."""
    return {
        at + 1: names_of(mask) for at, mask in enumerate(judged["violated"]) if mask and at >= 24
    }


def test_the_register_knows_the_sets_and_rules_that_the_judge_knows():
    assert set(get_args(RuleSet)) == set(RULE_SETS)
    assert set(get_args(RuleName)) == {*PATTERNS, "anhoej_run", "anhoej_crossings"}


def test_bits_are_stored_and_never_move():
    assert [BIT_OF[name] for name in ("nelson_1", "nelson_8", "we_4", "ewma", "cusum")] == [
        1, 128, 256, 16384, 32768,
    ]  # fmt: skip


def test_an_unknown_rule_is_refused_by_name():
    with pytest.raises(ValueError, match="unknown rule 'nelson_9' in 'limits\\+nelson_9'"):
        read_convention("limits+nelson_9")


@pytest.mark.parametrize(
    ("rules", "after", "expected"),
    [
        # 15.4 is 3.05 sigma above the centre.
        ("limits", [15.4], {25: ("nelson_1",)}),
        # The last reading of the baseline, 11, is the first of the run.
        ("nelson_1_2", [10.5] * 9, {32: ("nelson_2",), 33: ("nelson_2",)}),
        ("western_electric", [10.5] * 8, {31: ("we_4",), 32: ("we_4",)}),
        # 14 is 2.26 sigma out; the last reading of the baseline, 11, is the third.
        ("western_electric", [14.0, 14.0], {26: ("nelson_5",)}),
        ("nelson_1+nelson_3", [11.5, 12, 12.5, 13, 13.5], {28: ("nelson_3",), 29: ("nelson_3",)}),
        ("limits+nelson_3", [10.9, 11.2, 11.5, 11.8, 12.1, 12.4], {30: ("nelson_3",)}),
    ],
)
def test_a_set_flags_the_reading_that_completes_its_pattern(rules, after, expected):
    """24 readings about 10 in turns set the limits."""
    judged = judge_series(readings([*ALTERNATING, *after], rules))

    assert broken(judged) == expected
    assert (judged["side"].iloc[24:] >= 0).all()


def test_the_flags_of_nelsons_rules_are_those_of_sql_on_the_stored_figures():
    rng = np.random.default_rng(4)
    frames = [
        readings(np.round(rng.normal(10, 1, 60) + shift, 1), "nelson", series_id=f"s{number}")
        for number, shift in enumerate(rng.choice([0.0, 0.3], (40, 60)).cumsum(axis=1) / 5)
    ]
    judged = judge_series(pd.concat(frames, ignore_index=True))
    charted = judged[judged["is_charted"]]
    points = {
        "series_id": charted["series_id"].factorize()[0],
        "position": charted.groupby("series_id").cumcount().to_numpy() + 1,
        **{name: pa.array(charted[name]) for name in ("value", "centre", "sigma")},
    }
    with duckdb.connect() as con:
        con.register("arrow_points", pa.table(points))
        con.execute("create table points as select * from arrow_points")
        apply_sql(con)
        in_sql = found_by_sql(con)

    assert charted["violated"].tolist() == in_sql.tolist()
    assert np.bitwise_or.reduce(in_sql) & 0b00110111 == 0b00110111


def test_the_nhs_set_flags_where_the_programmes_chart_completes_its_patterns():
    """Its chart marks all members of a pattern; the set marks a point only from its completion."""
    values = np.random.default_rng(8).normal(size=400) + np.repeat([0, 0.8, 0, -0.8], 100)
    rules = read_convention("nhs")
    judged = judge_series(readings(values, "nhs", baseline_readings=400))
    # The programme rounds 3 / 1.128 to 2.66, which decides nothing here.
    chart = nhs_chart(values, screen_moving_ranges=False)

    flagged = judged["violated"].to_numpy() != 0
    assert flagged.any()
    assert (chart.cause[flagged] != COMMON_CAUSE).all()
    assert set(names_of(int(np.bitwise_or.reduce(judged["violated"])))) == set(
        names_of(rules.mask)
    ) - {"nhs_trend"}
    # Every stretch that the programme marks is completed by a point that the set flags.
    marked = chart.cause != COMMON_CAUSE
    begins = np.flatnonzero(marked & ~np.append(False, marked[:-1]))
    ends = np.flatnonzero(marked & ~np.append(marked[1:], False))
    assert all(flagged[first : last + 1].any() for first, last in zip(begins, ends, strict=True))


def test_anhoejs_rules_say_at_the_last_reading_what_the_analysis_of_the_series_says():
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(60):
        values = rng.normal(size=30) + np.repeat([0, rng.choice([0, 1.5])], 15)
        judged = judge_series(readings(values, "anhoej", baseline_readings=30))
        analysed = analyse_runs(values, centre=float(judged["centre"].iloc[0]))
        names = [set(names_of(mask)) for mask in judged["violated"]]

        assert ("anhoej_crossings" in names[-1]) == (analysed.crossings < analysed.crossings_min)
        # A run that was too long for the readings so far may not be for all of them.
        if analysed.longest_run > analysed.longest_run_max:
            assert any("anhoej_run" in one for one in names)
        seen |= set().union(*names)
    assert {"anhoej_run", "anhoej_crossings"} <= seen


@pytest.mark.parametrize("rules", ["limits+ewma(0.2,2.86)", "limits+cusum(0.5,5)"])
def test_a_chart_with_a_memory_beside_flags_as_it_would_alone(rules):
    rng = np.random.default_rng(2)
    values = np.append(rng.normal(size=24), rng.normal(0.9, 1, size=40))
    judged = judge_series(readings(values, rules))
    centre, sigma = float(judged["centre"].iloc[0]), float(judged["sigma"].iloc[0])
    z = (values - centre) / sigma
    if "ewma" in rules:
        alone = ewma_chart(z, centre=0, sigma=1, weight=0.2, limit_sigmas=2.86).beyond
    else:
        drawn = cusum_chart(z, centre=0, sigma=1, k=0.5, h=5)
        alone = drawn.above | drawn.below

    bit = BIT_OF["ewma" if "ewma" in rules else "cusum"]
    assert ((judged["violated"].to_numpy() & bit) != 0).tolist() == alone.tolist()
    # A shift of 0.9 sigma stays within the limits and is found.
    assert alone[24:].any()
    assert judged["side"].to_numpy()[alone].min() == 1


def test_each_reading_is_judged_by_the_rules_of_its_day_and_runs_reach_back():
    """A run of nine ends at the 32nd reading and goes on; the set is another from the 33rd on."""
    values = [*ALTERNATING, *[10.5] * 10]
    rules = ["limits"] * 32 + ["nelson_1_2"] * 2
    judged = judge_series(readings(values, rules))

    assert broken(judged) == {33: ("nelson_2",), 34: ("nelson_2",)}
    before = judge_series(readings(values[:32], "limits"))
    assert judged["violated"].iloc[:32].tolist() == before["violated"].tolist()


def test_a_baseline_in_declared_days_sets_the_limits_and_no_other_reading():
    shifted = [*ALTERNATING, *(value + 5 for value in ALTERNATING)]
    window = {"window_from": dt.date(2024, 6, 17), "window_to": dt.date(2024, 12, 1)}
    judged = judge_series(readings(shifted, **window))

    # 17 June is the 25th week.
    assert judged["centre"].unique().tolist() == [15]
    assert judged["baseline_from"].iloc[0] == dt.date(2024, 6, 17)
    assert judged["baseline_count"].iloc[0] == 24
    assert not judged["is_trial"].any()
    assert (judged["rule_2"].iloc[8:24] == -1).all()


def test_limits_of_a_baseline_that_was_not_in_control_stay_trial():
    restless = [*ALTERNATING[:10], 40.0, -20.0, *ALTERNATING[10:22]]
    judged = judge_series(readings(restless))

    # Centre 10; moving ranges of 2, and of 29, 60 and 31: sigma 6.2.
    assert judged["baseline_flags"].unique().tolist() == [2]
    assert judged["is_trial"].all()
    assert judge_series(readings(ALTERNATING))["is_trial"].any() == False  # noqa: E712


def test_a_strict_chart_draws_no_limits_from_a_baseline_that_was_not_in_control():
    restless = [*ALTERNATING[:10], 40.0, -20.0, *ALTERNATING[10:22], 12.0]
    strict = readings(restless, series_id="restless", is_strict=True)
    quiet = readings([*ALTERNATING, 40.0], series_id="quiet", is_strict=True)
    judged = judge_series(pd.concat([strict, quiet], ignore_index=True))
    refused = judged[judged["series_id"] == "restless"]
    drawn = judged[judged["series_id"] == "quiet"]

    assert set(refused["reason"]) == {"baseline_not_in_control"}
    assert refused[["centre", "sigma", "lcl", "ucl"]].isna().all(axis=None)
    assert not refused[["violated", "side", "rule_1", "rule_2"]].any(axis=None)
    # What it would have rested on, and why not, stays to be read.
    assert refused["baseline_flags"].unique().tolist() == [2]
    assert refused["baseline_count"].unique().tolist() == [24]
    assert drawn["is_charted"].all()
    assert drawn["violated"].iloc[-1] == BIT_OF["nelson_1"]


def test_a_confirmed_cause_brings_a_strict_chart_into_being():
    restless = [*ALTERNATING[:10], 40.0, -20.0, *ALTERNATING[10:], 12.0]
    known = [False] * 10 + [True] * 2 + [False] * 15
    judged = judge_series(readings(restless, is_strict=True, is_excluded=known))

    assert judged["is_charted"].all()
    assert judged["centre"].unique().tolist() == [10]
    assert not judged["is_trial"].any()


def test_a_baseline_reading_that_late_data_changed_says_when():
    changed = pd.Series(pd.NaT, index=range(30), dtype="datetime64[s]")
    changed[[3, 5]] = [pd.Timestamp("2024-07-01"), pd.Timestamp("2024-08-01")]
    changed[28] = pd.Timestamp("2024-09-01")
    judged = judge_series(readings([*ALTERNATING, *ALTERNATING[:6]], changed_on=changed))

    # The 29th reading sets no limits.
    assert set(judged["baseline_changed_on"]) == {pd.Timestamp("2024-08-01")}


# ------------------------------------------------------------------------------- rare events


def counted(events, sizes, chart="u", when_rare="t", **columns):
    events, sizes = np.asarray(events, float), np.asarray(sizes, float)
    frame = readings(events / sizes, **columns)
    return frame.assign(chart=chart, when_rare=when_rare, numerator=events, denominator=sizes)


def test_fewer_than_one_event_a_period_is_charted_by_what_lies_between():
    """Waits of 2 and 4 periods in turn, of 1,000 hours each: a t chart of 12 waits by hand."""
    events = np.zeros(36)
    events[np.cumsum([2, 4] * 6) - 1] = 1
    judged = judge_series(counted(events, [1000.0] * 36))
    points = judged[judged["is_charted"]]

    y = np.array([2000.0, 4000.0]) ** (1 / 3.6)
    centre, sigma = y.mean(), (y[1] - y[0]) / 1.128
    assert set(judged["chart"]) == {"t"}
    assert len(points) == 12
    assert points["value"].tolist() == pytest.approx([1 / 2000, 1 / 4000] * 6)
    assert points["centre"].to_numpy() == pytest.approx(centre**-3.6)
    # A long wait is a low rate.
    assert points["lcl"].to_numpy() == pytest.approx((centre + 3 * sigma) ** -3.6)
    assert points["ucl"].to_numpy() == pytest.approx((centre - 3 * sigma) ** -3.6)
    assert set(judged.loc[~judged["is_charted"], "reason"]) == {"no_event"}
    assert points["is_trial"].all()
    assert not judged["violated"].any()


def test_a_long_wait_is_a_signal_below_and_a_run_counts_events_and_not_periods():
    events = np.zeros(120)
    events[np.cumsum([2, 4] * 6) - 1] = 1
    # Then 60 periods without any, and nine waits of one period each.
    events[95:105] = 1
    judged = judge_series(counted(events, [1000.0] * 120, baseline_readings=12))
    points = judged[judged["is_charted"]].reset_index(drop=True)

    assert [names_of(mask) for mask in points["violated"][12:14]] == [("nelson_1",), ()]
    assert points["side"].tolist()[12] == -1
    # The ninth short wait in a row, though no period lies between some of them.
    assert names_of(points["violated"].iloc[21]) == ("nelson_2",)
    assert points["side"].iloc[21] == 1


def test_where_enough_events_are_expected_the_chart_stays_what_was_declared():
    judged = judge_series(counted([3.0, 5.0] * 12, [1000.0] * 24))

    assert set(judged["chart"]) == {"u"}
    assert judged["is_charted"].all()


def test_of_trials_that_nearly_all_succeed_the_failures_are_the_events():
    """Ten trials a period, a failure in every second one: a g chart of 20 trials each."""
    done = [10.0, 9.0] * 20
    judged = judge_series(counted(done, [10.0] * 40, chart="p", when_rare="g"))
    points = judged[judged["is_charted"]]

    assert set(judged["chart"]) == {"g"}
    assert points["value"].to_numpy() == pytest.approx(1 - 1 / 20)
    assert points["centre"].to_numpy() == pytest.approx(1 - 1 / 20)
    # Of the geometric law with mean 20, cut at one in 741: ceil(log(.99865) / log(.95)) = 1 is
    # the least there can be, so there is no limit for too many failures ...
    assert points["lcl"].isna().all()
    # ... and ceil(log(.00135) / log(.95)) = 129 trials without one are too good to be chance.
    assert points["ucl"].to_numpy() == pytest.approx(1 - 1 / 129)


def test_a_series_without_any_event_is_refused_by_name():
    judged = judge_series(counted([0.0] * 30, [1000.0] * 30))

    assert not judged["is_charted"].any()
    assert set(judged["reason"]) == {"no_variation"}


def test_a_t_chart_of_too_few_events_is_refused_by_name():
    events = np.zeros(30)
    events[[3, 9, 20]] = 1
    judged = judge_series(counted(events, [1000.0] * 30))

    assert set(judged["reason"]) == {"no_event", "too_few_readings"}


def test_rare_series_beside_others_change_nothing_for_them():
    events = np.zeros(36)
    events[np.cumsum([2, 4] * 6) - 1] = 1
    rare = counted(events, [1000.0] * 36, series_id="rare")
    often = counted([3.0, 5.0, 20.0] * 12, [1000.0] * 36, series_id="often")
    alone = [judge_series(rare), judge_series(often)]
    together = judge_series(pd.concat([often, rare], ignore_index=True))

    for one in alone:
        name = one["series_id"].iloc[0]
        pd.testing.assert_frame_equal(
            one.reset_index(drop=True),
            together[together["series_id"] == name].reset_index(drop=True),
        )


def test_which_of_two_outcomes_is_rare_is_decided_by_the_baseline_and_not_later():
    """Lines that were drawn from failures stay so when failures have become the rule."""
    early = [10.0, 9.0] * 20
    judged = judge_series(counted([*early, *[0.0] * 60], [10.0] * 100, chart="p", when_rare="g"))
    alone = judge_series(counted(early, [10.0] * 40, chart="p", when_rare="g"))

    assert judged["centre"].dropna().unique().tolist() == alone["centre"].dropna().unique().tolist()
    # Ten failures of ten are a rate of none that went well.
    assert judged["value"].iloc[-1] == 0
