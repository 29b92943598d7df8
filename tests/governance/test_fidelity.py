"""What was done and what came of it are two questions, and only their answers are put together."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from orchestration.demo.pilot_draws import draw_pilot
from orchestration.governance.fidelity import COLUMNS, judge_fidelity
from orchestration.statistics.experiments.interrupted import average_effect

IN_TIME, LATE, NOT, AHEAD = (
    (True, True, True),
    (True, True, False),
    (True, False, False),
    (False,) * 3,
)


def steps_of(readings, said, least=0.8):
    """Give the lines under the change what was said of each of their steps, in order of line."""
    lines = readings.dropna(subset=["starts_on_date"]).drop_duplicates("line_id")
    return pd.DataFrame(
        [
            {
                "trial_id": "drawn",
                "kpi_id": "KPI009",
                "line_id": line,
                "starts_on_date": start,
                "least_fidelity_share": least,
                "step_id": f"s{number}" if one is not None else None,
                **dict(zip(("is_due", "is_done", "is_done_in_time"), one or AHEAD, strict=True)),
            }
            for line, start, steps in zip(
                lines["line_id"], lines["starts_on_date"], said, strict=True
            )
            for number, one in enumerate(steps)
        ]
    )


def by_line(found):
    return found.set_index("line_id").to_dict("index")


def test_fidelity_is_the_share_of_due_steps_that_were_done_in_time():
    readings = draw_pilot(1, treated=4)
    found = by_line(
        judge_fidelity(
            readings,
            steps_of(
                readings,
                [
                    [IN_TIME, IN_TIME, IN_TIME, IN_TIME, LATE],
                    [IN_TIME, LATE, NOT, AHEAD],
                    [NOT, NOT],
                    [AHEAD],
                ],
            ),
        )
    )

    shown = ("n_due", "n_in_time", "n_done", "fidelity", "done")
    assert [found["L01"][name] for name in shown] == [5, 4, 5, 0.8, 1.0]
    # Of four steps one is not due yet: 1 of 3 in time, 2 of 3 at all.
    assert [found["L02"][name] for name in shown[:3]] == [3, 1, 2]
    assert found["L02"]["fidelity"] == pytest.approx(1 / 3)
    assert found["L02"]["done"] == pytest.approx(2 / 3)
    assert [found["L03"][name] for name in shown] == [2, 0, 0, 0.0, 0.0]
    # 0.8 is enough where 0.8 was declared.
    assert found["L01"]["verdict"].startswith("done_")
    assert found["L02"]["verdict"].startswith("not_done_")
    assert found["L04"]["refusal"] == "no_value: no step of it is due yet"
    assert [found["*"][name] for name in shown] == [10, 5, 7, 0.5, 0.7]


@pytest.mark.parametrize(("direction", "sign"), [("higher", 1), ("lower", -1)])
def test_what_was_planted_falls_into_its_class(direction, sign):
    """Fifteen points, where the months of a line vary by one, so that each line is plain."""
    readings = draw_pilot(8, effect=0, treated=8, starts=(12,), direction=direction)
    lines = [f"L{number:02d}" for number in range(1, 9)]
    better = readings["line_id"].isin(lines[::2]) & (readings["period_start_date"] >= "2025-01-01")
    value = readings["computed_value"] + sign * 0.15 * better
    found = by_line(
        judge_fidelity(
            readings.assign(computed_value=value), steps_of(readings, [[IN_TIME]] * 4 + [[NOT]] * 4)
        )
    )

    assert [found[line]["verdict"] for line in lines] == (
        ["done_and_better", "done_not_better"] * 2 + ["not_done_better", "not_done_not_better"] * 2
    )
    names = ("done_better", "done_not_better", "not_done_better", "not_done_not_better")
    assert [found["*"][f"n_{name}"] for name in (*names, "not_judged")] == [2, 2, 2, 2, 0]
    assert found["*"]["verdict"] == "no_difference_shown"
    for line in lines[::2]:
        assert found[line]["low_value"] <= sign * 0.15 <= found[line]["high_value"]


@pytest.mark.parametrize(
    ("smallest", "verdict"), [(0.015, "done_and_better"), (0.5, "done_not_better")]
)
def test_better_is_what_is_beyond_chance_and_worth_having_as_declared(smallest, verdict):
    readings = draw_pilot(8, effect=0.15, treated=8, starts=(12,), smallest_effect=smallest)
    found = by_line(judge_fidelity(readings, steps_of(readings, [[IN_TIME]] * 8)))

    assert found["L01"]["low_value"] > 0
    assert found["L01"]["verdict"] == verdict


def test_effects_of_lines_have_no_bias_and_their_intervals_hold_the_truth():
    found = [
        judge_fidelity(readings, steps_of(readings, [[IN_TIME]] * 12))
        for readings in (draw_pilot(seed, effect=0.02) for seed in range(8))
    ]
    lines = pd.concat(found).query("line_id != '*' and refusal.isna()")

    # Some 92 lines: standard error of the mean .002, of a coverage of 95 % 2.3 points.
    assert lines["estimate"].mean() == pytest.approx(0.02, abs=0.006)
    assert ((lines["low_value"] <= 0.02) & (lines["high_value"] >= 0.02)).mean() >= 0.88
    assert set(lines["convention"]) == {"less the mean of 28 lines without the change; AR(1), REML"}


def test_what_happens_to_all_lines_is_no_effect_unless_there_is_nobody_to_compare_with():
    readings = draw_pilot(3, effect=0)
    since = readings["period_start_date"] >= "2025-01-01"
    readings = readings.assign(computed_value=readings["computed_value"] + 0.2 * since)
    steps = steps_of(readings, [[IN_TIME]] * 12)
    beside = by_line(judge_fidelity(readings, steps))
    few = readings[readings["starts_on_date"].notna() | readings["line_id"].isin(["L38", "L39"])]
    alone = by_line(judge_fidelity(few, steps))

    # A step of all lines, on the day of the first wave.
    assert abs(beside["L01"]["estimate"]) < 0.1
    assert alone["L01"]["estimate"] == pytest.approx(0.2, abs=0.1)
    assert alone["L01"]["convention"] == "line alone; AR(1), REML"


def test_the_effect_of_a_line_is_that_of_its_own_series():
    readings = draw_pilot(4).query("line_id <= 'L12'")
    found = by_line(judge_fidelity(readings, steps_of(readings, [[IN_TIME]] * 12)))
    own = readings[readings["line_id"] == "L01"].sort_values("period_start_date")
    direct = average_effect(own["computed_value"], 12)

    shown = [found["L01"][name] for name in ("estimate", "low_value", "high_value", "p_value")]
    assert shown == pytest.approx(
        [direct.effect, direct.low, direct.high, direct.p_value], abs=1e-9
    )
    assert (found["L01"]["n_before"], found["L01"]["n_after"]) == (12, 12)
    assert (found["L12"]["n_before"], found["L12"]["n_after"]) == (16, 8)


def test_lines_that_did_the_steps_are_compared_with_the_others_by_welch():
    readings = draw_pilot(8, effect=0, treated=8, starts=(12,))
    more = readings["line_id"].isin(["L01", "L02", "L03", "L04"])
    since = readings["period_start_date"] >= "2025-01-01"
    readings = readings.assign(computed_value=readings["computed_value"] + 0.2 * (more & since))
    found = judge_fidelity(readings, steps_of(readings, [[IN_TIME]] * 4 + [[NOT]] * 4))
    effects = found.set_index("line_id")["estimate"]
    assert found["n_not_judged"].iloc[0] == 0
    one, two = (effects[[f"L{at:02d}" for at in ats]] for ats in (range(1, 5), range(5, 9)))
    errors = one.var() / 4, two.var() / 4
    freedom = sum(errors) ** 2 / (errors[0] ** 2 / 3 + errors[1] ** 2 / 3)
    half = student.ppf(0.975, freedom) * np.sqrt(sum(errors))
    all_lines = by_line(found)["*"]

    assert all_lines["estimate"] == pytest.approx(one.mean() - two.mean(), abs=1e-9)
    assert all_lines["freedom"] == pytest.approx(freedom, abs=1e-6)
    assert all_lines["high_value"] == pytest.approx(one.mean() - two.mean() + half, abs=1e-8)
    assert (all_lines["estimate_kind"], all_lines["verdict"]) == (
        "difference",
        "faithful_gained_more",
    )
    worse = judge_fidelity(
        readings.assign(direction="lower"), steps_of(readings, [[IN_TIME]] * 4 + [[NOT]] * 4)
    )
    assert by_line(worse)["*"]["verdict"] == "faithful_gained_less"


def _without_a_month(readings):
    is_gone = (readings["line_id"] == "L01") & (readings["period_start_date"] == "2024-06-01")
    return readings[~is_gone]


@pytest.mark.parametrize(
    ("change", "said", "refusal"),
    [
        (lambda r: r, [None], "no_value: no step of it is declared"),
        (lambda r: r[r["period_start_date"] < "2025-08-01"], [IN_TIME], "too_few_readings: 7"),
        (lambda r: r[r["period_start_date"] >= "2024-06-01"], [IN_TIME], "too_few_readings: 7"),
        (_without_a_month, [IN_TIME], "gap_in_series: there is no reading at point 6"),
        (lambda r: r[r["line_id"] != "L01"], [IN_TIME], "no_value: the KPI has no final monthly"),
        (lambda r: r.assign(direction="neither"), [IN_TIME], "no_comparison: the KPI has no"),
        (lambda r: pd.concat([r, r.iloc[:1]]), [IN_TIME], "duplicate_period: a line has two"),
    ],
)
def test_a_line_that_cannot_be_judged_says_why(change, said, refusal):
    readings = draw_pilot(1, treated=4, starts=(12,))
    steps = steps_of(readings, [said, [IN_TIME], [IN_TIME], [IN_TIME]])
    found = by_line(judge_fidelity(change(readings), steps))

    assert found["L01"]["verdict"] == "not_judged"
    assert found["L01"]["refusal"].startswith(refusal)
    assert found["*"]["n_not_judged"] >= 1
    assert found["*"]["refusal"].startswith("too_few_clusters")


def test_a_line_whose_months_hang_together_is_not_called_unimproved():
    """Fifteen points where months vary by one: the estimate is near, its interval says nothing."""
    readings = draw_pilot(2, effect=0.15, treated=8, starts=(12,))
    found = by_line(judge_fidelity(readings, steps_of(readings, [[IN_TIME]] * 8)))

    assert found["L05"]["verdict"] == "not_judged"
    assert "too_few_readings: the errors hang together so much" in found["L05"]["refusal"]
    assert [found[line]["verdict"] for line in ("L01", "L03", "L07")] == ["done_and_better"] * 3


def test_what_is_known_of_one_question_stands_there_though_the_other_has_no_answer():
    readings = draw_pilot(1, treated=4, starts=(12,))
    steps = steps_of(readings, [[None], [IN_TIME, NOT], [IN_TIME], [IN_TIME]])
    found = by_line(judge_fidelity(readings[readings["line_id"] != "L02"], steps))

    assert (found["L01"]["verdict"], np.isfinite(found["L01"]["estimate"])) == ("not_judged", True)
    assert (found["L02"]["verdict"], found["L02"]["fidelity"]) == ("not_judged", 0.5)


def test_without_trials_there_are_the_columns_and_no_row():
    readings = draw_pilot(1, treated=4)
    found = judge_fidelity(readings.iloc[:0], steps_of(readings, [[IN_TIME]] * 4).iloc[:0])

    assert (list(found.columns), len(found)) == (list(COLUMNS), 0)


def test_a_trial_without_readings_shows_what_was_done():
    readings = draw_pilot(1, treated=4)
    steps = steps_of(readings, [[IN_TIME]] * 4)
    nothing = readings.iloc[:1].assign(
        line_id=None, period_start_date=pd.NaT, computed_value=np.nan, direction=None
    )
    found = by_line(judge_fidelity(nothing, steps))

    assert (found["L01"]["fidelity"], found["L01"]["verdict"]) == (1.0, "not_judged")
    assert found["*"]["n_not_judged"] == 4
