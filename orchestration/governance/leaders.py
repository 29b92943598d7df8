"""What leaders themselves add, apart from their lines and sites: an interval and never a rank."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from orchestration.statistics.mixed.leaders import (
    LeaderEffects,
    MoveStability,
    leader_effects,
    leave_one_move_out,
)
from orchestration.statistics.refusal import Refusal

POINTS_BETWEEN: Final = 3
"""Points of the score between threshold and target; a leader matters from one point on."""


CONVENTION: Final = (
    "leader, line, spell and site random; what sites share in a month and residuals AR(1); REML; "
    "normal residuals, months weighted alike, of shares and counts too"
)

ALL: Final = "*"
"""In the place of a leader where a KPI refuses for all of them."""


def estimate_leaders(readings: pd.DataFrame) -> pd.DataFrame:
    """Estimate the effect of each leader of a line on each KPI.

    Parameters
    ----------
    readings : DataFrame, one row per KPI, line and month with one leader
        `kpi_id`, `line_id`, `site_id`, `leader_id`, `period_start_date`, `computed_value`,
        `direction` (``higher`` or ``lower`` is better), `threshold_level` and `target_level`.

    Returns
    -------
    DataFrame, one row per KPI and leader
        `convention`, `month_count`, `separability` (`succession`, `connected`,
        `not_separable`), `peer_count` (leaders who led a line of theirs too), `move_count` (moves
        to another line among the leaders compared with each other), `weak_move_count` (of them,
        those without which the comparison falls apart), `stability_change` (largest change of the
        effect where one of these is not believed; missing without any, and where nobody can be
        compared without it), `effect_value` in the unit
        of the KPI, towards the mean of all leaders; `sd`, `low_value`, `high_value` (95 %),
        `practical_difference` (one point of the score), `probability_better` and
        `probability_worse` (by that much), `reliability` and `verdict` (`better`, `worse`,
        `not_distinguishable`, `too_short`, `not_separable`). Figures are missing where the verdict
        allows none. A KPI that refuses has one row for all, `ALL`, with its `refusal`.

    Notes
    -----
    Mixed model of leader, line, spell, site and site-month (`statistics.mixed.leaders`). On the
    demo company the effects on OEE correlate .92 with what was planted; means of leaders do .49,
    those about the mean of their lines .79. Nobody is ranked: whether two leaders differ is not
    whether their estimates do.
    """
    ordered = readings.sort_values(["kpi_id", "line_id", "period_start_date"], ignore_index=True)
    parts = [_of_kpi(str(kpi), group) for kpi, group in ordered.groupby("kpi_id", sort=True)]
    if not parts:
        return pd.DataFrame(columns=list(_COLUMNS), dtype="object")
    return pd.concat(parts, ignore_index=True)[list(_COLUMNS)]


_COLUMNS: Final[dict[str, Any]] = {
    "kpi_id": None,
    "leader_id": None,
    "convention": CONVENTION,
    "month_count": 0,
    "separability": None,
    "peer_count": 0,
    "move_count": 0,
    "weak_move_count": 0,
    "stability_change": np.nan,
    "effect_value": np.nan,
    "sd": np.nan,
    "low_value": np.nan,
    "high_value": np.nan,
    "practical_difference": np.nan,
    "probability_better": np.nan,
    "probability_worse": np.nan,
    "reliability": np.nan,
    "verdict": None,
    "refusal": None,
}


def _of_kpi(kpi: str, group: pd.DataFrame) -> pd.DataFrame:
    is_higher_better = group["direction"].iloc[0] == "higher"
    between = (group["target_level"] - group["threshold_level"]).abs().astype(float).median()
    difference = float(between) / POINTS_BETWEEN if np.isfinite(between) else 0.0
    readings = (
        group["computed_value"].to_numpy(dtype=float),
        group["leader_id"].to_numpy(dtype=str),
        group["line_id"].to_numpy(dtype=str),
        group["site_id"].to_numpy(dtype=str),
        pd.PeriodIndex(group["period_start_date"], freq="M").asi8,
    )
    found = leader_effects(*readings, practical_difference=difference)
    if isinstance(found, Refusal):
        said = f"{found.reason}: {found.detail}"
        return pd.DataFrame([_COLUMNS | {"kpi_id": kpi, "leader_id": ALL, "refusal": said}])
    stability = leave_one_move_out(*readings, whole=found, only_weak=True)
    return _rows(kpi, found, stability, difference, is_higher_better=is_higher_better)


def _rows(
    kpi: str,
    found: LeaderEffects,
    stability: tuple[MoveStability, ...],
    difference: float,
    *,
    is_higher_better: bool,
) -> pd.DataFrame:
    compared = found.separability
    of_leader = dict(zip(compared.leaders, compared.component.tolist(), strict=True))
    sets = compared.components
    moves = np.bincount([of_leader[move.leader] for move in compared.moves], minlength=sets)
    weak = np.bincount(
        [of_leader[move.leader] for move in compared.moves if move.rests_on_it], minlength=sets
    )
    unknown = np.full(len(compared.leaders), np.nan)
    change = np.fmax.reduce([unknown, *(one.changes for one in stability)])
    better, worse = ("above", "below") if is_higher_better else ("below", "above")
    probabilities = {"above": found.above, "below": found.below}
    words = {better: "better", worse: "worse"}
    return pd.DataFrame(
        {
            "kpi_id": kpi,
            "leader_id": compared.leaders,
            "convention": CONVENTION,
            "month_count": compared.periods,
            "separability": compared.level,
            "peer_count": compared.peers,
            "move_count": moves[compared.component],
            "weak_move_count": weak[compared.component],
            # Of those alone who have a figure: nothing is said of a leader who has none.
            "stability_change": np.where(np.isnan(found.effect), np.nan, change).round(10),
            "effect_value": found.effect.round(10),
            "sd": found.sd.round(10),
            "low_value": found.low.round(10),
            "high_value": found.high.round(10),
            "practical_difference": round(difference, 10),
            "probability_better": probabilities[better].round(6),
            "probability_worse": probabilities[worse].round(6),
            "reliability": found.reliability.round(6),
            "verdict": [words.get(one, one) for one in found.verdict],
            "refusal": None,
        }
    )
