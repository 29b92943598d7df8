"""Where sites stand among those of others, and when a benchmark is no more than context."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from orchestration.statistics.calibration.benchmark import level_of_share, standing_among
from orchestration.statistics.refusal import Refusal

KEY: Final = ("benchmark_id", "kpi_id", "entity_id")
PERCENTILES: Final = (10, 25, 50, 75, 90)
LOWER: Final = "lower"
CONTEXT_ONLY: Final = "context_only"
_MIDDLE: Final = 0.5
_NOTHING: Final[dict[str, Any]] = {
    "month_count": 0,
    "last_month_date": None,
    "own_value": np.nan,
    "comparability_score": np.nan,
    "least_score": np.nan,
    "median_level": np.nan,
    "size_shift": np.nan,
    **dict.fromkeys(("adjusted_value", "better_than_share", "low_share", "high_share"), np.nan),
    **dict.fromkeys(("even_level", "upper_quarter_level", "upper_tenth_level"), np.nan),
    "verdict": None,
    "refusal": None,
}


def judge_benchmarks(months: pd.DataFrame) -> pd.DataFrame:
    """Place each site among the units of each benchmark of its KPIs, if they can be compared.

    Parameters
    ----------
    months : DataFrame, one row per benchmark, site and one of its last twelve final months
        `benchmark_id`, `kpi_id`, `entity_id`, `period_start_date` and `computed_value` (missing
        where a site has no reading), `direction`, `p10_level` to `p90_level` (NaN where not
        published), `unit_count`, `comparability_score` (0 to 1), `size_shift` (what the KPI gains
        by the other units' size, in its unit), `is_stale`, `least_score` and `least_units`.

    Returns
    -------
    DataFrame, one row per benchmark and site
        The key, `month_count`, `last_month_date`, `own_value` (mean of the months),
        `comparability_score`, `least_score`, `median_level` (as published), `size_shift`,
        `adjusted_value` (own value at the size of the others), `better_than_share` with
        `low_share` and `high_share` (95 %), and the levels that half, a quarter and a tenth of the
        others do better than (`even_level`, `upper_quarter_level`, `upper_tenth_level`), at the
        site's own size. `verdict` is ``better_than_most``, ``worse_than_most``, ``like_others`` or
        ``context_only``: then nothing but the median is said, and `refusal` says why.

    Notes
    -----
    Units of which only a part is comparable count as that part of a sample, so the interval widens
    as the score falls; what makes others different in kind no score can mend.
    """
    rows: list[dict[str, Any]] = []
    ordered = months.sort_values([*KEY, "period_start_date"], ignore_index=True)
    for key, found in ordered.groupby(list(KEY), sort=False):
        rows.append(dict(zip(KEY, key, strict=True)) | _NOTHING | _placed(found))
    return pd.DataFrame(rows, columns=[*KEY, *_NOTHING])


def _placed(months: pd.DataFrame) -> dict[str, Any]:
    last = months.iloc[-1]
    values = months["computed_value"].to_numpy(dtype=float, na_value=np.nan)
    known = values[~np.isnan(values)]
    row: dict[str, Any] = {
        "month_count": known.size,
        "last_month_date": last["period_start_date"] if known.size else None,
        "own_value": round(float(known.mean()), 10) if known.size else np.nan,
        "comparability_score": float(last["comparability_score"]),
        "least_score": float(last["least_score"]),
        "median_level": float(last["p50_level"]),
        "size_shift": round(float(last["size_shift"]), 10),
    }
    said = _not_comparable(last)
    if said is not None:
        return row | {"verdict": CONTEXT_ONLY, "refusal": f"not_comparable: {said}"}
    shares, levels = _published(last)
    found = standing_among(
        known + last["size_shift"],
        shares,
        levels,
        n_units=float(last["unit_count"]) * float(last["comparability_score"]),
    )
    if isinstance(found, Refusal):
        return row | {"verdict": CONTEXT_ONLY, "refusal": f"{found.reason}: {found.detail}"}
    is_lower = last["direction"] == LOWER
    low, share, high = (
        (1 - found.high, 1 - found.share, 1 - found.low)
        if is_lower
        else (found.low, found.share, found.high)
    )
    better = {
        name: round(
            level_of_share(1 - of_others if is_lower else of_others, shares, levels)
            - float(last["size_shift"]),
            10,
        )
        for name, of_others in (
            ("even_level", 0.5),
            ("upper_quarter_level", 0.75),
            ("upper_tenth_level", 0.9),
        )
    }
    verdict = "better_than_most" if low > _MIDDLE else "worse_than_most" if high < _MIDDLE else None
    return (
        row
        | better
        | {
            "adjusted_value": round(found.value, 10),
            "better_than_share": round(share, 6),
            "low_share": round(low, 6),
            "high_share": round(high, 6),
            "verdict": verdict or "like_others",
        }
    )


def _not_comparable(row: pd.Series[Any]) -> str | None:
    score, least = float(row["comparability_score"]), float(row["least_score"])
    if score < least:
        return f"a comparability of {score:.2f}, at least {least:.2f} is needed"
    if row["is_stale"]:
        return "its period ended too long ago"
    if row["unit_count"] < row["least_units"]:
        return f"{row['unit_count']:.0f} units, at least {row['least_units']:.0f} are needed"
    return None


def _published(row: pd.Series[Any]) -> tuple[list[float], list[float]]:
    pairs = [(one / 100, float(row[f"p{one}_level"])) for one in PERCENTILES]
    known = [(share, level) for share, level in pairs if np.isfinite(level)]
    return [share for share, _ in known], [level for _, level in known]
