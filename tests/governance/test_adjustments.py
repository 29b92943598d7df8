"""Figures of sites beside those of usual surroundings: what is declared and seen is taken out."""

import numpy as np
import pandas as pd
import pytest

from orchestration.governance.adjustments import COLUMNS, adjust_readings
from tests.governance.test_bridges import MONTHS, NO_DRIVERS, company


def adjusted(*, driver=0.3, role="exogenous", **more):
    readings, drivers, index, _ = company(
        np.random.default_rng(2), driver=driver, role=role, **more
    )
    return adjust_readings(readings, drivers), index, readings


def test_a_planted_driver_is_taken_out_of_every_month_with_its_lag():
    found, index, _ = adjusted()
    known = found[found["refusal"].isna()].set_index(["entity_id", "period_start_date"])

    assert (known["verdict"] == "taken_out").all()
    # A month after the index moved by one, the figure moved by 0.3.
    assert known["low_coefficient"].iloc[0] < 0.3 < known["high_coefficient"].iloc[0]
    moved = index[:, :-1] - index[:, :-1].mean(axis=1, keepdims=True)
    assert np.corrcoef(known["effect_value"], 0.3 * moved.ravel())[0, 1] > 0.999
    # What remains is the level of each site and the noise of its four lines.
    raw, without = (
        known[name].groupby("entity_id").std() for name in ("raw_value", "adjusted_value")
    )
    assert (raw > 0.04).all()
    assert (without < 0.01).all()


def test_raw_and_adjusted_figures_stand_side_by_side_and_differ_by_the_effect():
    found, _, readings = adjusted()
    whole = readings.groupby(["site_id", "period_start_date"])[["numerator", "denominator"]].sum()
    at = found.set_index(["entity_id", "period_start_date"])

    assert at["raw_value"].to_dict() == pytest.approx(
        (whole["numerator"] / whole["denominator"]).to_dict(), abs=1e-9
    )
    known = found[found["refusal"].isna()]
    assert known["adjusted_value"].to_numpy() == pytest.approx(
        (known["raw_value"] - known["effect_value"]).to_numpy(), abs=1e-9
    )
    assert (known["low_adjusted_value"] <= known["adjusted_value"]).all()
    assert (known["adjusted_value"] <= known["high_adjusted_value"]).all()


def test_the_mean_of_a_site_is_the_same_before_and_after():
    known = adjusted()[0].dropna(subset=["adjusted_value"]).groupby("entity_id")

    assert known["adjusted_value"].mean().to_numpy() == pytest.approx(
        known["raw_value"].mean().to_numpy(), abs=1e-9
    )


@pytest.mark.parametrize("role", ["shared", "leader_influenced"])
def test_what_leaders_have_a_part_in_is_a_sensitivity_and_never_taken_out(role):
    found, _, _ = adjusted(role=role)
    known = found[found["refusal"].isna()]

    assert (known["verdict"] == "not_exogenous").all()
    assert found["adjusted_value"].isna().all()
    # What it would be is shown all the same.
    assert known["without_value"].groupby(known["entity_id"]).std().max() < 0.01


def test_a_driver_that_does_nothing_is_hardly_ever_taken_out():
    taken = 0
    for seed in range(40):
        readings, drivers, _, _ = company(np.random.default_rng(seed), driver=0.0)
        taken += (adjust_readings(readings, drivers)["verdict"] == "taken_out").any()

    # Two of 40 expected at 5 %; more than seven with chance .0006.
    assert taken <= 7


def test_beside_an_exogenous_driver_one_of_another_role_changes_no_adjusted_value():
    readings, drivers, _, _ = company(np.random.default_rng(2), driver=0.3)
    noise = np.exp(np.random.default_rng(9).normal(0, 0.2, len(drivers)))
    other = drivers.assign(factor_id="STEEL", role_code="shared", factor_value=noise)
    alone = adjust_readings(readings, drivers)
    both = adjust_readings(readings, pd.concat([drivers, other]))
    of_freight = both[both["factor_id"] == "FREIGHT"].reset_index(drop=True)

    pd.testing.assert_series_equal(of_freight["adjusted_value"], alone["adjusted_value"])
    # The declarations are others, and the model says so.
    assert of_freight["model_version"].iloc[0] != alone["model_version"].iloc[0]
    of_steel = both[both["factor_id"] == "STEEL"].reset_index(drop=True)
    assert set(of_steel["verdict"].dropna()) == {"not_exogenous"}
    pd.testing.assert_series_equal(of_steel["adjusted_value"], alone["adjusted_value"])


def test_a_month_without_the_series_and_a_company_of_three_sites_are_refused_by_name():
    found, _, _ = adjusted()
    first = found[found["period_start_date"] == MONTHS[0]]

    assert first["refusal"].tolist() == ["no_value: the series is not known for the month"] * 6
    assert first["adjusted_value"].isna().all()
    few, _, _ = adjusted(sites=3)
    assert few["refusal"].str.startswith("too_few_clusters: 3 units").all()
    assert few["verdict"].isna().all()
    assert few["raw_value"].notna().all()


def test_a_series_that_was_never_delivered_is_refused_by_name():
    readings, drivers, _, _ = company(np.random.default_rng(2), driver=0.3, role="exogenous")
    found = adjust_readings(readings, drivers.assign(factor_value=np.nan))

    assert len(found) == len(readings.drop_duplicates(["site_id", "period_start_date"]))
    assert found["refusal"].notna().all()
    assert found["adjusted_value"].isna().all()


def test_where_nothing_is_declared_there_is_no_row():
    readings, _, _, _ = company(np.random.default_rng(2))

    assert tuple(adjust_readings(readings, NO_DRIVERS).columns) == COLUMNS
    assert adjust_readings(readings, NO_DRIVERS).empty
