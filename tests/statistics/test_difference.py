"""Difference in differences: R's figures, laws, planted truth, refusals."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.statistics.experiments import difference
from orchestration.statistics.refusal import Refusal


def formula_panel(cluster="unit"):
    """12 units over 6 periods with holes, from formulas that R can repeat."""
    unit, period = (part.ravel() for part in np.meshgrid(np.arange(12), np.arange(1, 7)))
    kept = (unit * period) % 11 != 3
    unit, period = unit[kept], period[kept]
    outcome = np.sin(3 * unit + period**2) + np.cos(unit) + 0.1 * period
    return difference.panel(
        outcome,
        (unit < 5) & (period > 3),
        unit,
        period,
        cluster=unit if cluster == "unit" else unit // 2,
        covariates=np.cos(period * unit + 1),
    )


def simulated(seed, *, units=20, treated=8, periods=10, start=6, effect=0.0, drift=0.0, rho=0.5):
    rng = np.random.default_rng(seed)
    errors = rng.normal(size=(units, periods))
    for at in range(1, periods):
        errors[:, at] += rho * errors[:, at - 1]
    unit, period = np.divmod(np.arange(units * periods), periods)
    group = unit < treated
    after = period >= start
    outcome = (
        errors.ravel()
        + np.repeat(rng.normal(size=units), periods)
        + np.tile(rng.normal(size=periods), units)
        + effect * (group & after)
        + drift * group * period
    )
    return difference.panel(outcome, group & after, unit, period), group.astype(float)


@pytest.mark.parametrize(
    ("cluster", "cr2", "freedom", "p_value", "cr1"),
    [
        # R 4.2, lm, clubSandwich 0.5.8 (CR2, Satterthwaite) and sandwich 3.0.2 (HC1).
        ("unit", 0.329410271577, 8.667876576771, 0.222103577091, 0.366758773467),
        ("pair of units", 0.183088412275, 3.893737598193, 0.078872156073, 0.196444302315),
    ],
)
def test_errors_are_those_of_clubsandwich_and_sandwich(cluster, cr2, freedom, p_value, cr1):
    fit = difference.two_way_fixed_effects(formula_panel(cluster), least=1)

    assert fit.coefficient[0] == pytest.approx(-0.433307245626, abs=1e-11)
    assert fit.iid[0, 0] ** 0.5 == pytest.approx(0.357122749613, abs=1e-11)
    assert fit.cr2[0, 0] ** 0.5 == pytest.approx(cr2, abs=1e-11)
    assert fit.freedom[0] == pytest.approx(freedom, abs=1e-9)
    assert fit.p_value() == pytest.approx(p_value, abs=1e-11)
    assert fit.cr1[0, 0] ** 0.5 == pytest.approx(cr1, abs=1e-11)


def test_the_joint_test_has_the_degrees_of_freedom_of_clubsandwich():
    # R 4.2, clubSandwich 0.5.8, Wald_test(CR2, HTZ) of e1 = e2 = 0 on the formula panel without
    # its covariate, by unit: F 0.329700151086 on 2 and 6.509932045081.
    readings = formula_panel()
    plain = difference.panel(readings.outcome, readings.treatment, readings.unit, readings.period)
    found = difference.event_study(plain, plain.unit < 5, 3)

    assert found.is_before.tolist() == [True, True, False, False, False]
    assert found.pre_trend.statistic == pytest.approx(0.329700151086, abs=1e-11)
    assert found.pre_trend.freedom_2 == pytest.approx(6.509932045081, abs=1e-10)
    assert found.pre_trend.p_value == pytest.approx(0.730482091541, abs=1e-11)
    # Of one coefficient: Satterthwaite's.
    assert found.fit.joint_freedom([3]) == pytest.approx(found.fit.freedom[3])


def test_a_balanced_panel_with_one_start_gives_the_two_by_two():
    readings, group = simulated(1, effect=1.0)
    after = readings.period >= 6

    assert difference.two_way_fixed_effects(readings).coefficient[0] == pytest.approx(
        difference.two_by_two(readings.outcome, group, after), abs=1e-12
    )


def test_two_by_two_by_hand():
    # Treated 1 -> 6, others 2 -> 4: 5 - 2.
    assert difference.two_by_two([1, 6, 2, 4, math.nan], [1, 1, 0, 0, 0], [0, 1, 0, 1, 1]) == 3


@settings(max_examples=25)
@given(st.floats(-50, 50), st.floats(0.01, 100), st.randoms(use_true_random=False))
def test_the_effect_ignores_levels_follows_scale_and_has_no_order_of_rows(shift, scale, random):
    readings, _ = simulated(2, units=10, treated=4, periods=5, start=3)
    order = list(range(readings.outcome.size))
    random.shuffle(order)
    turned = difference.panel(
        (scale * (readings.outcome + shift))[order],
        readings.treatment[order],
        readings.unit[order],
        readings.period[order],
    )

    plain = difference.two_way_fixed_effects(readings)
    found = difference.two_way_fixed_effects(turned)
    assert found.coefficient[0] == pytest.approx(scale * plain.coefficient[0], rel=1e-7)
    assert found.cr2[0, 0] ** 0.5 == pytest.approx(scale * plain.cr2[0, 0] ** 0.5, rel=1e-7)
    assert found.freedom[0] == pytest.approx(plain.freedom[0], rel=1e-7)


def test_the_event_study_is_the_two_by_two_of_each_period_with_the_reference():
    readings, group = simulated(3, effect=2.0)
    found = difference.event_study(readings, group, 5)

    by_hand = []
    for period in found.period:
        rows = (readings.period == period) | (readings.period == 5)
        by_hand.append(
            difference.two_by_two(
                readings.outcome[rows], group[rows], readings.period[rows] == period
            )
        )
    # Before the reference, the sign turns twice: in the group "after" and in time.
    assert found.fit.coefficient == pytest.approx(by_hand, abs=1e-12)
    assert found.is_before.tolist() == [True] * 5 + [False] * 4


def test_intervals_hold_a_planted_effect_and_tests_keep_their_level():
    # 300 panels with autocorrelated errors: both shares within 4 standard errors.
    covered = rejected = ignored = 0
    for seed in range(300):
        readings, group = simulated(seed, effect=1.0)
        fit = difference.two_way_fixed_effects(readings)
        low, high = fit.interval()
        covered += low <= 1 <= high
        naive = 1.96 * fit.iid[0, 0] ** 0.5
        ignored += abs(fit.coefficient[0] - 1) <= naive
        rejected += difference.event_study(readings, group, 5).pre_trend.p_value < 0.05

    assert covered / 300 == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 300))
    # Errors taken as independent cover far less: the clusters are not for show.
    assert ignored / 300 < 0.9
    assert rejected / 300 < 0.05 + 4 * math.sqrt(0.95 * 0.05 / 300)


def test_the_slope_called_detectable_is_seen_four_times_in_five():
    slope = np.median(
        [
            difference.event_study(*simulated(seed), 5).pre_trend.detectable_slope
            for seed in range(30)
        ]
    )
    seen = [
        difference.event_study(*simulated(1000 + seed, drift=slope), 5).pre_trend.p_value < 0.05
        for seed in range(200)
    ]

    # The covariance is estimated from 20 clusters, so that the stated power is itself uncertain.
    assert np.mean(seen) == pytest.approx(0.8, abs=0.12)


def test_the_slope_before_the_start_is_that_of_the_group_differences():
    readings, group = simulated(9, drift=0.5)
    found = difference.drift_before_start(readings, group)
    gap = [
        readings.outcome[(readings.period == at) & (group == 1)].mean()
        - readings.outcome[(readings.period == at) & (group == 0)].mean()
        for at in range(6)
    ]

    assert found.coefficient[0] == pytest.approx(np.polyfit(range(6), gap, 1)[0])
    assert found.interval()[0] < 0.5 < found.interval()[1]


def chosen_for_a_slump(seed):
    """Teams whose last reading before the start is lowest are treated, to no effect."""
    readings, _ = simulated(seed, units=20, treated=8)
    last = readings.outcome.reshape(20, 10)[:, 5]
    group = np.isin(readings.unit, np.argsort(last)[:8])
    after = readings.period >= 6
    turned = difference.panel(readings.outcome, group & after, readings.unit, readings.period)
    return turned, group.astype(float)


def test_those_chosen_for_a_slump_are_found_out_and_those_chosen_at_random_are_not():
    slumped = [difference.selection_on_the_past(*chosen_for_a_slump(seed)) for seed in range(60)]
    random = [difference.selection_on_the_past(*simulated(seed)) for seed in range(150)]

    assert np.mean([found.dip for found in slumped]) < -0.8
    assert np.mean([found.is_selected for found in slumped]) > 0.5
    assert np.mean([found.is_selected for found in random]) < 0.05 + 4 * math.sqrt(0.0475 / 150)


def test_a_slump_that_fades_looks_like_an_effect():
    # No effect at all; the event study from the last period before the start sees one.
    effects = [
        difference.event_study(*chosen_for_a_slump(seed), 5).fit.coefficient[-3:].mean()
        for seed in range(60)
    ]

    assert np.mean(effects) > 0.5


def test_a_short_pilot_that_passes_the_pre_trend_test_has_little_power():
    readings, group = simulated(7, units=8, treated=4, periods=6, start=3, effect=1.0)
    found = difference.event_study(readings, group, 2).pre_trend

    assert found.p_value > 0.05
    assert found.power < 0.5


def test_the_permutation_test_tries_all_deals_where_it_can():
    # 4 of 8 units, each far above: only the actual deal and its mirror are as large, of 70.
    unit, period = np.divmod(np.arange(16), 2)
    outcome = unit * 0.01 + (period == 1) * (unit < 4) * (5 + 0.1 * unit)
    readings = difference.panel(outcome, (period == 1) & (unit < 4), unit, period)
    found = difference.permutation_test(readings)

    assert found.is_exact
    assert found.n_deals == 70
    assert found.p_value == pytest.approx(2 / 70)


def test_the_permutation_test_keeps_its_level_and_draws_the_same_deals_again():
    p_values = [
        difference.permutation_test(simulated(seed, units=16)[0], deals=199).p_value
        for seed in range(200)
    ]

    assert np.mean(np.array(p_values) <= 0.05) == pytest.approx(0.05, abs=4 * 0.0154)
    assert difference.permutation_test(simulated(4, units=16)[0], deals=199).p_value == p_values[4]


def refused_panel(**changed):
    given = {
        "outcome": [1, 2, 3, 4.0],
        "treatment": [0, 0, 0, 1],
        "unit": [1, 2, 1, 2],
        "period": [1, 1, 2, 2],
    }
    return difference.panel(**{**given, **changed})


def of_nothing():
    """Unit and period say all there is."""
    readings, _ = simulated(1)
    return dataclasses.replace(readings, outcome=0.3 * readings.unit + 0.1 * readings.period)


def test_with_one_treated_cluster_a_nil_effect_would_be_found_most_of_the_time():
    rejected = [
        difference.two_way_fixed_effects(simulated(seed, treated=1)[0], least=1).p_value() < 0.05
        for seed in range(40)
    ]

    assert np.mean(rejected) > 0.5


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda: refused_panel(outcome=[1, 2, math.inf, 4]), "infinite_value"),
        (lambda: refused_panel(outcome=[math.nan] * 4), "no_value"),
        (lambda: refused_panel(treatment=[0, 0, math.nan, 1]), "gap_in_series"),
        (lambda: refused_panel(period=[1, 1, 1, 2]), "duplicate_period"),
        (lambda: refused_panel(treatment=[0, 0, 0, 0]), "no_comparison"),
        (lambda: refused_panel(treatment=[1, 1, 1, 1]), "no_comparison"),
        (lambda: difference.two_by_two([1, 2], [1, 1], [0, 1]), "no_comparison"),
        # Four readings, four parameters.
        (lambda: difference.two_way_fixed_effects(refused_panel(), least=1), "too_few_readings"),
        (lambda: refused_panel(treatment=[0, 0, math.inf, 1]), "gap_in_series"),
        (
            lambda: difference.two_by_two([1, math.inf, 2, 3], [1, 1, 0, 0], [0, 1] * 2),
            "infinite_value",
        ),
        (lambda: difference.two_way_fixed_effects(simulated(1, treated=3)[0]), "too_few_clusters"),
        (lambda: difference.event_study(*simulated(1, treated=3), 5), "too_few_clusters"),
        (lambda: difference.drift_before_start(*simulated(1, treated=3)), "too_few_clusters"),
        (lambda: difference.selection_on_the_past(*simulated(1, treated=3)), "too_few_clusters"),
        (lambda: difference.permutation_test(of_nothing()), "no_variation"),
        (lambda: difference.permutation_test(simulated(1, treated=3)[0]), "too_few_clusters"),
        (lambda: difference.permutation_test(simulated(1, treated=17)[0]), "too_few_clusters"),
        (lambda: difference.event_study(*simulated(1), 77), "no_comparison"),
        (
            lambda: difference.event_study(*simulated(1, start=1), 0).pre_trend,
            "too_few_readings",
        ),
        (
            # All begin at once: the effect is that of the period.
            lambda: difference.two_way_fixed_effects(simulated(1, treated=20)[0], least=0),
            "singular_covariance",
        ),
        (
            lambda: difference.two_way_fixed_effects(
                difference.panel(
                    np.full(12, 5.1),
                    [0, 0, 1] * 2 + [0] * 6,
                    np.repeat([1, 2, 3, 4], 3),
                    [1, 2, 3] * 4,
                ),
                least=1,
            ),
            "no_variation",
        ),
    ],
)
def test_designs_that_cannot_answer_are_refused_by_name(answer, reason):
    found = answer()

    assert isinstance(found, Refusal)
    assert found.reason == reason
