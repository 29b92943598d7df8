"""What another target would do: to the score of past months, and to the odds of those to come."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd

from orchestration.governance.outlook import fit_months, months_without_gap
from orchestration.governance.scale import LOWER, turn
from orchestration.governance.score import score
from orchestration.statistics.prediction.odds import odds_of_target
from orchestration.statistics.refusal import Refusal

KEY: Final = ("act_seq", "entity_kind", "entity_id")
PAST_MONTHS: Final = 12
SIDES: Final = ("old", "new")
_CARRIED: Final = (
    *("act_type", "state_code", "kpi_id", "org_unit_id", "period_label", "old_levels_code"),
    *(f"{side}_{level}_level" for side in SIDES for level in ("threshold", "target", "stretch")),
)
_FORESEEN: Final[dict[str, Any]] = {
    "forecast_method": None,
    "months_to_come": 0,
    **{
        f"{side}_{name}": np.nan
        for side in SIDES
        for name in ("expected_score", "odds_next_month", "odds_rest_of_period")
    },
    "refusal": None,
}


def simulate(asked: pd.DataFrame) -> pd.DataFrame:
    """Hold the months of each series against the levels that hold and those that are asked for.

    Parameters
    ----------
    asked : DataFrame, one row per act, entity and final month
        `act_seq`, `entity_kind`, `entity_id`; `act_type`, `state_code`, `kpi_id`, `org_unit_id`,
        `period_label` and `old_levels_code`, which are handed on; `label_start_date` and
        `label_end_date` of the target's period; `direction`, `floor_level` (NaN where the register
        has none); `old_` and `new_` `threshold_level`, `target_level` and `stretch_level`, NaN
        where there is none; `period_start_date` and `computed_value`, NaN where missing.

    Returns
    -------
    DataFrame, one row per act and entity
        The key and what is handed on; `last_month_date`; of the last twelve final months
        `month_count` with a value, and `old_` and `new_` `met_count` (months at target or better)
        and `mean_score`; of the months to come `forecast_method`, `months_to_come` (of the period
        that are not final), and `old_` and `new_` `expected_score` (of the expected next month),
        `odds_next_month` and `odds_rest_of_period` (that the mean of the period's months, known
        ones with it, meets the target), or `refusal` instead of all of them.

    Notes
    -----
    Nothing is assumed to change because of the target: the same months and the same future are
    held against both. Odds are those of `foresee`; where months differ in size, so does the mean
    of months from the reading of the period.
    """
    rows: list[dict[str, Any]] = []
    ordered = asked.sort_values([*KEY, "period_start_date"], ignore_index=True)
    for key, series in ordered.groupby(list(KEY), sort=False):
        last = series.iloc[-1]
        rows.append(
            dict(zip(KEY, key, strict=True))
            | {name: last[name] for name in _CARRIED}
            | {"last_month_date": last["period_start_date"]}
            | _of_the_past(series)
            | _FORESEEN
            | _of_the_future(series)
        )
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else _columns())


def _columns() -> list[str]:
    past = [f"{side}_{name}" for side in SIDES for name in ("met_count", "mean_score")]
    return [*KEY, *_CARRIED, "last_month_date", "month_count", *past, *_FORESEEN]


def _of_the_past(series: pd.DataFrame) -> dict[str, Any]:
    values = series["computed_value"].to_numpy(dtype=float, na_value=np.nan)[-PAST_MONTHS:]
    values = values[np.isfinite(values)]
    found: dict[str, Any] = {"month_count": values.size}
    for side in SIDES:
        levels = _levels(series.iloc[-1], side)
        turned = turn(values, **levels)
        scores = score(values, **levels)
        has_scores = bool(np.isfinite(scores).any())
        found |= {
            f"{side}_met_count": int(np.count_nonzero(turned.value >= turned.target)),
            f"{side}_mean_score": round(float(np.nanmean(scores)), 6) if has_scores else np.nan,
        }
    return found


def _of_the_future(series: pd.DataFrame) -> dict[str, Any]:
    last = series.iloc[-1]
    fit = fit_months(months_without_gap(series))
    if isinstance(fit, Refusal):
        return {"refusal": f"{fit.reason}: {fit.detail}"}
    months = pd.PeriodIndex(series["period_start_date"], freq="M").asi8
    first, end = (
        int(pd.Period(last[name], freq="M").ordinal)
        for name in ("label_start_date", "label_end_date")
    )
    known = series["computed_value"].to_numpy(dtype=float, na_value=np.nan)[months >= first]
    to_come = end - max(int(months[-1]), first - 1)
    odds = partial(
        odds_of_target,
        fit.fitted,
        direction="at_most" if last["direction"] == LOWER else "at_least",
        widening=fit.widening,
    )
    of_period = partial(
        odds,
        horizon=to_come,
        ahead=max(first - 1 - int(months[-1]), 0),
        so_far=known[np.isfinite(known)],
        summary="mean",
    )
    expected = float(fit.fitted.forecast(1).mean[0])
    found: dict[str, Any] = {
        "forecast_method": fit.method,
        "months_to_come": to_come,
    }
    for side in SIDES:
        levels = _levels(last, side)
        if not np.isfinite(levels["target"]):
            continue
        found |= {
            f"{side}_expected_score": round(float(score(expected, **levels)[0]), 6),
            f"{side}_odds_next_month": round(odds(levels["target"], horizon=1).probability, 4),
        }
        if to_come > 0:
            reached = of_period(levels["target"]).probability
            found[f"{side}_odds_rest_of_period"] = round(reached, 4)
    return found


def _levels(row: pd.Series[Any], side: str) -> dict[str, Any]:
    """Return the levels of one side; the register's floor counts where it is beyond them."""
    threshold, target, stretch = (
        float(row[f"{side}_{level}_level"]) for level in ("threshold", "target", "stretch")
    )
    floor = float(row["floor_level"])
    is_beyond = floor > threshold if row["direction"] == LOWER else floor < threshold
    return {
        "threshold": threshold,
        "target": target,
        "stretch": stretch,
        "direction": row["direction"],
        # As the scorecard has it: else the floor lies as far below as the target lies above.
        "floor": floor if is_beyond else threshold - (target - threshold),
    }
