"""How goals stand, month by month, and when volatility lets the floor stand in for the target."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from orchestration.governance.score import score
from orchestration.statistics.detection.volatility import volatility
from orchestration.statistics.refusal import Refusal

KEY: Final = ("goal_id", "entity_kind", "entity_id")
TARGET, FLOOR = "target", "floor"
_LEVELS: Final = ("floor_level", "target_level", "stretch_level")
_COLUMNS: Final = (
    *KEY, "kpi_id", "period_start_date", "own_value", *_LEVELS, "spread_ratio", "p_value",
    "recent_count", "before_count", "is_volatile", "scored_against", "fallback_from_date",
    "fallback_until_date", "score", "refusal",
)  # fmt: skip


def score_goals(months: pd.DataFrame) -> pd.DataFrame:
    """Score each month of each goal, against the floor while its KPI is volatile.

    Parameters
    ----------
    months : DataFrame, one row per goal, entity and final month of the entity
        The key, `kpi_id`, `direction`, `period_start_date`, `computed_value` (NaN where missing);
        `floor_level`, `target_level` and `stretch_level` as agreed for the month (NaN before and
        after the goal's period, floor and stretch also where none was agreed); and the rule:
        `window_months`, `baseline_months`, `least_ratio`, `alpha`, `lasts_months` (NaN without
        one).

    Returns
    -------
    DataFrame, one row per goal, entity and month of the goal's period
        The key, `kpi_id`, `period_start_date`, `own_value`, the levels; of the newest months
        beside those before `spread_ratio`, `p_value`, `recent_count` and `before_count`;
        `is_volatile` (ratio and chance both beyond the rule; None where nothing can be said),
        `scored_against` (``target`` or ``floor``), first and last month of the fallback that
        applies, `score` and `refusal`, which says why the rule says nothing.

    Notes
    -----
    A month that is volatile switches itself and the next ones, `lasts_months` in all; another one
    among them prolongs it. Normally the floor earns 5 points, the target 8, the stretch 10; while
    the fallback applies the floor earns 8 and the target 10, and as far below the floor as the
    target lies above it 5. A goal without a floor has no score and no fallback. Final months do not
    change, so neither does the log.
    """
    rows: list[dict[str, Any]] = []
    ordered = months.sort_values([*KEY, "period_start_date"], ignore_index=True)
    for _, series in ordered.groupby(list(KEY), sort=False):
        rows += _logged(series.reset_index(drop=True))
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _logged(series: pd.DataFrame) -> list[dict[str, Any]]:
    values = series["computed_value"].to_numpy(dtype=float, na_value=np.nan)
    starts = pd.PeriodIndex(series["period_start_date"], freq="M")
    rows: list[dict[str, Any]] = []
    begun = until = None
    for at, month in enumerate(starts):
        now = series.iloc[at]
        if not np.isfinite(now["target_level"]):
            continue
        found = _volatility_at(values[: at + 1], now)
        if until is not None and month > until:
            begun = until = None
        if found["is_volatile"] and np.isfinite(now["floor_level"]):
            begun = month if begun is None else begun
            until = month + int(now["lasts_months"]) - 1
        rows.append(
            {name: now[name] for name in (*KEY, "kpi_id", "period_start_date", *_LEVELS)}
            | {"own_value": values[at]}
            | found
            | {
                "scored_against": TARGET if until is None else FLOOR,
                "fallback_from_date": None if begun is None else begun.start_time.date(),
                "fallback_until_date": None if until is None else until.end_time.date(),
                "score": _score(values[at], now, is_fallback=until is not None),
            }
        )
    return rows


def _volatility_at(known: np.ndarray[Any, Any], now: pd.Series[Any]) -> dict[str, Any]:
    """Return what is said of the newest months, the present one with them."""
    nothing: dict[str, Any] = {
        **dict.fromkeys(("spread_ratio", "p_value"), np.nan),
        **dict.fromkeys(("recent_count", "before_count"), 0),
        "is_volatile": None,
    }
    if not np.isfinite(now["window_months"]):
        return nothing | {"refusal": "no_rule: goal_policy.yml declares no volatility"}
    window, baseline = int(now["window_months"]), int(now["baseline_months"])
    found = volatility(known[-window:], known[:-window][-baseline:])
    if isinstance(found, Refusal):
        return nothing | {"refusal": f"{found.reason}: {found.detail}"}
    return {
        "spread_ratio": round(found.ratio, 6),
        "p_value": round(found.p_value, 6),
        "recent_count": found.n_recent,
        "before_count": found.n_before,
        "is_volatile": bool(found.ratio >= now["least_ratio"] and found.p_value < now["alpha"]),
        "refusal": None,
    }


def _score(value: float, now: pd.Series[Any], *, is_fallback: bool) -> float:
    floor, target, stretch = (float(now[name]) for name in _LEVELS)
    levels = (
        {"threshold": 2 * floor - target, "target": floor, "stretch": target}
        if is_fallback
        else {"threshold": floor, "target": target, "stretch": stretch}
    )
    found = score(value, direction=now["direction"], **levels)
    return round(float(np.atleast_1d(found)[0]), 6)
