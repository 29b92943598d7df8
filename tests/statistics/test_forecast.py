"""Forecasts, their backtests and the odds drawn from them: R's figures, oracles, laws, truth."""

import math
import warnings

import numpy as np
import pytest
from scipy.stats import linregress, norm
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from orchestration.statistics.prediction import forecast, odds, simple, smoothing
from orchestration.statistics.prediction.signs import signs
from orchestration.statistics.refusal import Refusal

# datasets::USAccDeaths: accidental deaths in the USA, monthly, 1973 to 1978.
DEATHS = np.array([
    9007.0, 8106, 8928, 9137, 10017, 10826, 11317, 10744, 9713, 9938, 9161, 8927, 7750, 6981,
    8038, 8422, 8714, 9512, 10120, 9823, 8743, 9129, 8710, 8680, 8162, 7306, 8124, 7870, 9387,
    9556, 10093, 9620, 8285, 8466, 8160, 8034, 7717, 7461, 7767, 7925, 8623, 8945, 10078, 9179,
    8037, 8488, 7874, 8647, 7792, 6957, 7726, 8106, 8890, 9299, 10625, 9302, 8314, 8850, 8265,
    8796, 7836, 6892, 7791, 8192, 9115, 9434, 10484, 9827, 9110, 9070, 8633, 9240,
])  # fmt: skip

QUARTERS = np.array([12.0, 15, 11, 18, 14, 17, 13, 21, 16, 19, 15, 24])


def walk(seed, n=60, drift=0.0):
    return np.cumsum(np.random.default_rng(seed).normal(drift, 1, n))


@pytest.mark.parametrize(
    ("method", "mean", "low95", "high80"),
    [
        # R 4.2, forecast 8.20: naive, snaive, rwf(drift = TRUE), meanf; first and fifth quarter.
        ("naive", (24, 24), (13.5952273433, 0.7342210492), (30.8033151591, 39.2126751681)),
        ("seasonal_naive", (16, 16), (11.5091583407, 9.6489908190), (18.9364035280, 20.1527016940)),
        (
            "drift",
            (25.0909090909, 29.4545454545),
            (13.9363060644, 0.6534842845),
            (32.3845119756, 48.2865471255),
        ),
        ("mean", (16.25, 16.25), (7.5609222308, 7.5609222308), (21.6325678978, 21.6325678978)),
    ],
)
def test_simple_methods_are_those_of_r(method, mean, low95, high80):
    found = forecast.forecast(QUARTERS, method, 5, period=4)

    assert found.mean[[0, 4]] == pytest.approx(mean, abs=1e-9)
    assert found.interval(0.95)[0][[0, 4]] == pytest.approx(low95, abs=1e-9)
    assert found.interval(0.80)[1][[0, 4]] == pytest.approx(high80, abs=1e-9)


def test_simple_exponential_smoothing_of_the_accidents_has_the_likelihood_of_r():
    # R 4.2, forecast 8.20, ets(USAccDeaths, "ANA"): its search stops at -555.072335.
    found = smoothing.fit_smoothing(DEATHS, "ANA", period=12)

    assert found.concentrated_log_likelihood >= -555.072335
    # 14 parameters and the variance: aicc = -2 logLik + 2 k n / (n - k - 1).
    assert found.aicc == pytest.approx(
        -2 * found.concentrated_log_likelihood + 2 * 15 * 72 / (72 - 16)
    )


@pytest.mark.parametrize(
    ("model", "error", "trend", "season", "damped"),
    [
        ("ANN", "add", None, None, False),
        ("AAN", "add", "add", None, False),
        ("ANA", "add", None, "add", False),
        ("AAdA", "add", "add", "add", True),
        ("MNM", "mul", None, "mul", False),
        ("MAM", "mul", "add", "mul", False),
        ("MMM", "mul", "mul", "mul", False),
        ("MAA", "mul", "add", "add", False),
        ("AAM", "add", "add", "mul", False),
    ],
)
def test_no_likelihood_lies_below_the_better_of_two_searches_of_statsmodels(
    model, error, trend, season, damped
):
    ours = smoothing.fit_smoothing(DEATHS, model, period=12)
    theirs = []
    for states in ("estimated", "heuristic"):
        other = ETSModel(
            DEATHS,
            error=error,
            trend=trend,
            seasonal=season,
            damped_trend=damped,
            seasonal_periods=12 if season else None,
            initialization_method=states,
        )
        with warnings.catch_warnings():
            # Whether theirs converged is not the question.
            warnings.simplefilter("ignore")
            theirs.append(other.fit(disp=0, maxiter=2000).llf)

    assert ours.log_likelihood >= max(theirs) - 1e-3


@pytest.mark.parametrize("model", ["ANN", "AAN", "AAdA", "MNN", "MAdA", "MNM", "MAM", "MAdM"])
def test_formulas_for_the_error_of_a_forecast_are_those_of_drawn_futures(model):
    found = smoothing.fit_smoothing(DEATHS, model, period=12)
    ahead = found.forecast(15)
    drawn = found.paths(15, 40_000, np.random.default_rng(1))

    # 40,000 futures know a standard error to 0.35 %.
    assert ahead.drawn is None
    assert drawn.mean(axis=0) == pytest.approx(ahead.mean, abs=4 * ahead.se.max() / 200)
    assert drawn.std(axis=0) == pytest.approx(ahead.se, rel=0.02)


def test_smoothing_without_parts_is_the_weighted_past():
    found = smoothing.fit_smoothing(walk(3), "ANN", states="first_seasons")
    alpha = found.weight["alpha"]
    level = walk(3)[:10].mean()
    for reading in walk(3):
        level += alpha * (reading - level)

    assert found.forecast(3).mean == pytest.approx([level] * 3)
    # Variance after h periods: sigma2 (1 + (h - 1) alpha^2).
    assert found.forecast(3).se ** 2 == pytest.approx(found.sigma2 * (1 + np.arange(3) * alpha**2))


@pytest.mark.parametrize("model", ["AAA", "MAM"])
def test_a_scale_moves_forecast_and_error_alike(model):
    plain = smoothing.fit_smoothing(DEATHS, model, period=12).forecast(6)
    scaled = smoothing.fit_smoothing(DEATHS / 1000, model, period=12).forecast(6)

    assert scaled.mean * 1000 == pytest.approx(plain.mean, rel=1e-4)
    assert scaled.se * 1000 == pytest.approx(plain.se, rel=1e-3)


def test_a_model_without_a_formula_draws_its_interval():
    found = forecast.forecast(DEATHS, "AAM", 6, period=12)
    low, high = found.interval(0.8)

    assert found.drawn.shape == (20_000, 6)
    assert ((found.drawn >= low) & (found.drawn <= high)).mean(axis=0) == pytest.approx(
        np.full(6, 0.8), abs=1e-3
    )


def test_accuracy_by_hand():
    # Errors 1, -2, 3; the seasonal naive misses by 2 within the known readings.
    found = forecast.accuracy([10, 20, 30], [9, 22, 27], [1, 5, 3, 7], period=2)

    assert found.rmse == pytest.approx(math.sqrt(14 / 3))
    assert (found.mae, found.mase) == (2, 1)
    assert found.mape == pytest.approx(10)
    assert found.bias == pytest.approx(2 / 3)


def test_a_backtest_knows_at_each_origin_what_was_known_then():
    found = forecast.backtest(QUARTERS, "naive", horizon=2, first=9)

    # Known up to 16, 19, 15: what came was 19 15, 15 24, 24 -.
    assert found.error == pytest.approx(np.array([[3, -1], [-4, 5], [9, math.nan]]), nan_ok=True)
    changed = QUARTERS.copy()
    changed[11] = 999
    assert forecast.backtest(changed, "naive", horizon=1, first=9).error[:2] == pytest.approx(
        found.error[:2, :1]
    )


def test_a_challenger_replaces_the_champion_where_it_is_better_and_not_where_it_is_not():
    trending = walk(1, n=80, drift=1.0)
    naive, drift = (
        forecast.backtest(trending, method, horizon=4, first=30) for method in ("naive", "drift")
    )
    better = forecast.contest(naive, drift)

    assert better.replaces
    assert better.skill > 0.3
    assert forecast.contest(drift, drift).skill == 0
    assert not forecast.contest(drift, naive).replaces


def test_chance_alone_seldom_replaces_a_champion():
    # Drift on walks without one: it is the worse method, by little.
    replaced = [
        forecast.contest(
            *(
                forecast.backtest(walk(seed), method, horizon=2, first=20)
                for method in ("naive", "drift")
            )
        ).replaces
        for seed in range(60)
    ]

    assert np.mean(replaced) <= 0.1


def test_intervals_of_the_true_method_cover_and_those_of_a_false_one_do_not():
    honest, vain = (
        forecast.pooled_coverage(
            [
                forecast.backtest(walk(seed), method, horizon=4, first=40, every=4)
                for seed in range(40)
            ]
        )
        for method in ("naive", "mean")
    )

    assert honest.is_honest
    assert honest.share == pytest.approx(0.95, abs=0.03)
    assert not vain.is_honest
    assert vain.share < 0.85


def test_the_interval_of_a_coverage_counts_series_and_not_forecasts():
    # 10 series of 100 forecasts, whole series fail: as if 10 tosses, not 1,000.
    def tested(held):
        error, covered = np.ones((100, 1)), np.full((100, 1), held)
        return forecast.Backtest("naive", np.arange(100), error, error, covered, 0.95, ())

    found = forecast.pooled_coverage([tested(at > 0) for at in range(10)])

    assert found.share == 0.9
    # Clopper-Pearson of 9 of 10 is .555 to .997; the effective number is 9, not 10.
    assert found.low == pytest.approx(0.555, abs=0.04)
    assert found.n_forecasts == 1000


def test_odds_of_a_random_walk_are_those_of_the_normal_distribution():
    fitted = simple.Walk(np.array([10.0]), 0.0, 0.0, 2.0, "naive")
    # After 4 steps the walk has a standard deviation of 4.
    found = odds.odds_of_target(fitted, 12, horizon=4, n_paths=40_000)
    below = odds.odds_of_target(fitted, 12, horizon=4, n_paths=40_000, direction="at_most")

    assert found.probability == pytest.approx(norm.sf(0.5), abs=4 * 0.5 / 200)
    assert found.probability + below.probability == pytest.approx(1)
    assert found.median == pytest.approx(10, abs=0.1)
    wide = odds.odds_of_target(fitted, 12, horizon=4, n_paths=40_000, widening=2.0)
    assert wide.probability == pytest.approx(norm.sf(0.25), abs=4 * 0.5 / 200)


def test_readings_of_the_term_count_in_its_sum_and_mean():
    fitted = simple.Walk(np.array([10.0]), 0.0, 0.0, 1.0, "naive")
    done = odds.odds_of_target(fitted, 60, horizon=1, summary="sum", so_far=[30, 30])
    never = odds.odds_of_target(fitted, 5, horizon=1, summary="every", so_far=[1])

    # 60 is there already, and the last reading lies 10 sigma above nil.
    assert done.probability > 0.999
    assert never.probability < 0.001
    assert done.median / 3 == pytest.approx(
        odds.odds_of_target(fitted, 60, horizon=1, summary="mean", so_far=[30, 30]).median
    )


def test_target_levels_have_the_odds_they_are_named_for():
    fitted = simple.Walk(np.array([10.0]), 0.0, 0.0, 2.0, "naive")
    safe, even, stretch = odds.target_levels(fitted, horizon=4)

    # After 4 steps the walk has a standard deviation of 4; 10,000 paths know a tenth to 0.08.
    assert (safe, even, stretch) == pytest.approx((10 - 5.126, 10, 10 + 5.126), abs=0.3)
    for target, probability in ((safe, 0.9), (stretch, 0.1)):
        assert odds.odds_of_target(fitted, target, horizon=4).probability == pytest.approx(
            probability, abs=1e-3
        )
    lowest = odds.target_levels(fitted, horizon=4, direction="at_most", odds=(0.9,))
    assert lowest[0] == pytest.approx(stretch)


def test_forecasts_that_go_stale_are_found_and_sound_ones_seldom():
    rng = np.random.default_rng(8)
    sound = [forecast.drift_since_fit(rng.normal(size=36)).first for _ in range(300)]
    stale = [forecast.drift_since_fit(rng.normal(size=36) + 1) for _ in range(100)]
    wide = [forecast.drift_since_fit(3 * rng.normal(size=36)).first for _ in range(100)]

    # Three CUSUMs, each once in about 930: 36 / 310 is 0.12 at most.
    assert np.mean([first is not None for first in sound]) < 0.15
    assert np.mean([found.kind == "low" for found in stale]) > 0.9
    assert np.mean([first is not None for first in wide]) > 0.95


def test_paths_of_an_arima_spread_as_its_forecast_says():
    fitted = forecast.fit_method(walk(9), forecast.Arima((1, 0, 0)))
    ahead = fitted.forecast(3)
    drawn = fitted.paths(3, 40_000, np.random.default_rng(1))

    # Standard errors of 40,000 draws: 1 in 200 of the mean's unit, 1 in 280 of the deviation.
    assert drawn.mean(axis=0) == pytest.approx(ahead.mean, abs=0.02 * ahead.se[-1])
    assert drawn.std(axis=0) == pytest.approx(ahead.se, rel=0.015)
    # Neighbouring months share the errors before them: of an AR(1), phi times the variance.
    phi = fitted.coefficient["ar1"]
    assert np.cov(drawn.T)[0, 1] == pytest.approx(phi * ahead.se[0] ** 2, rel=0.05)


def test_a_drift_began_with_the_error_from_which_its_sum_rose():
    # By hand, slack .5: 0, .5, 0 (of -.5), 1.5, 3, 4.5, 6: above 5 at the seventh, from the fourth.
    found = forecast.drift_since_fit([0.0, 1.0, 0.0, 2.0, 2.0, 2.0, 2.0])
    assert (found.first, found.kind, found.since) == (7, "low", 4)
    # Nothing was nil before: from the first.
    assert forecast.drift_since_fit([-3.0, -3.0, -3.0]).since == 1
    assert forecast.drift_since_fit([0.0, 0.5, -0.5]).since is None


def test_signs_are_those_of_the_regressions_written_out():
    # Its errors about the line turn from one to the next, so nothing is taken off them first but
    # the first reading.
    y = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0, 7.0, 3.0, 8.0, 5.0])
    found = signs(y, period=4)
    centred = y - y.mean()

    assert found.trend == pytest.approx(linregress(np.arange(11), y[1:]).pvalue)
    assert found.memory == pytest.approx(
        norm.sf(12**0.5 * (centred[1:] @ centred[:-1]) / (centred @ centred))
    )
    # Another unit and another origin change nothing.
    assert signs(7 - 3 * y, period=4).season == pytest.approx(found.season)
    assert np.isnan(signs(y[:11], period=4).season)


def test_a_line_without_errors_is_a_trend_and_no_wave():
    found = signs(50 + 0.3 * np.arange(36), period=12)

    assert (found.trend, found.season) == (0.0, 1.0)
    wave = np.cos(2 * np.pi * np.arange(36) / 12)
    assert signs(50 + 0.3 * np.arange(36) + wave, period=12).season == 0.0


def test_signs_come_by_chance_as_often_as_they_say():
    rng = np.random.default_rng(5)
    sound = np.array([list(vars(signs(rng.normal(size=36), period=12)).values())
                      for _ in range(1000)])  # fmt: skip
    wave = np.cos(2 * np.pi * np.arange(36) / 12)
    waves = [signs(1.5 * wave + rng.normal(size=36), period=12).season for _ in range(100)]

    # 50 of 1,000 with a deviation of 7; the memory of a short series is underrated.
    assert np.all((sound < 0.05).sum(axis=0) <= 72)
    assert np.mean(np.array(waves) < 0.01) > 0.9


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.arange(7.0), "too_few_readings"),
        ([1.0, 2, 3, np.nan, 5, 6, 7, 8, 9], "gap_in_series"),
        (np.full(12, 2.0), "no_variation"),
        ([1.0, 2, 3, np.inf, 5, 6, 7, 8, 9], "infinite_value"),
    ],
)
def test_signs_are_refused_by_name(values, reason):
    assert signs(values, period=4).reason == reason


def test_odds_of_the_true_method_are_calibrated_and_those_of_a_false_one_are_not():
    def draw(rng):
        return np.cumsum(rng.normal(size=64))

    true = odds.check_by_simulation(draw, "naive", horizon=4, n_series=300)
    false = odds.check_by_simulation(draw, "mean", horizon=4, n_series=300)

    assert true.p_value > 0.01
    assert true.brier < true.brier_of_base_rate
    assert false.p_value < 1e-6


def test_fitted_smoothing_states_odds_that_come_true():
    # AR(1) .7 about a level is no smoothing model; still the odds must not be far off.
    def draw(rng):
        noise = rng.normal(size=63)
        for at in range(1, 63):
            noise[at] += 0.7 * noise[at - 1]
        return noise

    found = odds.check_by_simulation(
        draw, forecast.Smoothing("ANN", "first_seasons"), horizon=3, n_series=100
    )
    filled = found.count >= 15

    assert filled.sum() >= 2
    assert np.abs(found.stated - found.happened)[filled].max() < 0.25


def test_calibration_by_hand():
    # 100 odds of 0.2 of which 20 come true, 100 of 0.9 of which 90 do.
    stated = np.repeat([0.2, 0.9], 100)
    happened = np.concatenate([np.arange(100) < 20, np.arange(100) < 90])
    found = odds.calibrate(stated, happened)

    assert found.z == pytest.approx(0, abs=1e-12)
    assert found.brier == pytest.approx((0.2 * 0.8 + 0.9 * 0.1) / 2)
    assert found.count.tolist() == [0, 100, 0, 0, 100]
    assert found.happened[[1, 4]] == pytest.approx([0.2, 0.9])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda: forecast.forecast([5.0], "naive", 1), "too_few_readings"),
        (lambda: forecast.forecast([1, math.inf, 2], "naive", 1), "infinite_value"),
        (lambda: forecast.forecast([1, math.nan, 2, 4], "drift", 1), "gap_in_series"),
        (lambda: forecast.forecast([5.0] * 40, "AAN", 1), "no_variation"),
        (lambda: forecast.forecast([1.0, 2, 0] * 20, "MNN", 1), "not_positive"),
        (lambda: forecast.forecast(QUARTERS, "AAA", 1, period=12), "too_few_readings"),
        (lambda: forecast.forecast(2.0 ** np.arange(30), "MMN", 1), "no_variation"),
        (lambda: forecast.forecast(np.arange(30.0), "AAN", 1), "no_variation"),
        (lambda: forecast.backtest(QUARTERS, "naive", horizon=1, first=12), "too_few_readings"),
        (
            lambda: forecast.backtest(QUARTERS[:10], "AAA", horizon=1, first=8, period=4),
            "no_comparison",
        ),
        (
            lambda: forecast.backtest([*QUARTERS, math.inf], "mean", horizon=1, first=6),
            "infinite_value",
        ),
        (lambda: forecast.accuracy([1.0, 2], [1, math.inf], QUARTERS), "infinite_value"),
        (lambda: forecast.accuracy([1.0, math.nan], [math.nan, 2], QUARTERS), "no_comparison"),
        (lambda: forecast.pooled_coverage([]), "too_few_readings"),
        (lambda: odds.calibrate([0.5] * 60, [True] * 60), "no_variation"),
        (lambda: odds.calibrate([1.5] * 60, [True] * 60), "impossible_value"),
        (lambda: odds.calibrate([0.2], [True]), "too_few_readings"),
    ],
)
def test_what_cannot_be_foreseen_is_refused_by_name(answer, reason):
    found = answer()

    assert isinstance(found, Refusal)
    assert found.reason == reason


@pytest.mark.parametrize("name", ["XAA", "AXA", "ANdA", "AA", "prophet"])
def test_a_name_that_is_none_is_an_error_of_the_call(name):
    with pytest.raises(ValueError, match="is no model"):
        forecast.forecast(QUARTERS, name, 1, period=4)
