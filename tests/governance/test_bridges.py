"""Changes of sites are divided as planted, add up, and say what could not be told."""

import numpy as np
import pandas as pd
import pytest

from orchestration.governance.bridges import (
    KEY,
    explain_changes,
    explain_changes_of_led,
    largest_miss,
)

MONTHS = pd.period_range("2023-01", periods=36, freq="M").to_timestamp()
NO_DRIVERS = pd.DataFrame(
    columns=[
        *("kpi_id", "factor_id", "role_code", "site_id"),
        *("period_start_date", "lag_months", "factor_value"),
    ]
)
BRIDGE = [*KEY, "comparison"]


def company(rng, *, sites=6, lines=4, driver=0.0, shared=0.0, own=0.004, role="exogenous"):
    """Readings of lines, and an index that reaches the sites a month later."""
    index = rng.normal(0, 0.2, (sites, len(MONTHS)))
    site_month = rng.normal(0, 1, (sites, len(MONTHS))) * shared
    level = rng.normal(0.7, 0.05, (sites, lines))
    rows = []
    for site in range(sites):
        for line in range(lines):
            for at, month in enumerate(MONTHS):
                bears = driver * index[site, at - 1] if at else 0.0
                ratio = level[site, line] + bears + site_month[site, at] + rng.normal(0, own)
                size = rng.uniform(800, 1200)
                rows.append((f"S{site}", month, f"S{site}-L{line}", ratio * size, size))
    frame = pd.DataFrame(
        rows, columns=["site_id", "period_start_date", "unit_id", "numerator", "denominator"]
    )
    whole = frame.groupby(["site_id", "period_start_date"])[["numerator", "denominator"]]
    frame[["site_numerator", "site_denominator"]] = whole.transform("sum")
    drivers = pd.DataFrame(
        {
            "kpi_id": "KPI006",
            "factor_id": "FREIGHT",
            "role_code": role,
            "site_id": np.repeat([f"S{site}" for site in range(sites)], len(MONTHS)),
            "period_start_date": np.tile(MONTHS, sites),
            "lag_months": 1,
            "factor_value": np.exp(index).ravel() * 100,
        }
    )
    return frame.assign(kpi_id="KPI006", multiplier=1.0), drivers, index, site_month


def part(bridges, name, comparison="previous_month"):
    """One part of each bridge, by site and month."""
    mine = bridges[(bridges["part"] == name) & (bridges["comparison"] == comparison)]
    return mine.set_index(["entity_id", "period_start_date"]).sort_index()


def test_parts_add_up_to_the_change_of_the_site():
    readings, drivers, *_ = company(np.random.default_rng(1), driver=0.3, shared=0.02)
    found = explain_changes(readings, drivers)

    assert largest_miss(found) < 1e-12
    assert set(found["part"]) == {"mix", "driver.FREIGHT", "site", "unexplained"}
    whole = readings.groupby(["site_id", "period_start_date"])[["numerator", "denominator"]].sum()
    value = whole["numerator"] / whole["denominator"]
    said = part(found, "unexplained")
    for (site, month), row in said.iterrows():
        assert row["outcome_value"] == pytest.approx(value[site, month], abs=1e-9)
        assert row["baseline_value"] == pytest.approx(
            value[site, month - pd.DateOffset(months=1)], abs=1e-9
        )
    # 35 months against the one before, 24 against the year before, of six sites.
    assert len(found[BRIDGE].drop_duplicates()) == 6 * (35 + 24)


def test_a_planted_driver_is_taken_out_with_its_lag_and_what_sites_share_is_found():
    rng = np.random.default_rng(2)
    readings, drivers, index, site_month = company(rng, driver=0.3, shared=0.02)
    found = explain_changes(readings, drivers)

    taken = part(found, "driver.FREIGHT")
    # The first month has no index before it.
    moved = np.diff(index, axis=1)[:, :-1].ravel() * 0.3
    inside = (taken["low_value"] <= moved) & (moved <= taken["high_value"])
    assert np.corrcoef(taken["contribution_value"], moved)[0, 1] > 0.999
    # One coefficient: its interval holds all months or none.
    assert inside.all()
    shared = part(found, "site")["contribution_value"].to_numpy().reshape(6, -1)[:, 1:]
    assert np.corrcoef(shared.ravel(), np.diff(site_month, axis=1)[:, 1:].ravel())[0, 1] > 0.98


def test_what_a_driver_is_uncertain_by_the_site_is_uncertain_by_too():
    readings, drivers, *_ = company(np.random.default_rng(2), driver=0.3, shared=0.02)
    found = explain_changes(readings, drivers)
    taken = part(found, "driver.FREIGHT")
    driver, site, left = (
        (one["high_value"] - one["low_value"]).loc[taken.index].to_numpy()
        for one in (taken, part(found, "site"), part(found, "unexplained"))
    )
    far = driver > np.quantile(driver, 0.9)

    # What lines share is nearly all that a driver leaves: it takes nearly all of its error, and the
    # unexplained the rest of it.
    assert np.all(site > 0.95 * driver)
    assert np.all(site[far] > 1.2 * site[driver < np.median(driver)].max())
    assert np.all(left[far] < driver[far])


@pytest.mark.parametrize("role", ["shared", "leader_influenced"])
def test_what_leaders_share_in_is_never_taken_out(role):
    readings, drivers, *_ = company(np.random.default_rng(3), driver=0.3, role=role)

    assert set(explain_changes(readings, drivers)["part"]) == {"mix", "site", "unexplained"}


def test_lines_that_change_by_chance_alone_share_nothing_much():
    readings, _, _, _ = company(np.random.default_rng(4), sites=12, own=0.01)
    found = explain_changes(readings, NO_DRIVERS)

    shared, left = part(found, "site"), part(found, "unexplained")
    assert shared["contribution_value"].abs().mean() < 0.2 * left["contribution_value"].abs().mean()


def test_a_line_that_is_replaced_by_a_better_one_is_mix():
    months = MONTHS[:2]
    rows = [
        ("S0", months[0], "A", 60.0, 100.0), ("S0", months[0], "B", 80.0, 100.0),
        ("S0", months[1], "A", 30.0, 50.0), ("S0", months[1], "B", 120.0, 150.0),
    ]  # fmt: skip
    frame = pd.DataFrame(
        rows, columns=["site_id", "period_start_date", "unit_id", "numerator", "denominator"]
    ).assign(kpi_id="KPI006", multiplier=100.0)
    whole = frame.groupby("period_start_date")[["numerator", "denominator"]]
    frame[["site_numerator", "site_denominator"]] = whole.transform("sum")
    found = explain_changes(frame, NO_DRIVERS).set_index("part")

    # From 70 to 75, with both lines as they were.
    assert found.loc["mix", "contribution_value"] == pytest.approx(5, abs=1e-9)
    assert found.loc["unexplained", "contribution_value"] == pytest.approx(0, abs=1e-9)
    assert found.loc["unexplained", "not_told"].startswith(
        "site: all units of a place change alike"
    )


def test_lines_that_miss_their_site_explain_nothing_and_it_is_said():
    readings, drivers, *_ = company(np.random.default_rng(5), driver=0.3)
    bad = (readings["site_id"] == "S2") & (readings["period_start_date"] == MONTHS[20])
    readings.loc[bad, "site_denominator"] *= 1.1
    found = explain_changes(readings, drivers)

    assert largest_miss(found) < 1e-12
    mine = found[(found["entity_id"] == "S2") & (found["period_start_date"] == MONTHS[20])]
    assert set(mine["part"]) == {"driver.FREIGHT", "unexplained"}
    assert mine["not_told"].dropna().str.contains("do not add up").all()
    assert len(mine["not_told"].dropna()) == 2


def test_three_sites_are_too_few_for_a_driver_and_it_is_said():
    readings, drivers, *_ = company(np.random.default_rng(6), sites=3, driver=0.3)
    found = explain_changes(readings, drivers)

    assert set(found["part"]) == {"mix", "site", "unexplained"}
    said = found.loc[found["part"] == "unexplained", "not_told"]
    assert set(said) == {"drivers: 3 units have drivers, at least 4 are needed"}


def test_the_order_of_rows_changes_nothing():
    readings, drivers, *_ = company(np.random.default_rng(7), driver=0.3)
    one = explain_changes(readings, drivers)
    other = explain_changes(readings.sample(frac=1, random_state=1), drivers.iloc[::-1])

    pd.testing.assert_frame_equal(one, other)


def test_a_company_without_readings_has_no_bridges():
    readings, drivers, *_ = company(np.random.default_rng(8), sites=1, lines=1)

    assert explain_changes(readings.iloc[:0], drivers).empty
    assert largest_miss(explain_changes(readings.iloc[:0], drivers)) == 0
    # One line a site: that line is the site's mix of one, and what lines share cannot be told.
    alone = explain_changes(readings, NO_DRIVERS)
    assert set(alone["part"]) == {"mix", "unexplained"}
    assert (part(alone, "mix")["contribution_value"] == 0).all()


def led_by(readings, changes):
    """Who led each line: its own leader, but for `changes` of (line, from month, leader)."""
    led = readings[["kpi_id", "unit_id", "period_start_date"]].rename(
        columns={"unit_id": "line_id"}
    )
    led["leader_id"] = "E" + led["line_id"]
    for line, since, leader in changes:
        is_new = (led["line_id"] == line) & (led["period_start_date"] >= since)
        led.loc[is_new, "leader_id"] = leader
    return led


def effects(**known):
    return pd.DataFrame(
        [("KPI006", leader, effect, sd) for leader, (effect, sd) in known.items()],
        columns=["kpi_id", "leader_id", "effect_value", "sd"],
    )


def test_a_new_leader_counts_by_the_weight_of_the_line_and_with_both_errors():
    readings, drivers, *_ = company(np.random.default_rng(9))
    led = led_by(readings, [("S1-L2", MONTHS[12], "NEW")])
    known = effects(**{"NEW": (0.06, 0.03), "ES1-L2": (-0.02, 0.04)})
    found = explain_changes_of_led(readings, drivers, led, known)

    # One month against the one before; twelve against the year before.
    assert len(found[BRIDGE].drop_duplicates()) == 1 + 12
    assert largest_miss(found) < 1e-12
    mine = part(found, "leader").loc[("S1", MONTHS[12])]
    site = readings[readings["site_id"] == "S1"]
    shares = [
        float(rows.loc[rows["unit_id"] == "S1-L2", "denominator"].iloc[0])
        / rows["denominator"].sum()
        for month in MONTHS[11:13]
        for rows in [site[site["period_start_date"] == month]]
    ]
    weight = np.mean(shares)
    assert mine["contribution_value"] == pytest.approx(weight * 0.08, abs=1e-9)
    half = (mine["high_value"] - mine["low_value"]) / 2
    assert half == pytest.approx(1.959964 * weight * np.hypot(0.03, 0.04), rel=1e-5)


def test_leaders_that_cannot_be_told_apart_get_no_part():
    readings, drivers, *_ = company(np.random.default_rng(10))
    led = led_by(readings, [("S1-L2", MONTHS[12], "NEW")])
    known = effects(**{"NEW": (0.06, 0.03), "ES1-L2": (np.nan, np.nan)})

    assert explain_changes_of_led(readings, drivers, led, known).empty


def test_two_leaders_who_swap_lines_of_one_size_cancel_in_their_site():
    readings, drivers, *_ = company(np.random.default_rng(11))
    readings["numerator"] /= readings["denominator"] / 1000
    readings["denominator"] = 1000.0
    whole = readings.groupby(["site_id", "period_start_date"])[["numerator", "denominator"]]
    readings[["site_numerator", "site_denominator"]] = whole.transform("sum")
    swap = [("S0-L0", MONTHS[12], "ES0-L1"), ("S0-L1", MONTHS[12], "ES0-L0")]
    known = effects(**{"ES0-L0": (0.05, 0.02), "ES0-L1": (-0.01, 0.02)})
    found = explain_changes_of_led(readings, drivers, led_by(readings, swap), known)

    mine = part(found, "leader").loc[("S0", MONTHS[12])]
    assert mine["contribution_value"] == pytest.approx(0, abs=1e-12)
    assert mine["high_value"] - mine["low_value"] == pytest.approx(0, abs=1e-9)


def test_the_published_bridge_does_not_know_who_led():
    readings, drivers, *_ = company(np.random.default_rng(12), driver=0.3)
    led = led_by(readings, [("S1-L2", MONTHS[12], "NEW")])
    known = effects(**{"NEW": (0.06, 0.03), "ES1-L2": (-0.02, 0.04)})

    assert "leader" not in set(explain_changes(readings, drivers)["part"])
    assert "leader" in set(explain_changes_of_led(readings, drivers, led, known)["part"])
