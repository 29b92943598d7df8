"""Interrupted time series and ARIMA with regressors: R's figures, laws, planted truth, refusals."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from orchestration.statistics.experiments import interrupted
from orchestration.statistics.prediction import arima
from orchestration.statistics.refusal import Refusal
from tests.statistics.test_breaks import NILE

TERMS = interrupted.interruption_terms(48, 30)
TREND = TERMS["t"]
SEASON = dict(zip(("sin", "cos"), interrupted.harmonic_terms(TREND, 12), strict=True))
OUTCOME = (
    5 + 0.02 * TREND - 0.3 * TERMS["step"] + 0.01 * TERMS["slope"] + 0.2 * SEASON["sin"]
    + 0.3 * np.sin(TREND**2) + 0.2 * np.cos(1.7 * TREND)
)  # fmt: skip


def test_errors_are_those_of_sandwich():
    found = interrupted.segmented_regression(OUTCOME, TERMS | SEASON, lag=3)

    # R 4.2, lm and sandwich 3.0.2 NeweyWest(lag = 3, prewhite = FALSE, adjust = TRUE).
    assert list(found.coefficient.values()) == pytest.approx(
        [4.941570199173, 0.021991631931, -0.333027217077, 0.005973476588, 0.115310602679,
         0.025830366104], abs=1e-11
    )  # fmt: skip
    assert list(found.se_ols.values()) == pytest.approx(
        [0.111968452813, 0.006291387642, 0.182385654319, 0.014973136831, 0.062502967812,
         0.061126546642], abs=1e-11
    )  # fmt: skip
    assert list(found.se_newey_west.values()) == pytest.approx(
        [0.070487164107, 0.003822935107, 0.120139360044, 0.009719531150, 0.039983762624,
         0.039694171051], abs=1e-11
    )  # fmt: skip


def test_the_lag_that_nobody_named_is_that_of_sandwich():
    found = interrupted.segmented_regression(OUTCOME, TERMS | SEASON, adjust=False)

    # bwNeweyWest(prewhite = FALSE) is 21.5914; NeweyWest takes its floor.
    assert found.lag == 21
    assert found.se_newey_west["step"] == pytest.approx(0.070922529042, abs=1e-11)


def test_no_lag_is_the_white_error():
    # Without lags: the meat is the sum of squared scores (HC0).
    found = interrupted.segmented_regression(OUTCOME, TERMS, lag=0, adjust=False)
    design = np.column_stack([np.ones(48), *TERMS.values()])
    bread = np.linalg.inv(design.T @ design)
    by_hand = bread @ (design.T * found.residual**2) @ design @ bread

    assert list(found.se_newey_west.values()) == pytest.approx(np.sqrt(np.diag(by_hand)), rel=1e-9)


def test_a_shift_moves_the_intercept_alone_and_a_scale_all():
    plain = interrupted.segmented_regression(OUTCOME, TERMS, lag=3)
    turned = interrupted.segmented_regression(10 * OUTCOME + 7, TERMS, lag=3)

    for term in TERMS:
        assert turned.coefficient[term] == pytest.approx(10 * plain.coefficient[term])
        assert turned.se_newey_west[term] == pytest.approx(10 * plain.se_newey_west[term])
    assert turned.coefficient[interrupted.INTERCEPT] == pytest.approx(
        10 * plain.coefficient[interrupted.INTERCEPT] + 7
    )


def test_the_effect_after_some_periods_is_that_of_a_step_counted_from_there():
    plain = interrupted.segmented_regression(OUTCOME, TERMS, lag=3)
    # With the slope counted from 10 periods on, the step is what "step + 10 slope" was.
    moved = TERMS | {"slope": TERMS["slope"] - 10 * TERMS["step"]}
    other = interrupted.segmented_regression(OUTCOME, moved, lag=3)
    effect, low, high = plain.combined({"step": 1, "slope": 10})

    assert effect == pytest.approx(other.coefficient["step"])
    assert (low, high) == pytest.approx(other.interval("step"))
    with pytest.raises(ValueError, match="no such term: season"):
        plain.combined({"season": 1})


def autocorrelated(seed, n=120, rho=0.5):
    noise = np.random.default_rng(seed).normal(size=n)
    for at in range(1, n):
        noise[at] += rho * noise[at - 1]
    return noise


def test_newey_west_covers_a_planted_step_better_than_independence():
    # 400 series of 120 with AR(1) .5. Newey-West is known to fall short in samples of this size.
    terms = interrupted.interruption_terms(120, 60)
    covered = ignored = 0
    for seed in range(400):
        found = interrupted.segmented_regression(autocorrelated(seed) + 2 * terms["step"], terms)
        low, high = found.interval("step")
        covered += low <= 2 <= high
        ignored += abs(found.coefficient["step"] - 2) <= 1.98 * found.se_ols["step"]

    assert covered / 400 > 0.85
    assert ignored / 400 < 0.8


def test_restricted_likelihood_agrees_with_nlme():
    errors = 0.3 * np.sin(TREND**2) + 0.2 * np.cos(1.7 * TREND)
    for at in range(1, 48):
        errors[at] += 0.6 * errors[at - 1]
    outcome = 5 + 0.02 * TREND - 0.3 * TERMS["step"] + 0.01 * TERMS["slope"] + errors
    found = interrupted.first_order_regression(outcome, TERMS)

    # R 4.2, nlme gls(correlation = corAR1(), method = "REML"), whose search stops at 1e-6.
    assert list(found.coefficient.values()) == pytest.approx(
        [4.8840728205, 0.0210308556, -0.2302608726, 0.0049815076], rel=1e-5
    )
    assert list(found.se.values()) == pytest.approx(
        [0.1247790578, 0.0069898360, 0.1949950914, 0.0165721381], rel=1e-5
    )
    assert found.rho == pytest.approx(0.2059687262, rel=2e-5)
    assert found.sigma2 / (1 - found.rho**2) == pytest.approx(0.2764626881**2, rel=1e-5)


def test_restricted_likelihood_covers_a_planted_step_in_a_short_series():
    # 400 series of 60 with AR(1) .5; 4 standard errors below 95 %.
    terms = interrupted.interruption_terms(60, 36)
    covered = newey_west = 0
    for seed in range(400):
        outcome = autocorrelated(seed, n=60) + 2 * terms["step"]
        low, high = interrupted.first_order_regression(outcome, terms).interval("step")
        covered += low <= 2 <= high
        low, high = interrupted.segmented_regression(outcome, terms).interval("step")
        newey_west += low <= 2 <= high

    assert covered / 400 > 0.95 - 4 * math.sqrt(0.95 * 0.05 / 400)
    assert newey_west < covered - 40


def test_a_model_of_the_autocorrelation_covers_the_planted_step():
    # 25 series; 4 standard errors below 95 %.
    terms = interrupted.interruption_terms(120, 60)
    covered = 0
    for seed in range(25):
        found = arima.fit_arima(
            autocorrelated(seed) + 2 * terms["step"], (1, 0, 0), regressors=terms
        )
        covered += abs(found.coefficient["step"] - 2) <= 1.96 * found.se["step"]

    assert covered / 25 > 0.95 - 4 * math.sqrt(0.95 * 0.05 / 25)


def test_regression_with_autoregressive_errors_agrees_with_r():
    # datasets::LakeHuron with four years blanked out; R 4.2,
    # arima(z, order = c(2, 0, 0), xreg = time - 1920).
    levels = LAKE_HURON.copy()
    levels[[19, 49, 50, 51]] = math.nan
    year = np.arange(1875, 1973) - 1920.0
    found = arima.fit_arima(levels, (2, 0, 0), regressors={"year": year})

    # Both stop where the likelihood is flat to its eighth digit.
    assert found.coefficient == pytest.approx(
        {"ar1": 0.977476225949, "ar2": -0.264134627782, "intercept": 579.118723811160,
         "year": -0.021312787177}, rel=2e-4
    )  # fmt: skip
    assert found.se == pytest.approx(
        {"ar1": 0.101674701546, "ar2": 0.103484563426, "intercept": 0.236535851655,
         "year": 0.008042595069}, rel=1e-3
    )  # fmt: skip
    assert found.log_likelihood == pytest.approx(-97.534317317435, abs=1e-6)
    assert found.sigma2 == pytest.approx(0.452792134299, rel=1e-5)
    assert found.aic == pytest.approx(205.068634634870, abs=1e-5)
    ahead = found.forecast(3, [53, 54, 55])
    assert ahead.mean == pytest.approx([579.403953739520, 578.835832825916, 578.421269721935],
                                       abs=5e-4)  # fmt: skip
    assert ahead.se == pytest.approx([0.672898309032, 0.940965888772, 1.049676118999], rel=1e-4)


@pytest.mark.parametrize("scale", [2e-10, 1e-3, 100.0, 2e6])
@pytest.mark.parametrize(
    ("order", "seasonal", "level", "regressor"),
    [
        ((1, 0, 0), (0, 0, 0, 0), 1e6, True),
        ((1, 0, 1), (0, 0, 0, 0), -40.0, False),
        ((2, 0, 0), (1, 0, 0, 4), 1e4, True),
        ((0, 1, 1), (0, 1, 1, 4), 1e6, False),
    ],
)
def test_a_model_does_not_depend_on_the_unit_or_the_zero_of_its_readings(
    order, seasonal, level, regressor, scale
):
    outcome = autocorrelated(7)
    if order[1]:
        outcome = np.cumsum(outcome.reshape(-1, 4), axis=0).ravel().cumsum()
    outcome[[30, 77]] = math.nan
    step = (np.arange(120) >= 60) * 1.0
    terms, ahead = ({"step": step}, np.ones((5, 1))) if regressor else (None, None)
    plain = arima.fit_arima(outcome, order, seasonal, regressors=terms)
    found = arima.fit_arima(scale * (outcome + level), order, seasonal, regressors=terms)
    unit = {name: scale if name in {"intercept", "step"} else 1.0 for name in plain.coefficient}
    zero = {name: scale * level * (name == "intercept") for name in unit}

    # Both stop where the likelihood is flat to its tenth digit; the largest level costs six.
    for name, one in unit.items():
        moved = (found.coefficient[name] - zero[name]) / one
        assert moved == pytest.approx(plain.coefficient[name], abs=2e-4 * plain.se[name])
        assert found.se[name] / one == pytest.approx(plain.se[name], rel=2e-3)
    assert found.sigma2 / scale**2 == pytest.approx(plain.sigma2, rel=1e-6)
    assert found.log_likelihood + found.n * math.log(scale) == pytest.approx(
        plain.log_likelihood, abs=1e-6
    )
    first, then = plain.forecast(5, ahead), found.forecast(5, ahead)
    assert then.mean / scale - level == pytest.approx(first.mean, abs=1e-3 * first.se[0])
    assert then.se / scale == pytest.approx(first.se, rel=1e-3)
    drawn = found.paths(5, 2000, np.random.default_rng(1), ahead) / scale - level
    assert drawn.mean(axis=0) == pytest.approx(first.mean, abs=4 * first.se.max() / 2000**0.5)
    assert drawn.std(axis=0) == pytest.approx(first.se, rel=4 / 4000**0.5)


def test_the_nile_in_any_unit_has_the_highest_exact_likelihood():
    # Of AR(1) errors by hand: transformed by one correlation after the other, then least squares.
    flow, step = np.array(NILE, dtype=float), (np.arange(100) >= 28) * 1.0
    design = np.column_stack([np.ones(100), step])

    def fitted(rho):
        def turned(column):
            return np.r_[column[:1] * math.sqrt(1 - rho**2), column[1:] - rho * column[:-1]]

        beta, squares, *_ = np.linalg.lstsq(turned(design), turned(flow))
        spread = math.log(2 * math.pi * squares[0] / 100) + 1
        return -50 * spread + 0.5 * math.log(1 - rho**2), beta[1]

    best = minimize_scalar(lambda rho: -fitted(rho)[0], bounds=(-0.9, 0.9), method="bounded")
    log_likelihood, effect = fitted(best.x)
    for scale in (1e-3, 1.0, 100.0, 1e6):
        found = arima.fit_arima(scale * flow, (1, 0, 0), regressors={"step": step})

        assert found.log_likelihood + 100 * math.log(scale) == pytest.approx(
            log_likelihood, abs=1e-6
        )
        assert found.coefficient["step"] / scale == pytest.approx(effect, rel=1e-4)


def test_drawn_futures_have_the_mean_and_error_of_the_forecast():
    found = arima.fit_arima(autocorrelated(1), (1, 0, 0))
    drawn = found.paths(6, 4000, np.random.default_rng(1))
    ahead = found.forecast(6)

    assert drawn.mean(axis=0) == pytest.approx(ahead.mean, abs=4 * ahead.se.max() / 4000**0.5)
    assert drawn.std(axis=0) == pytest.approx(ahead.se, rel=0.05)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda: interrupted.segmented_regression([1, 2, math.inf, 4], {}), "infinite_value"),
        (lambda: interrupted.segmented_regression([1, 2, math.nan, 4], {}), "gap_in_series"),
        (lambda: interrupted.segmented_regression([1.0, 2], {"t": [1, 2]}), "too_few_readings"),
        (
            lambda: interrupted.segmented_regression([1.0, 3, 2], {"step": [1, 1, 1]}),
            "singular_covariance",
        ),
        (lambda: interrupted.segmented_regression([5.1, 5.1, 5.1], {}), "no_variation"),
        (lambda: interrupted.first_order_regression([5.1] * 9, {}), "no_variation"),
        (lambda: interrupted.first_order_regression([1, math.nan, 3], {}), "gap_in_series"),
        (
            # The step and the slope begin after the last period.
            lambda: interrupted.first_order_regression(
                [1.0, 3, 2, 5, 4], {name: column[:5] for name, column in TERMS.items()}
            ),
            "singular_covariance",
        ),
        (lambda: arima.fit_arima([1.0, 2, 3], (1, 0, 0)), "too_few_readings"),
        (lambda: arima.fit_arima([5.0] * 30, (1, 0, 0)), "no_variation"),
        (
            lambda: arima.fit_arima(
                3.0 + 0.1 * np.arange(30.0), (1, 0, 0), regressors={"t": np.arange(30.0)}
            ),
            "no_variation",
        ),
        (lambda: arima.fit_arima([1.0, math.inf] * 30, (1, 0, 0)), "infinite_value"),
        (
            lambda: arima.fit_arima(autocorrelated(1), (1, 0, 0), regressors={"c": np.ones(120)}),
            "singular_covariance",
        ),
    ],
)
def test_series_that_say_nothing_are_refused_by_name(answer, reason):
    found = answer()

    assert isinstance(found, Refusal)
    assert found.reason == reason


# datasets::LakeHuron: level in feet, 1875 to 1972.
LAKE_HURON = np.array([
    580.38, 581.86, 580.97, 580.8, 579.79, 580.39, 580.42, 580.82, 581.4, 581.32, 581.44,
    581.68, 581.17, 580.53, 580.01, 579.91, 579.14, 579.16, 579.55, 579.67, 578.44, 578.24,
    579.1, 579.09, 579.35, 578.82, 579.32, 579.01, 579, 579.8, 579.83, 579.72, 579.89, 580.01,
    579.37, 578.69, 578.19, 578.67, 579.55, 578.92, 578.09, 579.37, 580.13, 580.14, 579.51,
    579.24, 578.66, 578.86, 578.05, 577.79, 576.75, 576.75, 577.82, 578.64, 580.58, 579.48,
    577.38, 576.9, 576.94, 576.24, 576.84, 576.85, 576.9, 577.79, 578.18, 577.51, 577.23,
    578.42, 579.61, 579.05, 579.26, 579.22, 579.38, 579.1, 577.95, 578.12, 579.75, 580.85,
    580.41, 579.96, 579.61, 578.76, 578.18, 577.21, 577.13, 579.1, 578.25, 577.91, 576.89,
    575.96, 576.8, 577.68, 578.38, 578.52, 579.74, 579.31, 579.89, 579.96,
])  # fmt: skip


def test_the_average_effect_is_step_and_slope_at_the_middle_of_the_change():
    """Level 5, trend .1; under the change a step of 2 and .3 more a period: 2 + .3 * 5.5 = 3.65."""
    rng = np.random.default_rng(20_261_121)
    terms = interrupted.interruption_terms(30, 20)
    noise = rng.normal(0, 0.01, 30)
    found = interrupted.average_effect(
        5 + 0.1 * terms["t"] + 2 * terms["step"] + 0.3 * terms["slope"] + noise, 20
    )

    assert found.effect == pytest.approx(3.65, abs=0.05)
    assert (found.n_before, found.n_after) == (20, 10)
    # Counted otherwise, the same fit: its coefficients combine to the same effect.
    outcome = 5 + noise + 2 * terms["step"]
    fit = interrupted.first_order_regression(outcome, terms)
    again = interrupted.average_effect(outcome, 20)
    combined = fit.coefficient["step"] + 5.5 * fit.coefficient["slope"]
    assert again.effect == pytest.approx(combined, abs=1e-8)
    assert again.rho == pytest.approx(fit.rho, abs=1e-5)
    assert again.low < again.effect < again.high


def test_a_p_value_below_five_per_cent_is_an_interval_without_nil():
    rng = np.random.default_rng(7)
    for size in (0.0, 1.0, 2.0, 4.0):
        found = interrupted.average_effect(rng.normal(0, 1, 24) + size * (np.arange(24) >= 12), 12)
        assert (found.p_value < 0.05) is (found.low > 0 or found.high < 0)


@pytest.mark.parametrize(
    ("outcome", "starts", "reason"),
    [
        (np.sin(np.arange(24.0)), 7, "too_few_readings: 7 periods before"),
        (np.sin(np.arange(24.0)), -3, "too_few_readings: 0 periods before"),
        (np.sin(np.arange(24.0)), 17, "too_few_readings: 7 periods under"),
        (np.sin(np.arange(24.0)), 99, "too_few_readings: 0 periods under"),
        (np.where(np.arange(24) == 3, np.nan, 1.0), 12, "gap_in_series: there is no reading at"),
        (np.where(np.arange(24) == 3, np.inf, 1.0), 12, "infinite_value"),
        (np.full(24, 0.9), 12, "no_variation"),
    ],
)
def test_an_effect_that_cannot_be_told_is_refused_by_name(outcome, starts, reason):
    found = interrupted.average_effect(outcome, starts)

    assert isinstance(found, Refusal)
    assert f"{found.reason}: {found.detail}".startswith(reason)
