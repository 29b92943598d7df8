"""What a plan pays is what it says, and how much of it is luck is what probability says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from orchestration.statistics.pay.plan import PayPlan, expected_pay, payouts
from orchestration.statistics.pay.simulate import normal_noise, resampled_noise, simulate

DRAWS = 20_000


def plan(
    pay_at=((0.0, 1.0, 2.0),), *, weight=(1.0,), gate=(False,), cap=np.inf, leverage=1.0
) -> PayPlan:
    return PayPlan(
        np.array(weight), np.array(pay_at, dtype=float), np.array(gate), cap=cap, leverage=leverage
    )


# ----------------------------------------------------------------------------------------- plans


def test_pay_is_nothing_below_the_threshold_and_no_more_beyond_the_stretch():
    paid = payouts(
        plan([(0.5, 1, 1.5)]), [[0.79], [0.8], [0.85], [0.9], [0.95], [2]], [0.8, 0.9, 1]
    )

    assert paid == pytest.approx([0, 0.5, 0.75, 1, 1.25, 1.5])


def test_where_lower_is_better_pay_is_the_mirror_image():
    higher = payouts(plan([(0.5, 1, 1.5)]), [[0.79], [0.85], [0.97]], [0.8, 0.9, 1])
    lower = payouts(plan([(0.5, 1, 1.5)]), [[-0.79], [-0.85], [-0.97]], [-0.8, -0.9, -1])

    assert lower == pytest.approx(higher)


def test_a_closed_gate_pays_nothing_a_cap_no_more_and_leverage_moves_about_the_target():
    two = ((0, 1, 2), (0, 0, 0))
    gated = plan(two, weight=(1, 0), gate=(False, True))
    levels = [[0, 1, 2], [5, 6, 7]]

    assert payouts(gated, [[1.5, 5.0], [1.5, 4.9]], levels) == pytest.approx([1.5, 0])
    assert payouts(plan(cap=1.2), [[1.5]], [0, 1, 2]) == pytest.approx([1.2])
    # Half over target is paid twice over target; half below is paid not at all.
    assert payouts(plan(leverage=2), [[1.5], [0.5]], [0, 1, 2]) == pytest.approx([2, 0])


def test_plans_that_cannot_be_meant_are_errors():
    with pytest.raises(ValueError, match="sum to 1"):
        plan(weight=(0.9,))
    with pytest.raises(ValueError, match="must rise"):
        plan([(1, 0.5, 2)])
    with pytest.raises(ValueError, match="gate"):
        plan(gate=(True,))
    with pytest.raises(ValueError, match="cap"):
        plan(cap=-1)
    with pytest.raises(ValueError, match="rise, or fall"):
        payouts(plan(), [[1.0]], [0, 2, 1])


def test_a_missing_reading_leaves_the_pay_unknown():
    assert np.isnan(payouts(plan(), [[np.nan]], [0, 1, 2])).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_expected_pay_is_the_integral_over_the_noise(sign):
    levels, pay = sign * np.array([0.8, 0.9, 1.1]), [0.4, 1.0, 1.5]

    def density(x: float) -> float:
        return float(payouts(plan([pay]), [[x]], levels)[0]) * norm.pdf(x, sign * 0.85, 0.1)

    corners = [*sorted(levels)]
    whole = sum(
        quad(density, a, b, epsabs=1e-12)[0]
        for a, b in zip([sign * 0.85 - 1, *corners], [*corners, sign * 0.85 + 1], strict=True)
    )
    assert expected_pay([sign * 0.85], [0.1], levels, pay) == pytest.approx([whole], abs=1e-9)


# ------------------------------------------------------------------------------------ simulation


def test_under_a_linear_plan_the_better_earns_less_as_often_as_normal_noise_says():
    distance, sd = 0.2, 0.3
    noise = normal_noise([sd], 2, n_draws=DRAWS, seed=1)
    # Levels so far out that no reading meets a kink.
    found = simulate(plan(), [[-50.0, 0.0, 50.0]], [[0.0], [distance]], noise)

    expected = norm.cdf(-distance / (sd * np.sqrt(2)))
    error = np.sqrt(expected * (1 - expected) / DRAWS)
    assert found.better_earns_less == pytest.approx(expected, abs=4 * error)
    assert found.same_pay == 0
    assert found.best_earns_most == pytest.approx(1 - found.better_earns_less, abs=1e-12)


def test_under_a_linear_plan_luck_is_the_noise_share_of_the_variance():
    truth = np.array([[-1.0], [0.0], [1.0]])
    noise = normal_noise([1.5], 3, n_draws=DRAWS, seed=2)
    found = simulate(plan(), [[-50.0, 0.0, 50.0]], truth, noise)

    assert found.luck_share == pytest.approx(1.5**2 / (1.5**2 + 2 / 3), abs=0.01)
    assert found.overpaid == pytest.approx(1.5 / 50 * norm.pdf(0), rel=0.02)
    assert found.cliff_share == 0


def test_simulated_cost_is_the_expected_pay_in_closed_form():
    levels, pay, sd = [0.8, 0.9, 1.0], (0.5, 1.0, 1.5), 0.07
    truth = np.array([[0.78], [0.86], [0.95]])
    found = simulate(plan([pay]), [levels], truth, normal_noise([sd], 3, n_draws=DRAWS, seed=3))

    exact = expected_pay(truth[:, 0], np.full(3, sd), levels, pay)
    assert np.all(np.abs(found.expected - exact) < 4 * found.sd / np.sqrt(DRAWS))
    assert found.cost == pytest.approx(found.expected.mean(), abs=1e-12)
    assert found.cost - found.deserved.mean() == pytest.approx(found.overpaid - found.underpaid)


def test_a_cliff_is_where_a_step_is_and_not_where_a_ramp_is():
    truth, noise = np.array([[0.8], [0.8]]), normal_noise([0.05], 2, n_draws=DRAWS, seed=4)
    step = simulate(plan([(1, 1, 1)]), [[0.8, 0.9, 1.0]], truth, noise)
    ramp = simulate(plan([(0, 1, 1)]), [[0.6, 1.0, 1.4]], truth, noise)

    # Within a tenth of the noise on either side of its middle: Phi(.1) - Phi(-.1).
    assert step.cliff_share == pytest.approx(2 * norm.cdf(0.1) - 1, abs=0.01)
    assert ramp.cliff_share == 0
    assert np.isnan(step.better_earns_less)
    assert step.best_earns_most == 1


def test_believing_a_reading_less_pays_for_less_luck():
    truth = np.array([[-0.1], [0.0], [0.1]])
    noise = normal_noise([1.0], 3, n_draws=DRAWS, seed=5)
    raw = simulate(plan(), [[-3.0, 0.0, 3.0]], truth, noise)
    drawn_in = simulate(plan(), [[-3.0, 0.0, 3.0]], truth, noise, own_share=[0.2])

    assert drawn_in.sd.max() < raw.sd.max()
    assert drawn_in.overpaid < raw.overpaid
    # It cannot put anybody into another order.
    assert drawn_in.better_earns_less == pytest.approx(raw.better_earns_less, abs=0.02)


@settings(max_examples=50)
@given(st.floats(0.1, 10), st.floats(-5, 5))
def test_units_of_measurement_change_nothing(scale, shift):
    truth = np.array([[0.2], [0.5], [1.3]])
    noise = normal_noise([0.4], 3, n_draws=200, seed=6)
    levels = np.array([[0.0, 1.0, 2.0]])
    plain = simulate(plan([(0.5, 1, 1.5)]), levels, truth, noise)
    other = simulate(
        plan([(0.5, 1, 1.5)]), levels * scale + shift, truth * scale + shift, noise * scale
    )

    assert other.expected == pytest.approx(plain.expected, abs=1e-6)
    assert other.better_earns_less == pytest.approx(plain.better_earns_less, abs=0.01)


def test_noise_of_a_longer_window_is_that_of_its_mean():
    residuals = np.random.default_rng(8).normal(size=(240, 5, 2))
    one = resampled_noise(residuals, window=1, n_draws=2000, seed=1)
    year = resampled_noise(residuals, window=12, n_draws=2000, seed=1)

    assert year.std() / one.std() == pytest.approx(1 / np.sqrt(12), rel=0.1)
    again = resampled_noise(residuals, window=12, n_draws=2000, seed=1)
    assert np.array_equal(again, year)


def test_what_hangs_together_over_time_averages_out_more_slowly():
    rng = np.random.default_rng(9)
    steps = rng.normal(size=(600, 4, 1))
    series = np.zeros_like(steps)
    for at in range(1, 600):
        series[at] = 0.7 * series[at - 1] + steps[at]
    noise = resampled_noise(series, window=3, n_draws=4000, seed=2)

    # Variance of a mean of three with correlations .7 and .49: (3 + 4 * .7 + 2 * .49) / 9.
    theory = np.sqrt((3 + 4 * 0.7 + 2 * 0.49) / 9) * series.std()
    assert noise.std() == pytest.approx(theory, rel=0.08)


def test_what_cannot_be_simulated_is_refused():
    noise = normal_noise([1.0], 2, n_draws=10, seed=1)
    levels = [[0.0, 1.0, 2.0]]

    assert simulate(plan(), levels, [[1.0]], noise[:, :1]).reason == "too_few_readings"
    assert simulate(plan(), levels, [[1.0], [np.nan]], noise).reason == "impossible_value"
    assert simulate(plan(), levels, [[1.0], [2.0]], noise * 0).reason == "no_variation"
    assert resampled_noise(np.zeros((11, 2, 1)), n_draws=5, seed=1).reason == "too_few_readings"
    holes = np.where(np.arange(24)[:, None, None] == 3, np.nan, np.zeros((24, 2, 1)))
    assert resampled_noise(holes, n_draws=5, seed=1).reason == "no_value"
    with pytest.raises(ValueError, match="differ in shape"):
        simulate(plan(), levels, [[1.0], [2.0], [3.0]], noise)
