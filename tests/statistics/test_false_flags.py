"""Flags of chance: published run lengths, and simulation where limits are estimated."""

import numpy as np
import pytest
from scipy.stats import norm

from orchestration.statistics.spc.charts import individuals_limits
from orchestration.statistics.spc.false_flags import (
    convention_share,
    false_flag_share,
    readings_to_find,
    runs_arl,
)
from orchestration.statistics.spc.rules import flag_runs


@pytest.mark.parametrize(
    ("shift", "published"),
    [(0.0, 152.73), (0.2, 110.52), (0.4, 59.76), (0.6, 33.64), (1.0, 14.58)],
)
def test_run_lengths_with_runs_of_eight_agree_with_champ_and_woodall(shift, published):
    # Technometrics 29 (1987), table 1, chart C14 (rules 1 and 4), two decimals.
    assert runs_arl(run_length=8, shift=shift) == pytest.approx(published, abs=0.01)


def test_without_runs_it_is_the_shewhart_chart():
    assert runs_arl(run_length=120) == pytest.approx(1 / (2 * norm.sf(3)), rel=1e-9)


def test_a_shift_either_way_is_found_alike():
    assert runs_arl(shift=0.7) == pytest.approx(runs_arl(shift=-0.7), rel=1e-12)


@pytest.mark.parametrize("run_length", [1, 0])
def test_a_run_of_one_point_is_refused(run_length):
    with pytest.raises(ValueError, match="no chart has runs"):
        runs_arl(run_length=run_length)


def test_known_lines_leave_the_chance_of_the_rules():
    # Beyond three sigma, or the ninth of a run that is not.
    beyond, run = 2 * norm.sf(3), 2 * 0.5**8 * (0.5 - norm.sf(3))

    assert false_flag_share(10_000_000) == pytest.approx(beyond + run, rel=1e-4)


@pytest.mark.parametrize("baseline", [12, 24, 60])
def test_estimated_lines_flag_as_often_as_in_simulation(baseline):
    rng = np.random.default_rng(baseline)
    n, after = 20_000, 20
    length = baseline + after
    values, start = rng.normal(size=n * length), np.arange(n) * length
    lines = individuals_limits(
        values, series_start=start, baseline=np.tile(np.arange(length) < baseline, n)
    )
    flags = flag_runs(
        values,
        centre=lines.centre,
        sigma=lines.sigma,
        lower=lines.lower,
        upper=lines.upper,
        series_start=start,
    )
    flagged = ((flags.rule_1 != 0) | (flags.rule_2 != 0)).reshape(n, length)
    # Those that share no run with the baseline.
    later = flagged[:, baseline + 8 :].mean()

    # The sigma of a moving range is a chi variate only nearly: one part in ten.
    assert false_flag_share(baseline) == pytest.approx(later, rel=0.1)


def test_a_longer_baseline_accuses_less():
    share = false_flag_share([8, 12, 24, 48, 96])

    assert (np.diff(share) < 0).all()


def test_limits_from_one_reading_are_refused():
    with pytest.raises(ValueError, match="at least 2 readings"):
        false_flag_share([24, 1])


@pytest.mark.parametrize("baseline", [12, 24, 48])
def test_the_simulated_share_of_a_convention_is_the_computed_one_where_both_are_known(baseline):
    """The two rules by their names are simulated, the set of both is computed."""
    simulated = convention_share("nelson_1+nelson_2", baseline)

    # The computed one is a tenth off itself, as above; the simulated one has a standard error of a
    # twentieth, because the readings of a chart share their limits.
    assert simulated == pytest.approx(convention_share("nelson_1_2", baseline), rel=0.2)


def test_more_rules_accuse_more_and_find_a_shift_no_later():
    sets = ["limits", "nelson_1_2", "western_electric+nelson_1_2", "nelson+we_4"]
    shares = [float(convention_share(one, 24)) for one in sets]
    found = [readings_to_find(one) for one in sets]

    assert shares == sorted(shares)
    assert found == sorted(found, reverse=True)
    # Four sigma out, nearly every reading is beyond a limit; half a sigma hardly any.
    assert readings_to_find("limits", shift=4.0) == 1
    assert readings_to_find("limits", shift=0.5) == np.inf


def test_a_share_of_an_unknown_rule_or_of_no_limits_is_refused():
    with pytest.raises(ValueError, match="unknown rule 'nelson_9'"):
        convention_share("nelson_9", 24)
    with pytest.raises(ValueError, match="at least 2 readings"):
        convention_share("nelson", [24, 1])
