"""Effects of leaders are recovered where they can be told apart, and withheld where not."""

import numpy as np
import pandas as pd
import pytest

from orchestration.governance.leaders import estimate_leaders

MONTHS = pd.period_range("2023-10", periods=36, freq="M").to_timestamp()


def planted(rng, *, lines=30, sites=3, direction="higher", level=65.0):
    """Readings of lines whose leaders change every year and often change the line as well.

    Leader sd 1.5, line 1.5, site 1.0, residual 1.0. The last line of each site keeps one leader
    who leads nothing else, so that nothing can be told of them.
    """
    of_line, of_site = 1.5 * rng.standard_normal(lines), rng.standard_normal(sites)
    effects = dict(enumerate(1.5 * rng.standard_normal(lines)))
    moving = [line for line in range(lines) if line // sites < lines // sites - 1]
    rows = []
    for year in range(3):
        led = dict(zip(moving, rng.permutation(moving), strict=True))
        for line in range(lines):
            leader = led.get(line, line)
            for month in MONTHS[12 * year : 12 * year + 12]:
                sign = 1 if direction == "higher" else -1
                value = of_line[line] + of_site[line % sites] + sign * effects[leader]
                rows.append((f"L{line:02d}", f"S{line % sites}", f"E{leader:02d}", month, value))
    frame = pd.DataFrame(
        rows, columns=["line_id", "site_id", "leader_id", "period_start_date", "value"]
    )
    noise = rng.standard_normal(len(frame))
    return frame.assign(
        kpi_id="KPI006",
        computed_value=level + frame.pop("value") + noise,
        direction=direction,
        threshold_level=60.0,
        target_level=63.0 if direction == "higher" else 57.0,
    ), {f"E{leader:02d}": effect for leader, effect in effects.items()}


def test_planted_effects_are_found_and_those_without_a_comparison_get_no_number():
    readings, truth = planted(np.random.default_rng(20_261_120))
    found = estimate_leaders(readings).set_index("leader_id")
    alone = found[found["verdict"] == "not_separable"]
    shown = found[found["effect_value"].notna()]

    assert set(alone.index) == {"E27", "E28", "E29"}
    assert alone[["effect_value", "low_value", "probability_better"]].isna().all(axis=None)
    assert len(shown) == 27
    expected = pd.Series(truth)[shown.index]
    raw = readings.groupby("leader_id")["computed_value"].mean()[shown.index]
    assert shown["effect_value"].corr(expected) > raw.corr(expected) + 0.12
    assert shown["effect_value"].corr(expected) > 0.85
    # Effects are about the mean of the leaders that are there.
    centred = expected - expected.mean()
    inside = (shown["low_value"] <= centred) & (centred <= shown["high_value"])
    assert inside.mean() > 0.85
    # One point of the score: a third of the way from threshold to target.
    assert set(found["practical_difference"]) == {1.0}
    # Whoever leads one line alone is in a comparison without moves.
    assert (alone["move_count"] == 0).all()
    assert (shown["move_count"] > shown["weak_move_count"]).all()
    assert (shown["stability_change"].notna() == (shown["weak_move_count"] > 0)).all()


@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_better_is_what_the_direction_of_the_kpi_says(direction):
    readings, truth = planted(np.random.default_rng(7), direction=direction)
    found = estimate_leaders(readings).set_index("leader_id")
    shown = found[found["effect_value"].notna()]
    best, worst = (pd.Series(truth)[shown.index].agg(which) for which in ("idxmax", "idxmin"))

    assert shown.loc[best, "verdict"] == "better"
    assert shown.loc[worst, "verdict"] == "worse"
    assert shown.loc[best, "probability_better"] > 0.9
    assert np.sign(shown.loc[best, "effect_value"]) == (1 if direction == "higher" else -1)


def test_without_true_effects_few_are_called_different():
    rng = np.random.default_rng(3)
    verdicts = []
    for _ in range(8):
        readings, _ = planted(rng)
        readings["computed_value"] = 65 + rng.standard_normal(len(readings))
        verdicts += estimate_leaders(readings)["verdict"].tolist()
    assert np.mean([verdict in {"better", "worse"} for verdict in verdicts]) < 0.05


def test_a_kpi_that_nobody_can_be_compared_on_says_why_and_stops_no_other():
    readings, _ = planted(np.random.default_rng(5))
    # Every line keeps its leader: leader and line are one.
    stuck = readings.assign(kpi_id="KPI001", leader_id="E" + readings["line_id"])
    found = estimate_leaders(pd.concat([readings, stuck]))

    [row] = found[found["kpi_id"] == "KPI001"].to_dict("records")
    assert row["refusal"] == "no_comparison: no leader led a second unit: leader and spell are one"
    assert row["leader_id"] == "*"
    assert set(found[found["kpi_id"] == "KPI006"]["refusal"]) == {None}
    assert found[found["kpi_id"] == "KPI006"]["effect_value"].notna().sum() > 20


def test_nothing_in_nothing_out():
    readings, _ = planted(np.random.default_rng(5))
    assert estimate_leaders(readings.head(0)).empty
