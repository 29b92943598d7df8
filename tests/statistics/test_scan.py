"""Many charts in one pass: the same as one after the other, and as the same rules in SQL."""

import math

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.statistics.spc import charts, flat, weighted
from orchestration.statistics.spc.attributes import attribute_chart
from orchestration.statistics.spc.individuals import individuals_chart
from orchestration.statistics.spc.patterns import Rule
from orchestration.statistics.spc.rules import RULES, flag_rule, violated_rules
from orchestration.statistics.spc.scan import NELSON, scan_cusum, scan_ewma, scan_series
from tests.benchmarks.charts import apply_sql, found_by_sql

# On lines, beyond them, in every zone, tied, missing.
LEVELS = [-3.5, -3.0, -2.5, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]


def ragged(seed, n_series, shares):
    """Series of 1 to 60 readings in units of sigma, some of them gaps."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 61, n_series)
    values = rng.choice([*LEVELS, np.nan], size=lengths.sum(), p=shares)
    return values, np.concatenate([[0], np.cumsum(lengths)[:-1]])


def often(levels):
    """Return probabilities by which some levels come ten times as often."""
    weight = np.array([10.0 if level in levels else 1.0 for level in LEVELS] + [1.0])
    return weight / weight.sum()


@pytest.mark.parametrize(
    ("seed", "levels"),
    [(1, LEVELS), (2, [0.5, 1.0]), (3, [-1.5, 1.5, 2.0]), (4, [-0.5, 0.5, -1.0]), (5, [2.5])],
)
def test_the_kernel_and_the_sql_model_flag_the_same_points(seed, levels):
    values, start = ragged(seed, 300, often(levels))
    owner = np.repeat(np.arange(start.size), np.diff(start, append=values.size))
    points = {
        "series_id": owner,
        "position": np.arange(values.size) - start[owner] + 1,
        "value": pa.array(values, from_pandas=True),
        "centre": np.full(values.size, 0.0),
        "sigma": np.full(values.size, 1.0),
    }
    with duckdb.connect() as con:
        con.register("arrow_points", pa.table(points))
        con.execute("create table points as select * from arrow_points")
        apply_sql(con)
        in_sql = found_by_sql(con)

    ours = violated_rules(values, NELSON, centre=0, sigma=1, series_start=start)

    assert ours.tolist() == in_sql.tolist()
    assert np.count_nonzero(ours) > 50


def test_all_rules_were_broken_somewhere_in_that_comparison():
    broken = 0
    for seed, levels in [(1, LEVELS), (2, [0.5, 1.0]), (3, [-1.5, 1.5, 2.0]), (4, [-0.5, 0.5])]:
        values, start = ragged(seed, 300, often(levels))
        mask = violated_rules(values, NELSON, centre=0, sigma=1, series_start=start)
        broken |= int(np.bitwise_or.reduce(mask))
    # A trend of six among few levels is rare, and has its reference case.
    assert broken | 4 == 255


def test_blocks_change_nothing():
    values, start = ragged(6, 200, often(LEVELS))
    whole = scan_series("i_mr", values, series_start=start)
    small = [(series, here) for series, here in flat.blocks(start, values.size, size=50)]
    parts = [
        scan_series("i_mr", values[here], series_start=start[series] - here.start)
        for series, here in small
    ]

    assert len(small) > 50
    for name in ("centre", "sigma", "violated"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        assert np.array_equal(joined, getattr(whole, name), equal_nan=joined.dtype.kind == "f")


@settings(max_examples=50)
@given(st.lists(st.integers(1, 40), max_size=20), st.integers(1, 60))
def test_blocks_are_whole_series_and_leave_none_out(lengths, size):
    start = np.concatenate([[0], np.cumsum(lengths)[:-1]]) if lengths else np.array([0])
    n = sum(lengths)
    cut = list(flat.blocks(start, n, size=size))

    assert [i for series, _ in cut for i in range(*series.indices(start.size))] == list(
        range(start.size)
    )
    assert [i for _, here in cut for i in range(*here.indices(n))] == list(range(n))
    assert all(here.stop - here.start <= size or s.stop - s.start == 1 for s, here in cut)


def test_a_scan_is_the_i_mr_chart_of_each_series():
    rng = np.random.default_rng(7)
    series = [rng.normal(rng.normal(), 1, n) for n in (12, 30, 25)]
    start = [0, 12, 42]
    scan = scan_series("i_mr", np.concatenate(series), series_start=start, rules=["nelson1"])

    for number, values in enumerate(series):
        chart = individuals_chart(values)
        beyond = (values > chart.upper) | (values < chart.lower)
        first = start[number]
        assert scan.centre[number] == pytest.approx(chart.centre[0], rel=1e-12)
        assert scan.sigma[number] == pytest.approx(chart.sigma[0], rel=1e-12)
        assert scan.violated[first : first + values.size].tolist() == beyond.astype(int).tolist()


@pytest.mark.parametrize("kind", ["p", "np", "u", "c", "laney_p", "laney_u"])
def test_a_scan_of_counts_is_the_chart_of_each_series(kind):
    rng = np.random.default_rng(8)
    sizes = rng.integers(200, 900, 75).astype(float)
    counts = rng.binomial(sizes.astype(int), 0.1).astype(float)
    counts[[5, 40]] += 60
    start = [0, 15, 45]
    scan = scan_series(
        kind, counts, None if kind == "c" else sizes, series_start=start, rules=["nelson1"]
    )

    for number, (first, end) in enumerate(zip(start, [15, 45, 75], strict=True)):
        here = slice(first, end)
        chart = attribute_chart(kind, counts[here], None if kind == "c" else sizes[here])
        size = np.ones(end - first) if kind == "c" else sizes[here]
        unit = size if kind == "np" else 1.0
        assert chart.centre / unit == pytest.approx(scan.centre[number], rel=1e-12)
        assert chart.sigma / unit == pytest.approx(scan.sigma[number] / np.sqrt(size), rel=1e-12)
        beyond = (chart.value > chart.upper) | (chart.value < chart.lower)
        assert scan.violated[here].tolist() == beyond.astype(int).tolist()


def test_a_series_that_cannot_be_charted_stops_no_other():
    values = [1.0, 1.0, 1.0, np.nan, np.nan, 10, 12, 11, 13]
    scan = scan_series("i_mr", values, series_start=[0, 3, 5])

    assert scan.sigma.tolist()[0] == 0
    assert np.isnan(scan.sigma[1])
    assert scan.sigma[2] > 0
    assert not scan.violated.any()


def test_a_baseline_sets_the_lines_of_its_series_alone():
    values = np.array([10, 12, 11, 13, 90, 5, 6, 5, 6.0])
    baseline = np.array([True] * 4 + [False] + [True] * 4)
    scan = scan_series("i_mr", values, series_start=[0, 5], baseline=baseline)

    assert scan.centre.tolist() == [11.5, 5.5]
    assert scan.violated.tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("x", [1.0], None), "unknown chart x"),
        (("p", [1.0], None), "needs sizes"),
        (("c", [1.0], [1.0]), "takes no sizes"),
        (("u", [1.0, 2.0], [1.0]), "differ in shape"),
    ],
)
def test_a_wrong_call_is_told_in_one_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        scan_series(*arguments, series_start=[0])


@pytest.mark.parametrize("name", list(RULES))
@pytest.mark.parametrize("all_members", [False, True])
def test_a_rule_knows_no_unit_and_no_neighbour(name, all_members):
    values, start = ragged(9, 60, often([0.5, -0.5, 1.5, -1.5]))
    flags = flag_rule(
        values, RULES[name], centre=0, sigma=1, series_start=start, all_members=all_members
    )
    scaled = flag_rule(
        8 * values + 100,
        RULES[name],
        centre=100,
        sigma=8,
        series_start=start,
        all_members=all_members,
    )
    alone = [
        flag_rule(part, RULES[name], centre=0, sigma=1, all_members=all_members).side
        for part in np.split(values, start[1:])
    ]

    assert scaled.side.tolist() == flags.side.tolist()
    assert np.concatenate(alone).tolist() == flags.side.tolist()
    if not all_members:
        mask = violated_rules(values, [name], centre=0, sigma=1, series_start=start)
        assert mask.astype(bool).tolist() == flags.flagged.tolist()


def test_individuals_limits_agree_with_the_scan_to_the_last_digit():
    values, start = ragged(10, 40, often(LEVELS))
    scan = scan_series("i_mr", values, series_start=start)
    limits = charts.individuals_limits(values, series_start=start)

    assert np.array_equal(limits.centre[start], scan.centre, equal_nan=True)
    assert np.array_equal(limits.sigma[start], scan.sigma, equal_nan=True)


def test_memories_are_those_of_each_series_alone():
    values, start = ragged(11, 60, often(LEVELS))
    centre = np.linspace(-0.5, 0.5, 60)
    sigma = np.linspace(0.5, 1.5, 60)
    lines = {"centre": centre, "sigma": sigma, "series_start": start}
    ewma = scan_ewma(values, weight=0.3, limit_sigmas=2.5, **lines)
    cusum = scan_cusum(values, k=0.25, h=3, head_start=1.5, **lines)

    compared = 0
    for number, part in enumerate(np.split(values, start[1:])):
        here = slice(start[number], start[number] + part.size)
        if not np.isfinite(part).any():
            continue
        one = {"centre": centre[number], "sigma": sigma[number]}
        average = weighted.ewma_chart(part, weight=0.3, limit_sigmas=2.5, **one)
        sums = weighted.cusum_chart(part, k=0.25, h=3, head_start=1.5, **one)
        assert ewma.above[here] * one["sigma"] + one["centre"] == pytest.approx(
            average.value, abs=1e-9, nan_ok=True
        )
        assert (ewma.side[here] != 0).tolist() == average.beyond.tolist()
        assert cusum.above[here] == pytest.approx(sums.plus, abs=1e-9, nan_ok=True)
        assert cusum.below[here] == pytest.approx(sums.minus, abs=1e-9, nan_ok=True)
        assert (cusum.side[here] != 0).tolist() == (sums.above | sums.below).tolist()
        compared += int(np.count_nonzero(cusum.side[here]) > 0)
    assert compared > 20


def test_a_memory_of_a_series_without_spread_says_nothing():
    lines = {"centre": [1.0, 0.0], "sigma": [0.0, 1.0], "series_start": [0, 2]}
    ewma = scan_ewma([1, 1, 9.0], **lines)
    cusum = scan_cusum([1, 1, -9.0], **lines)

    assert np.isnan(ewma.above[:2]).all()
    assert ewma.side.tolist() == [0, 0, 1]
    assert cusum.side.tolist() == [0, 0, -1]
    with pytest.raises(ValueError, match="one figure for each of the 2 series"):
        scan_cusum([1, 1, 2.0], centre=[0.0], sigma=[1.0], series_start=[0, 2])
    with pytest.raises(ValueError, match="the weight must lie in"):
        scan_ewma([1.0], centre=[0.0], sigma=[1.0], series_start=[0], weight=0)


def runs(values, rule):
    return np.flatnonzero(flag_rule(values, rule, centre=0, sigma=1).flagged).tolist()


def test_a_point_on_the_centre_ends_is_skipped_or_carried_as_declared():
    values = [1, 1, 0, 1, 1, 1]

    assert runs(values, Rule("one_side", length=4)) == []
    assert runs(values, Rule("one_side", length=4, ties="skip")) == [4, 5]
    assert runs(values, Rule("one_side", length=4, ties="carry")) == [3, 4, 5]


def test_a_tie_ends_a_trend_is_skipped_or_counts_as_declared():
    values = [1, 2, 3, 3, 4, 5]

    assert runs(values, Rule("trend", length=4)) == []
    assert runs(values, Rule("trend", length=4, ties="skip")) == [4, 5]
    assert runs(values, Rule("trend", length=4, ties="carry")) == [3, 4, 5]


def test_rules_seven_and_eight_ask_for_both_sides_only_where_declared():
    above = [1.5] * 4
    inside = [0.5] * 4

    assert runs(above, Rule("outside", length=4, sigmas=1)) == [3]
    assert runs(above, Rule("outside_both_sides", length=4, sigmas=1)) == []
    assert runs(inside, Rule("within", length=4, sigmas=1)) == [3]
    assert runs(inside, Rule("within_both_sides", length=4, sigmas=1)) == []
    assert runs([0.5, -0.5, 0.5, 0], Rule("within_both_sides", length=4, sigmas=1)) == [3]


def test_an_unknown_handling_of_ties_is_refused():
    with pytest.raises(ValueError, match="unknown handling of ties"):
        runs([1.0], Rule("one_side", length=4, ties="break"))


whole_numbers = st.lists(
    st.lists(st.integers(-6, 6) | st.just(math.nan), min_size=2, max_size=25),
    min_size=1,
    max_size=6,
)


def scanned(several):
    flat_values = np.concatenate([np.asarray(one, dtype=float) for one in several])
    start = np.cumsum([0] + [len(one) for one in several[:-1]])
    return scan_series("i_mr", flat_values, series_start=start), start


@settings(max_examples=50)
@given(whole_numbers, st.integers(-8, 8))
def test_a_scan_knows_no_unit(several, power):
    # Powers of two, so that no digit is lost.
    plain, _ = scanned(several)
    scaled, _ = scanned([[value * 2.0**power for value in one] for one in several])

    assert scaled.violated.tolist() == plain.violated.tolist()
    assert np.array_equal(scaled.centre, plain.centre * 2.0**power, equal_nan=True)
    assert np.array_equal(scaled.sigma, plain.sigma * 2.0**power, equal_nan=True)


@settings(max_examples=50)
@given(whole_numbers, st.integers(-8, 8))
def test_a_scan_shifts_with_its_readings(several, power):
    plain, _ = scanned(several)
    shifted, _ = scanned([[value + 2.0**power for value in one] for one in several])

    assert shifted.centre == pytest.approx(plain.centre + 2.0**power, nan_ok=True)
    assert shifted.sigma == pytest.approx(plain.sigma, nan_ok=True)


@settings(max_examples=50)
@given(whole_numbers, st.randoms(use_true_random=False))
def test_the_order_of_series_does_not_matter(several, random):
    order = list(range(len(several)))
    random.shuffle(order)
    plain, start = scanned(several)
    shuffled, _ = scanned([several[number] for number in order])
    parts = np.split(plain.violated, start[1:])

    assert np.array_equal(shuffled.centre, plain.centre[order], equal_nan=True)
    assert np.array_equal(shuffled.sigma, plain.sigma[order], equal_nan=True)
    assert shuffled.violated.tolist() == np.concatenate([parts[n] for n in order]).tolist()


@settings(max_examples=50)
@given(st.lists(st.integers(-6, 6), min_size=2, max_size=25))
def test_a_mirrored_series_breaks_the_same_rules(values):
    plain, _ = scanned([values])
    mirrored, _ = scanned([[-value for value in values]])

    assert mirrored.violated.tolist() == plain.violated.tolist()
