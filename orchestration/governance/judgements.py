"""What readings mean: charts, verdicts and scores put together, reading by reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from orchestration.governance.score import score
from orchestration.governance.verdicts import assurance, band, variation
from orchestration.statistics.spc.judge import judge_series

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEY: Final = ("kpi_id", "entity_kind", "entity_id", "period_kind", "period_start_date")
LEVELS: Final = ("floor_level", "threshold_level", "target_level", "stretch_level")
_CHART_COLUMNS: Final = (
    "centre",
    "sigma",
    "lcl",
    "ucl",
    "sigma_z",
    "is_charted",
    "is_trial",
    "rule_1",
    "rule_2",
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
        `direction`, `multiplier`, `chart_kind` (``none`` is not charted), `baseline_readings`
        and the four levels, each missing where there is none. `previous_value` and the levels
        with `previous_` before their names are what was shown when the period became final;
        `is_changed_by_act` says that one of them differs.

    Returns
    -------
    DataFrame, one row per reading, in order of key
        The key, the levels with `target_version`, `band`, `variation`, `assurance`, `score`
        (missing where not measured), `chart_kind`, `centre`, `sigma`, `lower_limit`,
        `upper_limit`, `sigma_z`, `is_trial`, `signal_rule`, `signal_side`, `chart_note`,
        `is_changed_by_act`, and where it is true `previous_target_level`, `previous_band` and
        `previous_score`.

    Notes
    -----
    A blocked reading is shown but not judged: its figure rests on a version that its feed has
    since tried to replace. An overridden one is banded and scored by the value that is shown, and
    charted by the computed one: a process does not change because somebody says so.
    """
    frame = readings.sort_values(list(KEY), ignore_index=True)
    is_judged = frame["trust_state"] != "blocked_input"
    computed = frame["computed_value"].astype(float).where(is_judged)
    charted = _charts(frame.assign(computed_value=computed))
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
    rule_1 = charted["rule_1"].to_numpy()
    rule_2 = charted["rule_2"].to_numpy()
    is_charted = charted["is_charted"].to_numpy(dtype=bool)
    judged = frame[[*KEY, *LEVELS[1:], "target_version", "chart_kind"]].assign(
        band=reached,
        variation=variation(rule_1, rule_2, is_charted=is_charted, direction=direction),
        assurance=assurance(
            lcl=charted["lcl"],
            ucl=charted["ucl"],
            target=levels["target_level"].to_numpy(),
            stretch=levels["stretch_level"].to_numpy(),
            direction=direction,
            is_charted=is_charted,
        ),
        score=points,
        centre=charted["centre"],
        sigma=charted["sigma"],
        lower_limit=charted["lcl"],
        upper_limit=charted["ucl"],
        sigma_z=charted["sigma_z"],
        is_trial=charted["is_trial"].astype(bool),
        signal_rule=pd.Series(
            np.select([rule_1 != 0, rule_2 != 0], ["nelson_1", "nelson_2"], default="")
        ).replace("", None),
        signal_side=np.where(rule_1 != 0, rule_1, rule_2).astype("int8"),
        chart_note=charted["reason"],
        is_changed_by_act=is_changed,
        previous_target_level=frame["previous_target_level"].astype(float).where(is_changed),
        # Typed, or a column in which nothing has changed would have no type.
        previous_band=pd.Series(reached_before, dtype="str").where(is_changed),
        previous_score=np.where(is_changed, points_before, np.nan),
    )
    judged.attrs["signals"] = int((judged["signal_side"] != 0).sum())
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
        }
    )


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
    rest = pd.DataFrame(
        {
            name: {
                "is_charted": False,
                "is_trial": False,
                "rule_1": 0,
                "rule_2": 0,
                "reason": "no_chart_planned",
            }.get(name, np.nan)
            for name in _CHART_COLUMNS
        },
        index=unplanned,
    )
    return (pd.concat([judged, rest]) if len(unplanned) else judged).loc[frame.index]
