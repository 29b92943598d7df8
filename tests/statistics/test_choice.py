"""Which chart the data ask for: by hand, and by data of known kind."""

import numpy as np
import pytest
from scipy.stats import chi2

from orchestration.statistics.spc.choice import check_choice


def check(declared, counts, sizes, values=None):
    counts, sizes = np.asarray(counts, float), np.asarray(sizes, float)
    values = counts / sizes if values is None else values
    return check_choice([declared], values, counts, sizes, series_start=[0])


def drawn(seed, n=24):
    return np.random.default_rng(seed), np.full(n, 400)


def test_the_dispersion_is_the_mean_squared_distance_in_binomial_sigma():
    # p = 0.1, n = 100: sigma of a count is 3; distances 1, -1, 2, -2 in it.
    found = check("p", [13, 7, 16, 4], [100] * 4)

    assert found.dispersion[0] == pytest.approx((1 + 1 + 4 + 4) / 3)
    assert found.dispersion_low[0] == pytest.approx(10 / chi2.ppf(0.975, 3))
    assert found.dispersion_high[0] == pytest.approx(10 / chi2.ppf(0.025, 3))
    assert found.expected_count[0] == pytest.approx(10)
    assert found.autocorrelation[0] == pytest.approx((-1 - 2 - 4) / 10)
    assert found.reason.tolist() == ["too_few_readings"]


def test_binomial_counts_fit_a_p_chart():
    rng, sizes = drawn(1)
    found = check("p", rng.binomial(sizes, 0.1), sizes)

    assert (found.advised[0], found.reason[0]) == ("p", "fits")
    assert found.dispersion_low[0] < 1 < found.dispersion_high[0]


@pytest.mark.parametrize(("declared", "advised"), [("p", "laney_p"), ("u", "laney_u")])
def test_counts_whose_rate_moves_ask_for_the_laney_chart(declared, advised):
    rng, sizes = drawn(2)
    rate = rng.uniform(0.02, 0.3, sizes.size)
    found = check(declared, rng.binomial(sizes, rate), sizes)

    assert (found.advised[0], found.reason[0]) == (advised, "overdispersed")


def test_counts_that_hardly_differ_are_no_independent_trials():
    _, sizes = drawn(3)
    found = check("p", np.tile([40, 41], 12), sizes)

    assert (found.advised[0], found.reason[0]) == ("laney_p", "underdispersed")


@pytest.mark.parametrize("declared", ["p", "u"])
def test_events_of_fewer_than_one_a_reading_ask_for_times_between(declared):
    _, sizes = drawn(4)
    found = check(declared, np.tile([0, 1, 0], 8), sizes)

    assert found.expected_count[0] == pytest.approx(1 / 3)
    assert (found.advised[0], found.reason[0]) == ("g_or_t", "rare_events")


def test_a_proportion_near_one_is_as_rare_as_one_near_nil():
    _, sizes = drawn(5)
    found = check("laney_p", sizes - np.tile([0, 1, 0], 8), sizes)

    assert found.reason[0] == "rare_events"


def test_independent_readings_fit_an_individuals_chart():
    values = np.random.default_rng(6).normal(size=30)
    found = check("i_mr", values, np.ones(30), values)

    assert (found.advised[0], found.reason[0]) == ("i_mr", "fits")
    assert np.isnan(found.dispersion[0])


def test_a_series_that_wanders_asks_for_a_chart_of_residuals_beside():
    values = np.random.default_rng(7).normal(size=40).cumsum()
    found = check("i_mr", values, np.ones(40), values)

    assert (found.advised[0], found.reason[0]) == ("i_mr_with_residuals", "autocorrelated")


def test_a_series_of_zeros_with_a_few_others_asks_for_times_between():
    values = np.tile([0.0, 0.0, 5.0], 10)
    found = check("i_mr", values, np.ones(30), values)

    assert found.zero_share[0] == pytest.approx(2 / 3)
    assert (found.advised[0], found.reason[0]) == ("g_or_t", "mostly_zero")


def test_series_do_not_touch_each_other_and_missing_readings_do_not_count():
    rng, sizes = drawn(8)
    counts = rng.binomial(sizes, 0.1).astype(float)
    alone = check("p", counts, sizes)
    counts_two = np.concatenate([[np.nan], counts, [7.0, np.nan]])
    sizes_two = np.concatenate([[400], sizes, [10, 10]]).astype(float)
    both = check_choice(
        ["p", "u"], counts_two / sizes_two, counts_two, sizes_two, series_start=[0, 25]
    )

    assert both.n.tolist() == [24, 1]
    assert both.dispersion[0] == pytest.approx(alone.dispersion[0], rel=1e-12)
    assert both.reason.tolist()[1] == "too_few_readings"


def test_figures_do_not_depend_on_the_unit_of_exposure():
    rng, sizes = drawn(9)
    counts = rng.poisson(8, sizes.size)
    hours, days = check("u", counts, sizes), check("u", counts, sizes / 24)

    assert hours.dispersion[0] == pytest.approx(days.dispersion[0], rel=1e-12)
    assert hours.reason.tolist() == days.reason.tolist()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((["p"], [1.0, 2], [1.0], [1.0]), "differ in shape"),
        ((["p", "u"], [1.0], [1.0], [2.0]), "2 charts are declared for 1 series"),
    ],
)
def test_a_wrong_call_is_told_in_one_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        check_choice(*arguments, series_start=[0])
