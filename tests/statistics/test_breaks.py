"""Breaks in level: R's figures on the Nile, brute force, laws, planted truth, refusals."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.statistics.experiments import breaks
from orchestration.statistics.refusal import Refusal

# datasets::Nile: yearly flow at Aswan in 1e8 m3, 1871 to 1970; the dam was begun in 1898.
NILE = np.array([
    1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960,
    1180, 799, 958, 1140, 1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694,
    940, 833, 701, 916, 692, 1020, 1050, 969, 831, 726, 456, 824, 702, 1120, 1100, 832, 764,
    821, 768, 845, 864, 862, 698, 845, 744, 796, 1040, 759, 781, 865, 845, 944, 984, 897, 822,
    1010, 771, 676, 649, 846, 812, 742, 801, 1040, 860, 874, 848, 890, 744, 749, 838, 1050,
    918, 986, 797, 923, 975, 815, 1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740,
])  # fmt: skip


def test_breaks_of_the_nile_are_those_of_strucchange():
    found = breaks.find_breaks(NILE)

    # R 4.2, strucchange 1.5-3, breakpoints(Nile ~ 1) and its confint.
    assert found.last.tolist() == [28]
    assert (found.low.tolist(), found.high.tolist()) == ([25], [32])
    assert found.bic == pytest.approx(
        [1318.24180688, 1270.08373574, 1276.46670076, 1284.71766745, 1291.94447689, 1310.76515477],
        abs=1e-8,
    )
    assert found.mean == pytest.approx([1097.75, 849.972222222], abs=1e-9)


def test_two_breaks_of_the_nile_have_intervals_beyond_its_end():
    found = breaks.find_breaks(NILE, breaks=2)

    # R: 25 28 31 and 33 83 130, with a warning.
    assert found.last.tolist() == [28, 83]
    assert found.low.tolist() == [25, 33]
    assert found.high.tolist() == [31, 130]


def test_tests_on_the_nile_are_those_of_strucchange():
    f, cusum = breaks.sup_f(NILE), breaks.ols_cusum(NILE)

    assert (f.statistic, f.last) == (pytest.approx(75.9297694275, abs=1e-9), 28)
    assert f.p_value < 3e-16
    assert cusum.statistic == pytest.approx(2.95176610266, abs=1e-11)
    assert cusum.p_value == pytest.approx(5.40855346065e-08, rel=1e-8)


def test_p_values_near_the_level_are_those_of_strucchange():
    # R 4.2: rnorm(60) of seed 3, three digits, 0.5 added from 41 on, read back from its print.
    f = breaks.sup_f(WEAK)
    skewed = breaks.sup_f(WEAK, first=0.2, final=0.7)
    cusum = breaks.ols_cusum(WEAK)

    assert (f.statistic, f.p_value) == pytest.approx((8.2117981537233, 0.0599057610947), abs=1e-12)
    assert skewed.p_value == pytest.approx(0.0421268048956, abs=1e-12)
    assert (cusum.statistic, cusum.p_value) == pytest.approx(
        (1.3404552798079, 0.0549949274379), abs=1e-12
    )
    forced = breaks.find_breaks(WEAK, breaks=1)
    assert (forced.low[0], forced.last[0], forced.high[0]) == (2, 26, 40)
    assert breaks.find_breaks(WEAK).last.size == 0


def test_no_partition_is_better_than_the_one_found():
    y = np.random.default_rng(4).normal(size=14).cumsum()
    found = breaks.find_breaks(y, breaks=3, smallest=2)

    def squares(last):
        return sum(((part - part.mean()) ** 2).sum() for part in np.split(y, last))

    tried = [
        squares(last) for last in combinations(range(1, 14), 3) if min(np.diff([0, *last, 14])) >= 2
    ]
    assert squares(found.last) == pytest.approx(min(tried), rel=1e-12)
    assert found.rss[3] == pytest.approx(min(tried), rel=1e-12)


def test_largest_f_and_the_single_break_agree():
    found = breaks.find_breaks(NILE, breaks=1)

    assert breaks.sup_f(NILE).last == found.last[0]
    # F = (RSS0 - RSS1) / (RSS1 / (n - 2)).
    assert breaks.sup_f(NILE).statistic == pytest.approx(
        (found.rss[0] - found.rss[1]) / (found.rss[1] / 98), rel=1e-12
    )


@settings(max_examples=25)
@given(st.floats(-1e3, 1e3), st.floats(0.01, 100))
def test_shift_and_scale_move_no_break_and_reversal_mirrors_it(shift, scale):
    found = breaks.find_breaks(scale * (NILE + shift), breaks=1)
    mirrored = breaks.find_breaks(NILE[::-1], breaks=1)

    assert found.last.tolist() == [28]
    assert (found.low[0], found.high[0]) == (25, 32)
    assert mirrored.last.tolist() == [72]
    assert (mirrored.low[0], mirrored.high[0]) == (100 - 32, 100 - 25)
    assert breaks.sup_f(scale * (NILE + shift)).statistic == pytest.approx(75.92976942748, rel=1e-8)


def test_bai_distribution_is_symmetric_for_equal_variances_and_reaches_from_0_to_1():
    at = np.array([-200, -5.0, -1, 1, 5, 200])
    found = np.array([breaks._argmax_distribution(x, 1.0) for x in at])

    assert found + found[::-1] == pytest.approx(np.ones(6), abs=1e-12)
    assert breaks._argmax_distribution(0.0, 1.0) == pytest.approx(0.5)
    assert found[-1] == pytest.approx(1, abs=1e-9)
    # Bai (1997), symmetric case: half the 95 % interval is 11.03 (he prints 11).
    assert breaks._argmax_distribution(11.03, 1.0) == pytest.approx(0.975, abs=1e-3)


def test_proposals_come_where_a_level_shifted_and_seldom_where_none_did():
    rng = np.random.default_rng(2)
    after = np.arange(48) >= 30
    shifted = [breaks.propose_rebase(rng.normal(size=48) + 2 * after) for _ in range(100)]
    steady = [breaks.propose_rebase(rng.normal(size=48)) for _ in range(200)]

    assert all(one is not None and one.is_supported for one in shifted)
    assert np.mean([one.low <= 31 <= one.high for one in shifted]) > 0.85
    assert np.mean([one is not None and one.is_supported for one in steady]) < 0.08


def test_a_series_that_wanders_weighs_less_than_one_that_breaks():
    wandering = np.random.default_rng(6).normal(size=60)
    for at in range(1, 60):
        wandering[at] += 0.8 * wandering[at - 1]
    found = breaks.propose_rebase(wandering)

    assert found.p_value > breaks.sup_f(wandering).p_value
    assert found.autocorrelation > 0.2


@pytest.mark.parametrize("answer", [breaks.find_breaks, breaks.sup_f, breaks.ols_cusum])
@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([1.0, 2, 3], "too_few_readings"),
        ([5.0] * 30, "no_variation"),
        ([1.0, np.inf] * 15, "infinite_value"),
        ([1.0, np.nan, 2] * 10, "gap_in_series"),
        ([np.nan] * 30, "no_value"),
    ],
)
def test_series_that_say_nothing_are_refused_by_name(answer, values, reason):
    found = answer(values)

    assert isinstance(found, Refusal)
    assert found.reason == reason


def test_levels_without_noise_break_without_an_interval():
    found = breaks.find_breaks([1.0] * 15 + [2.0] * 15, breaks=1)

    assert found.last.tolist() == [15]
    assert np.isnan(found.low).all()


def test_more_breaks_than_fit_are_an_error_of_the_call():
    with pytest.raises(ValueError, match="9 breaks do not fit"):
        breaks.find_breaks(NILE, breaks=9)


WEAK = np.array([
    -0.962, -0.293, 0.259, -1.152, 0.196, 0.03, 0.085, 1.117, -1.219, 1.267, -0.745, -1.131,
    -0.716, 0.253, 0.152, -0.308, -0.953, -0.648, 1.224, 0.2, -0.578, -0.942, -0.204, -1.666,
    -0.484, -0.741, 1.161, 1.012, -0.072, -1.137, 0.901, 0.852, 0.728, 0.737, -0.352, 0.706,
    1.3, 0.038, -0.979, 0.794, 1.287, 0.19, 2.199, -0.295, 0.848, -1.765, 0.338, 1.631, 0.044,
    -0.399, 1.227, -0.309, 0.767, -1.237, -0.911, 0.046, -0.535, 1.862, 1.417, -0.285,
])  # fmt: skip
