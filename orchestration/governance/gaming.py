"""Whether figures bear traces of being steered; a finding names KPI and site, never a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from orchestration.statistics.detection.bunching import density_break
from orchestration.statistics.detection.digits import first_digits, last_digits
from orchestration.statistics.detection.heaping import (
    break_of_counts_by_width,
    heaps_at_round_figures,
    period_end_spike,
)
from orchestration.statistics.detection.reopening import uneven_reopening
from orchestration.statistics.detection.threshold import judge_threshold, resolution
from orchestration.statistics.fairness.multiplicity import adjust_p_values
from orchestration.statistics.refusal import TOO_COARSE, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestration.statistics.spc.flat import Floats

FALSE_DISCOVERIES: Final = 0.05
CHECK: Final = ("check_id", "subject_id", "site_id")
DECLARED: Final = ("check_kind", "plan_id", "level_name")

LEAST_EXCESS: Final = 1.1
"""Heaps below a tenth more than their neighbours are how people write, not how they steer."""


def find_gaming(events: pd.DataFrame) -> pd.DataFrame:
    """Look for traces of steered figures at each site.

    Parameters
    ----------
    events : DataFrame, one row per value, month or group
        `check_id`, `check_kind` (``bunching``, ``heaping``, ``period_end``, ``first_digits``,
        ``last_digits`` or ``reopened``), `subject_id` (the KPI or the thing), `plan_id` and
        `level_name` (may be missing), `site_id`, `group_no`, `event_value` (for bunching less the
        level, above 0 the good side), `event_count`, `late_count` (in the last days; opened again),
        `day_count`; and as the register declares them `step`, `round_every`, `late_days`.

    Returns
    -------
    DataFrame, one row per check
        `test_method`, `event_count` (near the level, for bunching), `estimate` with `low_value` and
        `high_value` (bunching: density just above the level over that just below; heaping: values
        at round figures over their neighbours; of rounded values: odds of lying above the level
        over those expected; period end: share in the last days over the
        share that days have; digits: mean absolute deviation; reopened: highest rate over
        that of the others), `p_value`, `adjusted_p_value` (false discovery rate over all checks),
        `verdict` (``evidence``, ``no_evidence``, ``lumpy`` where values break at levels that nobody
        is paid by too) and `refusal`.

    Notes
    -----
    Evidence says that figures did not come about as such figures do. Why is for people to ask:
    a real change at the level (a shift ends, a price breaks) looks the same.
    """
    ordered = events.sort_values([*CHECK, "group_no", "event_value"], ignore_index=True)
    rows = [
        _COLUMNS
        | dict(zip(CHECK, key, strict=True))
        | {name: group[name].iloc[0] for name in DECLARED}
        | _CHECKS[str(group["check_kind"].iloc[0])](group.reset_index(drop=True))
        for key, group in ordered.groupby(list(CHECK), sort=True)
    ]
    if not rows:
        return pd.DataFrame(columns=list(_COLUMNS), dtype="object").drop(columns=list(_INNER))
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    tested = table["p_value"].notna().to_numpy()
    if tested.any():
        adjusted = adjust_p_values(table.loc[tested, "p_value"].to_numpy(dtype=float), "BH")
        assert not isinstance(adjusted, Refusal)  # one at least, all within [0, 1]
        table.loc[tested, "adjusted_p_value"] = np.round(adjusted, 6)
    found = table["adjusted_p_value"].lt(FALSE_DISCOVERIES) & table["is_the_good_way"].eq(True)
    lumpy = table["is_lumpy"].eq(True)
    said = np.select([found & lumpy, found], ["lumpy", "evidence"], "no_evidence")
    table["verdict"] = [
        verdict if there else None
        for verdict, there in zip(said.tolist(), tested.tolist(), strict=True)
    ]
    return table.drop(columns=list(_INNER))


_INNER: Final = ("is_the_good_way", "is_lumpy")

_COLUMNS: Final[dict[str, Any]] = {
    **dict.fromkeys((*CHECK, *DECLARED)),
    "test_method": None,
    "event_count": 0,
    "estimate": np.nan,
    "low_value": np.nan,
    "high_value": np.nan,
    "p_value": np.nan,
    "adjusted_p_value": np.nan,
    "is_the_good_way": None,
    "is_lumpy": None,
    "verdict": None,
    "refusal": None,
}


def _bunching(group: pd.DataFrame) -> dict[str, Any]:
    row: dict[str, Any] = {"test_method": "density_break", "event_count": len(group)}
    values = group["event_value"].to_numpy(dtype=float)
    found = density_break(values, 0.0)
    if isinstance(found, Refusal) and found.reason == TOO_COARSE:
        return row | _rounded(values)
    if isinstance(found, Refusal):
        return row | _refused(found)
    is_suspicious = found.statistic > 0 and found.p_value < FALSE_DISCOVERIES
    # Placebos cost ten times the test, and say something only of a break that is there.
    judged = judge_threshold(values, 0.0) if is_suspicious else None
    ratio = found.right / found.left if found.left > 0 else np.nan
    return row | {
        "event_count": found.n_left + found.n_right,
        "estimate": _figure(ratio),
        "p_value": _figure(found.p_value),
        "is_the_good_way": found.statistic > 0,
        "is_lumpy": judged is not None and not isinstance(judged, Refusal) and judged.lumpy,
    }


def _rounded(values: Floats) -> dict[str, Any]:
    row: dict[str, Any] = {"test_method": "break_of_counts"}
    found = break_of_counts_by_width(values, 0.0, step=resolution(values))
    if isinstance(found, Refusal):
        return row | _refused(found)
    return row | {
        "event_count": found.below + found.above,
        "estimate": _figure(np.exp(found.log_ratio)),
        "p_value": _figure(found.p_value),
        "is_the_good_way": found.log_ratio > 0,
    }


def _heaping(group: pd.DataFrame) -> dict[str, Any]:
    values = np.repeat(group["event_value"].to_numpy(dtype=float), group["event_count"])
    row: dict[str, Any] = {"test_method": "heaps_at_round_figures", "event_count": len(values)}
    found = heaps_at_round_figures(
        values, step=float(group["step"].iloc[0]), every=int(group["round_every"].iloc[0])
    )
    if isinstance(found, Refusal):
        return row | _refused(found)
    return row | {
        "estimate": _figure(found.excess),
        "p_value": _figure(found.p_value),
        "is_the_good_way": found.excess >= LEAST_EXCESS,
    }


def _period_end(group: pd.DataFrame) -> dict[str, Any]:
    row: dict[str, Any] = {
        "test_method": "signed_ranks_over_months",
        "event_count": int(group["event_count"].sum()),
    }
    found = period_end_spike(
        group["event_count"].to_numpy(dtype=float),
        group["day_count"].to_numpy(dtype=float),
        group["late_count"].to_numpy(dtype=float),
        late_days=int(group["late_days"].iloc[0]),
    )
    if isinstance(found, Refusal):
        return row | _refused(found)
    return row | {
        "estimate": _figure(found.share / found.expected_share),
        "p_value": _figure(found.p_value),
        "is_the_good_way": found.share > found.expected_share,
    }


def _first_digits(group: pd.DataFrame) -> dict[str, Any]:
    values = np.repeat(group["event_value"].to_numpy(dtype=float), group["event_count"])
    row: dict[str, Any] = {"test_method": "benford", "event_count": len(values)}
    found = first_digits(values)
    if isinstance(found, Refusal):
        return row | _refused(found)
    return row | {
        "estimate": _figure(found.mean_absolute_deviation),
        "p_value": _figure(found.p_value),
        # The test alone calls any large number of figures apart.
        "is_the_good_way": found.conformity == "nonconformity",
    }


def _last_digits(group: pd.DataFrame) -> dict[str, Any]:
    step = float(group["step"].iloc[0])
    values = np.repeat(group["event_value"].to_numpy(dtype=float), group["event_count"])
    row: dict[str, Any] = {"test_method": "even_last_digits", "event_count": len(values)}
    found = last_digits(np.round(values / step))
    if isinstance(found, Refusal):
        return row | _refused(found)
    return row | {
        "estimate": _figure(found.mean_absolute_deviation),
        "p_value": _figure(found.p_value),
        "is_the_good_way": True,
    }


def _reopened(group: pd.DataFrame) -> dict[str, Any]:
    row: dict[str, Any] = {
        "test_method": "chi_squared_over_closers",
        "event_count": int(group["event_count"].sum()),
    }
    found = uneven_reopening(group["late_count"], group["event_count"])
    if isinstance(found, Refusal):
        return row | _refused(found)
    others = (found.low * found.high) ** 0.5
    return row | {
        "event_count": found.n,
        "estimate": _figure(others),
        "low_value": _figure(found.low),
        "high_value": _figure(found.high),
        "p_value": _figure(found.p_value),
        "is_the_good_way": True,
    }


_CHECKS: Final[dict[str, Callable[[pd.DataFrame], dict[str, Any]]]] = {
    "bunching": _bunching,
    "heaping": _heaping,
    "period_end": _period_end,
    "first_digits": _first_digits,
    "last_digits": _last_digits,
    "reopened": _reopened,
}


def _refused(refusal: Refusal) -> dict[str, Any]:
    return {"refusal": f"{refusal.reason}: {refusal.detail}"}


def _figure(value: float) -> float:
    return round(float(value), 10)
