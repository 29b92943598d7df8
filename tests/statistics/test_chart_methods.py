"""The chart methods against published figures, closed forms, oracles and laws."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.diagnostic import acorr_ljungbox
from statsmodels.tsa.arima.model import ARIMA

from orchestration.statistics.refusal import Refusal
from orchestration.statistics.spc import (
    attributes,
    autocorrelation,
    capability,
    individuals,
    multivariate,
    nhs,
    rare_events,
    run_length,
    runs,
    short_run,
    subgroups,
    unbiasing,
    weighted,
)
from orchestration.statistics.spc.constants import D2_EXACT
from orchestration.statistics.spc.patterns import Rule
from orchestration.statistics.spc.rules import RULES, flag_rule, violated_rules

rng = np.random.default_rng(20261)


# Constants


def test_mean_ranges_of_small_samples_have_closed_forms():
    root = math.sqrt(math.pi)
    closed = {
        2: 2 / root,
        3: 3 / root,
        4: 12 / math.pi**1.5 * math.atan(math.sqrt(2)),
        5: 30 / math.pi**1.5 * math.atan(math.sqrt(2)) - 5 / root,
    }

    assert {n: unbiasing.d2(n, "exact") for n in closed} == pytest.approx(closed, rel=1e-12)


def test_the_range_of_two_is_the_absolute_value_of_a_normal():
    assert unbiasing.d3(2, "exact") == pytest.approx(math.sqrt(2 - 4 / math.pi), rel=1e-11)


@pytest.mark.parametrize("n", [2, 10, 25, 50])
def test_printed_factors_round_the_exact_ones(n):
    assert unbiasing.d2(n) == pytest.approx(unbiasing.d2(n, "exact"), abs=5e-4)
    # The seven printed digits of d3 were computed by simulation or a coarse integral.
    assert unbiasing.d3(n) == pytest.approx(unbiasing.d3(n, "exact"), abs=1.3e-5)


def test_a_single_value_has_no_range():
    with pytest.raises(ValueError, match="needs 2 values, not 1"):
        unbiasing.d2(1)


# Rules


def one_by_one(name, values, start):
    """The rules as they are worded, one point after the other, within one series at a time."""
    flagged = []
    for first, end in zip(start, [*start[1:], len(values)], strict=True):
        flagged += [holds(RULES[name], values[first : at + 1]) for at in range(first, end)]
    return flagged


def holds(rule, seen):
    if len(seen) < rule.length or math.isnan(seen[-1]):
        return False
    last = seen[-rule.length :]
    steps = [b - a for a, b in pairwise(last)]
    above = [x > rule.sigmas for x in last]
    below = [x < -rule.sigmas for x in last]
    return {
        "beyond": lambda: above[-1] or below[-1],
        "one_side": lambda: all(x > 0 for x in last) or all(x < 0 for x in last),
        "trend": lambda: all(x > 0 for x in steps) or all(x < 0 for x in steps),
        "alternating": lambda: all(a * b < 0 for a, b in pairwise(steps)),
        "zone": lambda: any(sum(side) >= rule.count and side[-1] for side in (above, below)),
        "within": lambda: all(abs(x) <= rule.sigmas for x in last),
        "outside_both_sides": lambda: (
            all(a or b for a, b in zip(above, below, strict=True)) and any(above) and any(below)
        ),
    }[rule.pattern]()


near_lines = st.sampled_from([-4, -3, -2.5, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5])
series_of_points = st.lists(
    st.lists(st.one_of(near_lines, st.just(math.nan)), min_size=1, max_size=40),
    min_size=1,
    max_size=4,
)


@settings(max_examples=60)
@pytest.mark.parametrize("name", RULES)
@given(several=series_of_points)
def test_the_flat_kernel_is_each_rule_applied_point_by_point(name, several):
    values = [x for one in several for x in one]
    start = np.cumsum([0] + [len(one) for one in several[:-1]]).tolist()

    flags = flag_rule(values, RULES[name], centre=0, sigma=1, series_start=start)

    assert flags.flagged.tolist() == one_by_one(name, values, start)


@pytest.mark.parametrize(
    ("name", "values", "points"),
    [
        ("nelson4", [0, 1] * 7, [14]),
        ("nelson7", [0.5, -0.5, 1.0] * 5, [15]),
        ("nelson8", [1.5, -1.5] * 4, [8]),
        ("nelson8", [1.5] * 8, []),
        ("nelson3", [1, 2, 3, 3, 4, 5, 6], []),
        ("nelson6", [1.5, 1.5, 0, 1.5, 1.5], [5]),
        ("nelson6", [1.5, 1.5, 1.5, 1.5, 0], []),
    ],
)
def test_patterns_that_hardly_come_by_chance_are_seen(name, values, points):
    flags = flag_rule(values, RULES[name], centre=0, sigma=1)

    assert (np.flatnonzero(flags.flagged) + 1).tolist() == points


def test_all_members_of_a_pattern_can_be_flagged():
    def members(values, rule):
        flags = flag_rule(values, rule, centre=0, sigma=1, all_members=True)
        return (np.flatnonzero(flags.flagged) + 1).tolist(), flags.side.tolist()

    assert members([5, 1, 2, 3, 0], Rule("trend", length=3)) == ([2, 3, 4], [0, 1, 1, 1, 0])
    # Where a rise turns into a fall, the top belongs to the fall.
    assert members([1, 2, 3, 2, 1], Rule("trend", length=3))[1] == [1, 1, -1, -1, -1]
    assert members([1, 9, 1, 9, 9], Rule("alternating", length=4))[0] == [1, 2, 3, 4]
    assert members([0, 2.5, 0, 2.5, 0], RULES["nelson5"])[0] == [2, 4]
    assert members([0, 0, -1, -1, 0], Rule("one_side", length=2)) == ([3, 4], [0, 0, -1, -1, 0])


def test_a_zone_rule_may_flag_before_the_window_is_full():
    early = Rule("zone", length=3, count=2, sigmas=2, full_window=False)

    assert flag_rule([2.5, 2.5, 0], RULES["we2"], centre=0, sigma=1).flagged.tolist() == [False] * 3
    assert flag_rule([2.5, 2.5, 0], early, centre=0, sigma=1).flagged.tolist() == [
        False, True, False,
    ]  # fmt: skip


def test_all_violated_rules_of_a_point_are_one_bit_mask():
    mask = violated_rules([0, 0, 4, 4], ["we1", "nelson2", "we2"], centre=0, sigma=1)

    assert mask.tolist() == [0, 0, 0b001, 0b101]


# Charts: laws that tie one to another


def test_a_prime_chart_of_equal_denominators_is_the_individuals_chart():
    value = rng.normal(10, 1, 30)
    prime = individuals.prime_chart(value * 7, np.full(30, 7))
    plain = individuals.individuals_chart(value, d2=D2_EXACT)

    assert prime.lower == pytest.approx(plain.lower, rel=1e-12)
    assert prime.upper == pytest.approx(plain.upper, rel=1e-12)


def test_a_u_chart_of_single_units_is_a_c_chart_and_np_is_p_times_n():
    counts, sizes = [3, 5, 0, 7, 4], [20, 30, 10, 40, 25]
    u, c = (
        attributes.attribute_chart("u", counts, [1] * 5),
        attributes.attribute_chart("c", counts),
    )
    p, np_chart = (attributes.attribute_chart(kind, counts, sizes) for kind in ("p", "np"))

    assert u.upper.tolist() == c.upper.tolist()
    assert np_chart.upper == pytest.approx(p.upper * sizes)
    assert np_chart.centre == pytest.approx(p.centre * sizes)


def test_laney_limits_are_the_plain_ones_times_the_spread_between_readings():
    counts, sizes = [12, 30, 9, 44, 20, 31], [100, 120, 90, 130, 110, 100]
    plain = attributes.attribute_chart("u", counts, sizes)
    laney = attributes.attribute_chart("laney_u", counts, sizes)

    expected = np.abs(np.diff(plain.z)).mean() / 1.128
    assert laney.sigma_z == pytest.approx(expected)
    assert laney.upper - laney.centre == pytest.approx((plain.upper - plain.centre) * expected)


def test_phases_have_their_own_centre_moving_ranges_and_no_range_between():
    chart = individuals.individuals_chart([1, 2, 1, 2, 101, 103, 101], split_after=[4])

    assert chart.centre.tolist() == pytest.approx([1.5] * 4 + [305 / 3] * 3)
    assert chart.sigma == pytest.approx([1 / 1.128] * 4 + [2 / 1.128] * 3)
    assert np.flatnonzero(np.isnan(chart.moving_range)).tolist() == [0, 4]


def test_frozen_limits_do_not_move_with_later_points():
    early = individuals.individuals_chart([1, 3, 2, 4])
    later = individuals.individuals_chart([1, 3, 2, 4, 50, 60], freeze=4)

    assert later.upper == pytest.approx([early.upper[0]] * 6)


def test_an_excluded_point_is_bridged_and_a_gap_is_not_unless_asked():
    bridged = individuals.individuals_chart([1, 2, 99, 4, 5], exclude=[0, 0, 1, 0, 0])
    gap = individuals.individuals_chart([1, 2, math.nan, 4, 5])
    asked = individuals.individuals_chart([1, 2, math.nan, 4, 5], bridge_gaps=True)

    # Moving ranges 1, 2, 1 over the excluded point; 1, 1 beside the gap.
    assert bridged.mean_moving_range[0] == pytest.approx(4 / 3)
    assert gap.mean_moving_range[0] == pytest.approx(1)
    assert asked.mean_moving_range[0] == pytest.approx(4 / 3)
    assert bridged.upper[2] == pytest.approx(3 + 3 * 4 / 3 / 1.128)


def test_estimators_that_differ_in_weights_alone_agree_for_equal_sizes():
    groups = subgroups.summarise_subgroups(rng.normal(size=60), np.repeat(np.arange(12), 5))

    for letter in ("R", "SD"):
        assert subgroups.sigma_within(groups, f"UWAVE-{letter}") == pytest.approx(
            subgroups.sigma_within(groups, f"MVLUE-{letter}")
        )


@pytest.mark.parametrize("method", subgroups.SIGMA_METHODS[:5])
def test_every_sigma_estimator_is_unbiased(method):
    # 40,000 subgroups of 2 to 6: the mean of the estimate has a standard error below 0.003.
    label = np.repeat(np.arange(40_000), rng.integers(2, 7, 40_000))
    readings = rng.normal(5, 2, label.size)
    size = np.bincount(label)
    first = np.concatenate([[0], np.cumsum(size)[:-1]])
    mean = np.add.reduceat(readings, first) / size
    groups = subgroups.Subgroups(
        mean=mean,
        range=np.maximum.reduceat(readings, first) - np.minimum.reduceat(readings, first),
        sd=np.sqrt(np.add.reduceat((readings - mean[label]) ** 2, first) / (size - 1)),
        size=size,
    )

    assert subgroups.sigma_within(groups, method, digits="exact") == pytest.approx(2, abs=0.015)


def test_subgroups_of_one_count_for_the_centre_and_not_for_sigma():
    groups = subgroups.summarise_subgroups([1, 3, 2, 4, 11], ["b", "b", "a", "a", "c"])
    chart = subgroups.mean_chart(groups)

    assert groups.mean.tolist() == [2, 3, 11]
    assert chart.centre[0] == pytest.approx(21 / 5)
    assert chart.sigma[0] == pytest.approx(2 / 1.128)


def test_limits_of_a_t_chart_scale_with_its_unit():
    days = rng.exponential(10, 30)
    in_days, in_hours = rare_events.t_chart(days), rare_events.t_chart(days * 24)

    assert in_hours.upper == pytest.approx(in_days.upper * 24)
    assert in_hours.centre == pytest.approx(in_days.centre * 24)


def test_a_g_chart_by_quantiles_keeps_its_promise():
    chart = rare_events.g_chart([20] * 9 + [21], limits="quantile")
    p = 1 / (20.1 + 1)

    # P(X > upper) <= 0.00135 < P(X >= upper), X geometric from 0.
    assert (1 - p) ** (chart.upper + 1) <= 0.00135 < (1 - p) ** chart.upper
    assert chart.lower == 0


def test_an_ewma_of_weight_one_and_a_moving_average_of_one_are_the_readings():
    values = rng.normal(size=20)
    ewma = weighted.ewma_chart(values, centre=0, sigma=1, weight=1)
    average = weighted.moving_average_chart(values, centre=0, sigma=1, window=1)

    assert ewma.value == pytest.approx(values)
    assert average.value == pytest.approx(values)
    assert ewma.upper.tolist() == average.upper.tolist() == [3.0] * 20


def test_a_missing_reading_leaves_the_memory_as_it_stands():
    with_gap = weighted.cusum_chart([1, 1, math.nan, 1], centre=0, sigma=1)
    without = weighted.cusum_chart([1, 1, 1], centre=0, sigma=1)

    assert with_gap.plus[[0, 1, 3]].tolist() == without.plus.tolist()
    assert np.isnan(with_gap.plus[2])


def test_short_runs_of_two_units_read_alike():
    one = rng.normal(10, 1, 12)
    chart = short_run.short_run_chart(
        np.column_stack([one, one * 1000 + 7]).ravel(), ["a", "b"] * 12
    )

    assert chart.z[::2] == pytest.approx(chart.z[1::2])


def test_t2_of_the_baseline_adds_up_and_knows_no_unit():
    values = rng.normal(size=(30, 4)) @ rng.normal(size=(4, 4))
    chart = multivariate.hotelling_chart(values)
    other = multivariate.hotelling_chart(values * [1e6, 1, 1e-6, 10] + 5)

    assert chart.t2.sum() == pytest.approx(4 * 29)
    assert other.t2 == pytest.approx(chart.t2)


def test_every_sigma_of_single_readings_is_that_of_the_process():
    values = rng.normal(20, 3, 4000)
    found = {method: individuals.individuals_chart(values, sigma_method=method).sigma[0]
             for method in ("MR", "SD", "median_MR")}  # fmt: skip

    # Standard errors by simulation: 1.3, 1.1 and 1.8 %.
    assert list(found.values()) == pytest.approx([3, 3, 3], rel=0.06)
    wild = values.copy()
    wild[::100] += 60
    shifted = values + np.where(np.arange(4000) < 2000, 0, 30)

    def sigma(readings, method):
        return individuals.individuals_chart(readings, sigma_method=method).sigma[0]

    # The median leaves wild readings alone; the standard deviation takes a shift for spread.
    assert sigma(wild, "median_MR") == pytest.approx(3, rel=0.08)
    assert sigma(wild, "MR") > 3.9
    assert sigma(shifted, "MR") == pytest.approx(3, rel=0.06)
    assert sigma(shifted, "SD") > 15


def test_each_phase_has_its_own_sigma_by_every_estimator():
    first, second = [10, 12, 11, 13, 10, 12, 11, 13], [40, 50, 45, 55, 40, 60]
    for method in ("SD", "median_MR"):
        both = individuals.individuals_chart(first + second, split_after=[8], sigma_method=method)
        for phase, at in ((first, 0), (second, 8)):
            alone = individuals.individuals_chart(phase, sigma_method=method)
            assert both.sigma[at] == alone.sigma[0]
            assert both.upper[at] == pytest.approx(alone.centre[0] + 3 * alone.sigma[0])
    still = individuals.individuals_chart([5, 5, 5, 5, 9, 5, 5, 5], sigma_method="median_MR")
    assert still.reason == "no_variation"
    with pytest.raises(ValueError, match="screened"):
        individuals.individuals_chart(first, sigma_method="SD", screen_moving_ranges=True)


def test_capability_of_one_limit_has_no_cp():
    found = capability.capability(
        [9, 10, 11, 10] * 2, sigma_within=1, is_stable=True, upper_spec=13
    )

    assert found.cpk.value == pytest.approx(1)
    assert math.isnan(found.cp.value)
    assert math.isnan(found.cp_lower.value)


def test_only_a_quiet_chart_has_a_capability():
    quiet = [10, 12, 11, 13, 10, 12, 11, 13, 12, 11]
    shifted = [*quiet, *(value + 4 for value in quiet)]
    found = capability.individuals_capability(quiet, lower_spec=5, upper_spec=18)

    assert found.sigma_within == pytest.approx(individuals.individuals_chart(quiet).sigma[0])
    assert found.cp.value == pytest.approx(13 / 6 / found.sigma_within)
    assert capability.individuals_capability(shifted, upper_spec=30).reason == "unstable_process"
    assert capability.individuals_capability([*quiet, 60], upper_spec=90).reason == (
        "unstable_process"
    )


@pytest.mark.parametrize("n", [10, 12, 20, 24, 30])
def test_too_few_crossings_are_the_lowest_twentieth_of_fair_coins(n):
    found = runs.analyse_runs([1, -1] * (n // 2), centre=0)

    def share(crossings):
        return sum(math.comb(n - 1, k) for k in range(crossings + 1)) / 2 ** (n - 1)

    assert share(found.crossings_min - 1) < 0.05 <= share(found.crossings_min)
    assert found.longest_run_max == {10: 6, 12: 7, 20: 7, 24: 8, 30: 8}[n]
    assert (found.longest_run, found.crossings, found.is_signal) == (1, n - 1, False)


def test_readings_on_the_line_neither_count_nor_end_a_run():
    found = runs.analyse_runs([1, 0, 1, math.nan, 1, -1], centre=0)

    assert (found.n_useful, found.longest_run, found.crossings) == (4, 3, 1)


# The NHS reading


def causes(values):
    return nhs.nhs_chart(values, screen_moving_ranges=False).cause.tolist()


def test_a_trend_of_seven_is_named_by_its_direction():
    # Rising through the mean, between points that keep the limits wide.
    found = causes([0, 9, 1, 8, 2, 3, 4, 5, 6, 7, 8, 1, 9, 0])

    assert found[4:11] == ["7 Point Trend (Increasing)"] * 7
    assert set(found[:4] + found[11:]) == {"Common Cause"}


def test_seven_points_on_one_side_are_all_flagged():
    found = causes([0, 9, 1, 8, 6, 7, 6, 7, 6, 7, 6, 0, 1, 0, 2, 0, 2, 1])

    assert found[3:11] == ["7 Points Above CL"] * 8


def test_a_trend_through_the_mean_means_one_thing_at_all_its_points():
    # The mean is 50: seven rising points of which three lie below it and one on it.
    rising = [50, 52, 49, 51, 50, 48, 51, *range(44, 58, 2), 51, 49, 50, 52, 48, 50, 51, 48]
    better, worse = "special_cause_improvement", "special_cause_concern"
    for values, up, down in ((rising, better, worse), (100 - np.array(rising), worse, better)):
        chart = nhs.nhs_chart(values, screen_moving_ranges=False)

        assert set(chart.side[7:14]) == {-1, 0, 1}
        for direction, meaning in (("increase", up), ("decrease", down)):
            found = nhs.point_types(chart, direction).tolist()
            assert found == ["common_cause"] * 7 + [meaning] * 7 + ["common_cause"] * 8


def test_point_types_follow_the_side_and_the_direction():
    chart = nhs.nhs_chart([5, 6, 5, 6, 5, 6, 5, 6, 30], freeze=8)

    assert chart.cause[-1] == "Above UCL"
    assert nhs.point_types(chart, "increase")[-1] == "special_cause_improvement"
    assert nhs.point_types(chart, "decrease")[-1] == "special_cause_concern"
    # The limits are 5.5 -+ 2.66.
    assert [nhs.assurance(chart, target, "increase") for target in (2, 5, 9)] == [
        "consistent_pass", "inconsistent", "consistent_fail",
    ]  # fmt: skip
    assert nhs.assurance(chart, 2, "decrease") == "consistent_fail"


# Autocorrelation


@pytest.mark.parametrize("phi", [-0.7, 0.0, 0.3, 0.9])
def test_the_first_order_model_is_the_exact_likelihood_one(phi):
    noise = np.random.default_rng(7).normal(size=120)
    values = np.empty(120)
    values[0] = noise[0]
    for at in range(1, 120):
        values[at] = phi * values[at - 1] + noise[at]
    ours = autocorrelation.fit_first_order(values + 50)
    theirs = ARIMA(values + 50, order=(1, 0, 0)).fit(method_kwargs={"pgtol": 1e-9})

    # The optimiser of the other stops at about six digits, so it may not be better than ours.
    assert ours.log_likelihood == pytest.approx(theirs.llf, abs=1e-6)
    assert ours.log_likelihood >= theirs.llf - 1e-9
    assert [ours.mean, ours.phi, ours.sigma2] == pytest.approx(theirs.params, rel=1e-3, abs=1e-4)


def test_innovations_of_the_fitted_model_have_its_variance():
    values = np.cumsum(rng.normal(size=60)) * 0.3 + rng.normal(size=60)
    model = autocorrelation.fit_first_order(values)

    assert (model.innovations**2).mean() == pytest.approx(model.sigma2)
    offset = values - model.mean
    assert model.innovations[0] == pytest.approx(offset[0] * math.sqrt(1 - model.phi**2))
    assert model.innovations[5] == pytest.approx(offset[5] - model.phi * offset[4])


def test_ljung_box_is_the_one_of_statsmodels():
    values = rng.normal(size=80)
    ours, theirs = autocorrelation.ljung_box(values, 10), acorr_ljungbox(values, lags=[10])

    assert ours.statistic == pytest.approx(theirs["lb_stat"].iloc[0])
    assert ours.p_value == pytest.approx(theirs["lb_pvalue"].iloc[0])


# Run lengths


def test_run_lengths_of_the_textbook():
    """Montgomery, tables of the CUSUM with k = 1/2 and h = 5, and of its head start of h/2."""
    assert run_length.cusum_arl(0.5, 5) == pytest.approx(465, abs=0.5)
    assert run_length.cusum_arl(0.5, 5, shift=1) == pytest.approx(10.4, abs=0.05)
    assert run_length.cusum_arl(0.5, 5, head_start=2.5) == pytest.approx(430, abs=0.5)
    assert run_length.cusum_arl(0.5, 5, shift=1, head_start=2.5) == pytest.approx(6.35, abs=0.01)
    # Lucas and Saccucci 1990, table 3.
    assert run_length.ewma_arl(0.1, 2.814) == pytest.approx(500, abs=1)
    assert run_length.ewma_arl(0.1, 2.814, shift=1) == pytest.approx(10.3, abs=0.05)


def test_an_ewma_of_weight_one_is_a_shewhart_chart():
    assert run_length.ewma_arl(1, 3) == run_length.shewhart_arl(3)
    assert run_length.ewma_arl(0.999, 3) == pytest.approx(run_length.shewhart_arl(3), rel=2e-3)


def test_limits_for_a_wanted_run_length_give_it():
    h = run_length.cusum_interval(0.25, 500)
    limit = run_length.ewma_limit(0.1, 200)

    assert run_length.cusum_arl(0.25, h) == pytest.approx(500, rel=1e-9)
    assert run_length.ewma_arl(0.1, limit) == pytest.approx(200, rel=1e-9)


def test_run_lengths_agree_with_charts_that_are_run():
    # 4,000 charts of the CUSUM that R calls k = .5, h = 4 at a shift of 1: 8.38 readings.
    readings = np.random.default_rng(3).normal(1, 1, (4000, 120))
    first = [
        np.flatnonzero(found.above | found.below)[0] + 1
        for found in (weighted.cusum_chart(row, centre=0, sigma=1, h=4) for row in readings)
    ]

    exact = run_length.cusum_arl(0.5, 4, shift=1)
    assert np.mean(first) == pytest.approx(exact, abs=4 * np.std(first) / math.sqrt(4000))


# Refusals

CONSTANT, GAPS = [5.0] * 12, [math.nan] * 12
EIGHT = [9.0, 10.0, 11.0, 10.0, 9.0, 10.0, 11.0, 10.0]
INFINITE = [1.0, 2.0, math.inf, *range(9)]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda: individuals.individuals_chart(CONSTANT), "no_variation"),
        (lambda: individuals.individuals_chart(GAPS), "no_value"),
        (lambda: individuals.individuals_chart([1.0]), "too_few_readings"),
        (lambda: individuals.individuals_chart([1, math.nan, 2]), "too_few_readings"),
        (lambda: individuals.individuals_chart(INFINITE), "infinite_value"),
        (lambda: individuals.prime_chart([1, 2], [1, 0]), "zero_denominator"),
        (lambda: individuals.prime_chart([2, 2], [1, 1]), "no_variation"),
        (lambda: attributes.attribute_chart("c", [1, -1]), "impossible_count"),
        (lambda: attributes.attribute_chart("p", [3, 1], [2, 2]), "impossible_count"),
        (lambda: attributes.attribute_chart("p", [1, 1], [2, 0]), "zero_denominator"),
        (lambda: attributes.attribute_chart("p", [0, 0], [2, 2]), "no_variation"),
        (lambda: attributes.attribute_chart("p", [2, 2], [2, 2]), "no_variation"),
        (lambda: attributes.attribute_chart("u", [1, math.inf], [2, 2]), "infinite_value"),
        (lambda: attributes.attribute_chart("laney_p", [1, 1, 1], [9, 9, 9]), "no_variation"),
        (lambda: subgroups.summarise_subgroups(GAPS, [1] * 12), "no_value"),
        (lambda: rare_events.g_chart([3, -1]), "impossible_count"),
        (lambda: rare_events.g_chart([0, 0]), "no_variation"),
        (lambda: rare_events.t_chart([3, 0]), "not_positive"),
        (lambda: weighted.ewma_chart([1, 2], centre=0, sigma=0), "no_variation"),
        (lambda: weighted.cusum_chart(GAPS, centre=0, sigma=1), "no_value"),
        (lambda: weighted.cusum_chart(INFINITE, centre=0, sigma=1), "infinite_value"),
        (lambda: short_run.short_run_chart([1, 2, 3], ["a", "a", "b"]), "too_few_readings"),
        (lambda: short_run.short_run_chart([1, 2, 3], ["a", "a", None]), "gap_in_series"),
        (lambda: short_run.short_run_chart([1, 2, 3], [1, 1, math.nan]), "gap_in_series"),
        (lambda: short_run.short_run_chart([1, 1, 3], ["a", "a", "a"]), None),
        (lambda: short_run.short_run_chart([1, 1, 1], ["a", "a", "a"]), "no_variation"),
        (lambda: multivariate.hotelling_chart(np.ones((3, 2))), "too_few_readings"),
        (lambda: multivariate.hotelling_chart(np.ones((9, 2))), "singular_covariance"),
        (
            lambda: multivariate.hotelling_chart([[x, 2 * x + 1] for x in range(9)]),
            "singular_covariance",
        ),
        (lambda: capability.capability(EIGHT, sigma_within=1, is_stable=True), "no_specification"),
        (lambda: capability.individuals_capability(EIGHT[:2], upper_spec=9), "too_few_readings"),
        (lambda: capability.individuals_capability(EIGHT[:7], upper_spec=9), "too_few_readings"),
        (lambda: capability.individuals_capability(EIGHT, upper_spec=9), None),
        (
            lambda: capability.capability(CONSTANT, sigma_within=1, is_stable=True, upper_spec=9),
            "no_variation",
        ),
        (
            lambda: capability.capability(EIGHT, sigma_within=1, is_stable=False, upper_spec=9),
            "unstable_process",
        ),
        (lambda: runs.analyse_runs(CONSTANT), "too_few_readings"),
        (lambda: nhs.nhs_chart(CONSTANT), "no_variation"),
        (lambda: autocorrelation.fit_first_order(CONSTANT), "no_variation"),
        (lambda: autocorrelation.fit_first_order([1, 2, 3]), "too_few_readings"),
        (
            lambda: autocorrelation.fit_first_order([1, 2, math.nan, *range(9)]),
            "gap_in_series",
        ),
    ],
)
def test_data_that_cannot_be_charted_are_refused_by_name(answer, reason):
    found = answer()

    assert (found.reason if isinstance(found, Refusal) else None) == reason


def test_later_readings_move_neither_model_nor_lines_of_a_residual_chart():
    values = np.cumsum(rng.normal(size=40)) / 3
    short = autocorrelation.residual_chart(values[:30])
    long = autocorrelation.residual_chart(values, freeze=30)
    gap = autocorrelation.residual_chart(np.append(values[:35], [math.nan, 1, 2]), freeze=30)

    assert (long.model.phi, long.model.mean) == (short.model.phi, short.model.mean)
    assert long.value[:30] == pytest.approx(short.model.innovations)
    assert long.chart.upper[-1] == pytest.approx(short.chart.upper[0])
    expected = values[35] - long.model.mean - long.model.phi * (values[34] - long.model.mean)
    assert long.value[35] == pytest.approx(expected)
    assert np.flatnonzero(np.isnan(gap.value)).tolist() == [35, 36]


def test_degrees_of_freedom_are_those_of_the_tables():
    tens = subgroups.Subgroups(*(np.ones(10) for _ in range(3)), np.full(10, 5))

    # Duncan, table D3: ten ranges of five have 36.5.
    assert subgroups.freedom_within(tens, "UWAVE-R") == pytest.approx(36.5, rel=0.01)
    assert subgroups.freedom_within(tens, "UWAVE-R") == pytest.approx(
        subgroups.freedom_within(tens, "MVLUE-R")
    )
    assert subgroups.freedom_within(tens, "RMSDF") == 40
    assert subgroups.freedom_within(tens, "MVLUE-SD") == pytest.approx(40, rel=0.06)


def test_pooled_subgroups_are_the_readings_taken_together():
    values, label = rng.normal(size=50), rng.integers(0, 12, 50)
    total = subgroups.pool(subgroups.summarise_subgroups(values, label))

    assert total.n == 50
    assert (total.centre, total.sd) == pytest.approx((values.mean(), values.std(ddof=1)))


def test_frozen_lines_of_spread_do_not_move_with_later_subgroups():
    values = rng.normal(size=(30, 5))
    values[20:] *= 5
    every = subgroups.summarise_subgroups(values.ravel(), np.repeat(np.arange(30), 5))
    for draw in (subgroups.sd_chart, subgroups.range_chart):
        frozen, early = draw(every, baseline_subgroups=20), draw(every.first(20))

        assert frozen.upper == pytest.approx(early.upper[0])
        assert frozen.centre == pytest.approx(early.centre[0])


def test_fewer_degrees_of_freedom_widen_the_intervals_of_sigma_within_alone():
    arguments = {"sigma_within": 1.0, "is_stable": True, "lower_spec": 7, "upper_spec": 14}
    few, all_ = (
        capability.capability([9, 10, 11, 10], **arguments, **more)
        for more in ({"freedom_within": 1.5}, {})
    )

    for name in ("cp", "cpk", "cpm"):
        assert getattr(few, name).high > getattr(all_, name).high, name
        assert getattr(few, name).value == getattr(all_, name).value, name
    assert (few.pp, few.ppk) == (all_.pp, all_.ppk)
    # Of n = 4: chi-square of 3 degrees of freedom, 0.2158 and 9.3484 (NIST tables).
    assert all_.pp.low == pytest.approx(all_.pp.value * math.sqrt(0.2158 / 3), rel=1e-3)
    assert all_.pp.high == pytest.approx(all_.pp.value * math.sqrt(9.3484 / 3), rel=1e-3)
