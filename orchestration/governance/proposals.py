"""Three levels for a target: from the unit's own months, its best, and what others reach."""

from __future__ import annotations

import hashlib
import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from orchestration.governance.feasibility import Forecast, is_beyond, odds_of_level

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY: Final = ("kpi_id", "entity_kind", "entity_id")
LEVELS: Final = ("threshold_level", "target_level", "stretch_level")
HISTORY, CAPACITY, BENCHMARK = "history", "capacity", "benchmark"
OWN_MONTHS: Final = "own_months"
CONTEXT_ONLY: Final = "context_only"
_DIGITS: Final = 4
_COLUMNS: Final = (
    *("proposal_id", *KEY, "org_unit_id", "method_code", "basis_id", *LEVELS),
    *("bound_level", "is_capped", "target_odds", "is_feasible", "inputs", "refusal"),
)


def propose_levels(
    outlook: pd.DataFrame, benchmarks: pd.DataFrame, held_to: pd.DataFrame
) -> pd.DataFrame:
    """Propose threshold, target and stretch by each method that has something to go by.

    Parameters
    ----------
    outlook : DataFrame
        Rows of `foresee`.
    benchmarks : DataFrame
        Rows of `judge_benchmarks`.
    held_to : DataFrame, one row per KPI and site or company
        The key, `org_unit_id`, `direction`, `bound_level` (NaN where none is declared) and
        `least_odds` (NaN where no policy is declared).

    Returns
    -------
    DataFrame, one row per KPI, site or company, method and basis
        `proposal_id` (a hash of all that follows, so that the same id is always the same levels on
        the same grounds), the key, `org_unit_id`, `method_code`, `basis_id` (the benchmark, or the
        unit's own months), the three levels, `bound_level`, `is_capped`, `target_odds` (that the
        mean of the next three months meets the target; NaN where nothing is foreseen),
        `is_feasible` (None without odds), `inputs` (JSON) and `refusal`.

    Notes
    -----
    By history: the levels met nine times in ten, every other time and once in ten if nothing
    changes. By capacity: from what is now expected to the best mean of three months in a row so
    far, with the target half way. By benchmark: what half, a quarter and a tenth of comparable
    units do better than. None goes beyond the declared bound. Levels have four digits.
    """
    rows: list[dict[str, Any]] = []
    foreseen = {tuple(row[name] for name in KEY): row for row in outlook.to_dict("records")}
    of_others: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in benchmarks.sort_values("benchmark_id").to_dict("records"):
        of_others.setdefault((row["kpi_id"], "site", row["entity_id"]), []).append(row)
    for limits in held_to.sort_values(list(KEY)).to_dict("records"):
        key = tuple(limits[name] for name in KEY)
        own = foreseen.get(key)
        if own is not None:
            rows += [_by_history(own, limits), _by_capacity(own, limits)]
        rows += [_by_benchmark(one, own, limits) for one in of_others.get(key, [])]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _by_history(own: dict[str, Any], limits: dict[str, Any]) -> dict[str, Any]:
    levels = [own[f"{name}_level"] for name in ("nine_in_ten", "even_odds", "one_in_ten")]
    return _proposal((HISTORY, OWN_MONTHS), levels, own, limits, refusal=own["refusal"])


def _by_capacity(own: dict[str, Any], limits: dict[str, Any]) -> dict[str, Any]:
    even, best = own["even_odds_level"], own["best_quarter_level"]
    refusal = own["refusal"]
    if _is_said(even) and not is_beyond(best, even, limits["direction"]):
        refusal = "no_variation: no three months were better than what is expected now"
    inputs = {"best_quarter_level": best}
    levels = [even, (even + best) / 2, best]
    return _proposal((CAPACITY, OWN_MONTHS), levels, own, limits, inputs=inputs, refusal=refusal)


def _by_benchmark(
    one: dict[str, Any], own: dict[str, Any] | None, limits: dict[str, Any]
) -> dict[str, Any]:
    levels = [one[f"{name}_level"] for name in ("even", "upper_quarter", "upper_tenth")]
    inputs = {
        name: one[name]
        for name in ("comparability_score", "least_score", "size_shift", "better_than_share")
    }
    refusal = one["refusal"] if one["verdict"] == CONTEXT_ONLY else None
    basis = (BENCHMARK, one["benchmark_id"])
    return _proposal(basis, levels, own, limits, inputs=inputs, refusal=refusal)


def _proposal(
    basis: tuple[str, str],
    levels: list[float],
    own: dict[str, Any] | None,
    limits: dict[str, Any],
    *,
    inputs: Mapping[str, Any] = MappingProxyType({}),
    refusal: str | None,
) -> dict[str, Any]:
    """Return one row; the inputs of the forecast go with every method, as the odds rest on them."""
    bound, direction = limits["bound_level"], limits["direction"]
    row: dict[str, Any] = {
        **{name: limits[name] for name in (*KEY, "org_unit_id")},
        "method_code": basis[0],
        "basis_id": basis[1],
        **dict.fromkeys(LEVELS, np.nan),
        "bound_level": bound,
        "is_capped": False,
        "target_odds": np.nan,
        "is_feasible": None,
        "refusal": refusal if isinstance(refusal, str) else None,
    }
    if row["refusal"] is None:
        rounded = [_rounded(level) for level in levels]
        capped = [
            bound if _is_said(bound) and is_beyond(level, bound, direction) else level
            for level in rounded
        ]
        row |= dict(zip(LEVELS, capped, strict=True))
        row |= {"is_capped": capped != rounded}
        row |= _odds(row["target_level"], own, limits["least_odds"])
    if own is not None:
        inputs = {
            **inputs,
            "last_month": str(own["last_month_date"])[:10],
            **{
                name: own[name]
                for name in (
                    *("month_count", "forecast_method", "tested_count", "held_count", "widening"),
                    *("nine_in_ten_level", "even_odds_level", "one_in_ten_level"),
                )
            },
        }
    row["inputs"] = json.dumps({name: _plain(inputs[name]) for name in sorted(inputs)})
    said = {name: _plain(row[name]) for name in _COLUMNS if name in row}
    text = json.dumps(said, sort_keys=True)
    return row | {"proposal_id": f"P-{hashlib.sha256(text.encode()).hexdigest()[:16]}"}


def _odds(target: float, own: dict[str, Any] | None, least: float) -> dict[str, Any]:
    if own is None or not _is_said(own["even_odds_level"]):
        return {}
    forecast = Forecast(
        own["last_month_date"],
        own["nine_in_ten_level"],
        own["even_odds_level"],
        own["one_in_ten_level"],
        own["tested_count"],
        own["held_count"],
    )
    odds = round(odds_of_level(forecast, target), 4)
    return {"target_odds": odds, "is_feasible": bool(odds >= least) if _is_said(least) else None}


def _rounded(level: float) -> float:
    return float(f"{level:.{_DIGITS}g}")


def _is_said(value: Any) -> bool:
    return value is not None and bool(pd.notna(value))


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, floats to ten digits."""
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return None
    if isinstance(value, str | bool):
        return value
    return round(float(value), 10) if isinstance(value, float) else int(value)
