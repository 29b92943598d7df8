"""What readings mean: charts, verdicts and scores put together, reading by reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from orchestration.governance.score import score
from orchestration.governance.verdicts import assurance, band, variation
from orchestration.statistics.spc.judge import NOT_IN_CONTROL, RARE, judge_series
from orchestration.statistics.spc.rule_sets import RULE_NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEY: Final = ("kpi_id", "entity_kind", "entity_id", "period_kind", "period_start_date")
_COUNTS: Final = ("numerator", "denominator")
LEVELS: Final = ("floor_level", "threshold_level", "target_level", "stretch_level")
_CHART_COLUMNS: Final = (
    "chart",
    "value",
    "centre",
    "sigma",
    "lcl",
    "ucl",
    "sigma_z",
    "is_charted",
    "is_trial",
    "violated",
    "side",
    "baseline_flags",
    "baseline_changed_on",
    "reason",
)


def judge_readings(readings: pd.DataFrame) -> pd.DataFrame:
    """Judge readings: on their control charts, against their levels, and as a score.

    Parameters
    ----------
    readings : DataFrame, one row per reading
        The columns of `int_judgements__input`: the reading's key and `series_id`, `numerator`,
        `denominator`, `reading_value` (as shown; missing where not computable), `computed_value`,
        `finality`, `trust_state`, `is_excluded` (left out of the limits of its chart),
        `direction`, `multiplier`, the plan of its chart (`chart_kind`, where ``none`` is not
        charted, `when_rare`, `rule_set`, `baseline_readings`, `baseline_from_date`,
        `baseline_to_date`, `when_not_in_control`), `final_on_date`, `restated_on_date` (when late
        data last changed it), `phase_recorded_on_date` (of the act that began its phase) and the
        four levels, each missing where there is none. `previous_value` and the levels
        with `previous_` before their names are what was shown when the period became final;
        `is_changed_by_act` says that one of them differs.

    Returns
    -------
    DataFrame, one row per reading, in order of key
        The key, the levels with `target_version`, `band`, `variation`, `assurance`, `score`
        (missing where not measured), `chart_kind` as drawn, `charted_value`, `centre`, `sigma`,
        `lower_limit`, `upper_limit`, `sigma_z`, `is_trial`, `rule_set`, `signal_rules` (bits of
        `rule_sets.BIT_OF`), `signal_rule` (the first of them), `signal_side`, `chart_note` (why it
        is not charted, or that the baseline was not in control), `phase_start_date` and
        `phase_act_seq` of a phase that an act began, `limits_changed_on_date` where the limits were
        drawn anew, by late data or an act, after the period was final, `is_changed_by_act`, and
        where it is true `previous_target_level`, `previous_band` and `previous_score`.

    Notes
    -----
    A blocked reading is shown but not judged: its figure rests on a version that its feed has
    since tried to replace. An overridden one is banded and scored by the value that is shown, and
    charted by the computed one: a process does not change because somebody says so.
    """
    frame = readings.sort_values(list(KEY), ignore_index=True)
    is_judged = frame["trust_state"] != "blocked_input"
    computed = frame["computed_value"].astype(float).where(is_judged)
    counts = {name: frame[name].astype(float).where(is_judged) for name in _COUNTS}
    charted = _charts(frame.assign(computed_value=computed, **counts))
    direction = frame["direction"].to_numpy(dtype=object)
    value = frame["reading_value"].astype(float).where(is_judged)
    levels = frame[list(LEVELS)].astype(float)
    reached, points = _against_levels(value, levels, direction)
    is_changed = frame["is_changed_by_act"].to_numpy(dtype=bool)
    reached_before, points_before = _against_levels(
        frame["previous_value"].astype(float).where(is_judged),
        frame[[f"previous_{name}" for name in LEVELS]].astype(float),
        direction,
    )
    violated = charted["violated"].to_numpy(dtype=np.int64)
    side = charted["side"].to_numpy(dtype=np.int8)
    is_charted = charted["is_charted"].to_numpy(dtype=bool)
    is_rate_of_gaps = charted["chart"].isin(RARE).to_numpy()
    kept = [*KEY, *LEVELS[1:], "target_version", "phase_start_date", "phase_act_seq"]
    judged = frame[kept].assign(
        band=reached,
        variation=variation(
            side, is_signal=violated != 0, is_charted=is_charted, direction=direction
        ),
        assurance=assurance(
            lcl=charted["lcl"],
            ucl=charted["ucl"],
            target=levels["target_level"].to_numpy(),
            stretch=levels["stretch_level"].to_numpy(),
            direction=direction,
            # What lies between events has other limits than what a period makes of them.
            is_charted=is_charted & ~is_rate_of_gaps,
        ),
        score=points,
        chart_kind=charted["chart"],
        charted_value=charted["value"].astype(float).where(charted["is_charted"]),
        centre=charted["centre"],
        sigma=charted["sigma"],
        lower_limit=charted["lcl"],
        upper_limit=charted["ucl"],
        sigma_z=charted["sigma_z"],
        is_trial=charted["is_trial"].astype(bool),
        rule_set=frame["rule_set"],
        signal_rules=violated,
        signal_rule=first_rules(violated),
        signal_side=side,
        chart_note=charted["reason"].mask(
            is_charted & (charted["baseline_flags"].to_numpy() > 0), NOT_IN_CONTROL
        ),
        limits_changed_on_date=_limits_changed(frame, charted),
        is_changed_by_act=is_changed,
        previous_target_level=frame["previous_target_level"].astype(float).where(is_changed),
        # Typed, or a column in which nothing has changed would have no type.
        previous_band=pd.Series(reached_before, dtype="str").where(is_changed),
        previous_score=np.where(is_changed, points_before, np.nan),
    )
    judged.attrs["signals"] = int(np.count_nonzero(violated))
    return judged


def as_series(frame: pd.DataFrame) -> pd.DataFrame:
    """Return readings as `judge_series` wants them, same order and index."""
    return pd.DataFrame(
        {
            "series_id": frame["series_id"],
            "period_start": frame["period_start_date"],
            "chart": frame["chart_kind"],
            "value": frame["computed_value"],
            "numerator": frame["numerator"],
            "denominator": frame["denominator"],
            "is_final": frame["finality"] != "provisional",
            "is_excluded": frame["is_excluded"],
            "baseline_readings": frame["baseline_readings"],
            "multiplier": frame["multiplier"],
            "rules": frame["rule_set"],
            "when_rare": frame["when_rare"],
            "window_from": frame["baseline_from_date"],
            "window_to": frame["baseline_to_date"],
            "is_strict": frame["when_not_in_control"] == "refuse",
            "changed_on": frame["restated_on_date"],
        }
    )


def first_rules(violated: NDArray[np.int64]) -> pd.Series:
    """Return the name of the first rule of each mask; missing where there is none."""
    named = np.full(violated.size, None, dtype=object)
    at = np.flatnonzero(violated)
    lowest = violated[at] & -violated[at]
    named[at] = np.array(RULE_NAMES, dtype=object)[np.log2(lowest).astype(np.int64)]
    # Typed, or a column without a signal would have no type.
    return pd.Series(named, dtype="str")


def _limits_changed(frame: pd.DataFrame, charted: pd.DataFrame) -> pd.Series:
    """Return since when a final reading has other limits than when its period became final."""
    began, final = (
        pd.to_datetime(frame[name]).to_numpy().astype("datetime64[s]")
        for name in ("phase_recorded_on_date", "final_on_date")
    )
    newest = np.fmax(began, charted["baseline_changed_on"].to_numpy().astype("datetime64[s]"))
    # A comparison with what never was is false.
    is_later = newest > final
    at = np.flatnonzero(is_later)
    kept = (frame["finality"].iloc[at] != "provisional") & charted["is_charted"].iloc[at]
    newest[~is_later] = np.datetime64("NaT")
    newest[at[~kept.to_numpy(dtype=bool)]] = np.datetime64("NaT")
    return pd.Series(newest, index=frame.index)


def _against_levels(
    value: pd.Series, levels: pd.DataFrame, direction: NDArray[np.object_]
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Return band and score of values against their floor, threshold, target and stretch."""
    floor, threshold, target, stretch = (levels[name].to_numpy() for name in levels)
    lines = {"threshold": threshold, "target": target, "stretch": stretch, "direction": direction}
    return band(value, **lines), np.round(score(value, floor=floor, **lines), 10)


def _charts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return chart results for every row; rows without a chart plan are not charted."""
    has_plan = (frame["chart_kind"] != "none").to_numpy()
    judged = judge_series(as_series(frame[has_plan]))[list(_CHART_COLUMNS)]
    unplanned = frame.index[~has_plan]
    nothing = dict.fromkeys(("violated", "side", "baseline_flags"), 0) | {
        "chart": "none",
        "is_charted": False,
        "is_trial": False,
        "baseline_changed_on": pd.NaT,
        "reason": "no_chart_planned",
    }
    rest = pd.DataFrame(
        {name: nothing.get(name, np.nan) for name in _CHART_COLUMNS}, index=unplanned
    )
    return (pd.concat([judged, rest]) if len(unplanned) else judged).loc[frame.index]
