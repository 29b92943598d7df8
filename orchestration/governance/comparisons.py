"""Whether a unit differs from its peers more than peers differ anyway: funnels over readings."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.stats import norm

from orchestration.statistics.calibration.funnel import Funnel, Measure, funnel, funnel_limits
from orchestration.statistics.refusal import NO_VARIATION, TOO_FEW_READINGS, Refusal

GROUP: Final = ("kpi_id", "entity_kind", "period_kind", "period_start_date")
MEASURES: Final[dict[str, Measure]] = {"p": "PR", "laney_p": "PR", "u": "SR", "laney_u": "SR"}
"""Of charts of counts: shares of trials, and counts against what the exposure lets expect."""
LEAST_PEERS: Final = 5
"""Fewer units say nothing about how much units differ from each other."""
CONFIDENCE: Final = 0.95


def compare_with_peers(readings: pd.DataFrame) -> pd.DataFrame:
    """Compare the units of each KPI, kind and period with each other.

    Parameters
    ----------
    readings : DataFrame, one row per reading
        `kpi_id`, `entity_kind`, `entity_id`, `period_kind`, `period_start_date`, `numerator` and
        `denominator` (counts; rows without them are no peers), `chart_kind` (one of `MEASURES`),
        `multiplier` and `direction` (``higher`` or ``lower`` is better).

    Returns
    -------
    DataFrame, one row per reading, in order of group and entity
        The key, `peer_count`, `peers_value` (all peers together, in the KPI's unit), `phi` (mean
        squared z: 1 if units differ by chance alone), `z` (additive, above 0 is a higher value),
        `lower_limit` and `upper_limit` (in the KPI's unit: between them lie 95 % of units that
        differ as units do), `verdict` (``better_than_peers``, ``worse_than_peers``,
        ``within_spread``; missing where refused) and `refusal`.

    Notes
    -----
    The spread between units is estimated from the units themselves (z drawn in to their 10 %
    quantiles, set right for what that takes from normal values, then the variance that chance does
    not explain is added), so a verdict says that a unit stands out, not why: what units make
    differs, and so does what is asked of them. Where units differ and none stands out, 5.1 % are
    outside their limits all the same (measured with 40 units; 4.3 % of six): two of 40 every month.
    Spiegelhalter, *Quality and Safety in Health Care* 14 (2005) 347-351.
    """
    frame = readings.sort_values([*GROUP, "entity_id"], ignore_index=True)
    is_peer = (frame["denominator"] > 0) & frame["numerator"].notna()
    frame = frame[is_peer].reset_index(drop=True)
    parts = [_compared(group) for _, group in frame.groupby(list(GROUP), sort=False)]
    columns = [*GROUP, "entity_id", *_NOTHING]
    if not parts:
        return pd.DataFrame(columns=columns, dtype="object")
    return pd.concat(parts, ignore_index=True)[columns]


_NOTHING: Final[dict[str, Any]] = {
    "peer_count": 0,
    "peers_value": np.nan,
    "phi": np.nan,
    "z": np.nan,
    "lower_limit": np.nan,
    "upper_limit": np.nan,
    "verdict": None,
    "refusal": None,
}


def _compared(group: pd.DataFrame) -> pd.DataFrame:
    events = group["numerator"].to_numpy(dtype=float)
    sizes = group["denominator"].to_numpy(dtype=float)
    first = group.iloc[0]
    overall, multiplier = events.sum() / sizes.sum(), float(first["multiplier"])
    measure = MEASURES[first["chart_kind"]]
    answer = group[[*GROUP, "entity_id"]].assign(
        **_NOTHING | {"peer_count": len(group), "peers_value": round(overall * multiplier, 10)}
    )
    found: Funnel | Refusal
    if len(group) < LEAST_PEERS:
        found = Refusal(TOO_FEW_READINGS, f"{len(group)} units, at least {LEAST_PEERS} are needed")
    elif overall == 0:
        found = Refusal(NO_VARIATION, "nothing was counted in any unit")
    else:
        found = funnel(
            events,
            sizes if measure == "PR" else sizes * overall,
            measure=measure,
            is_normal_consistent=True,
        )
    if isinstance(found, Refusal):
        return answer.assign(refusal=f"{found.reason}: {found.detail}")
    # A standardised ratio is a multiple of what all units have together.
    scale = multiplier if measure == "PR" else overall * multiplier
    lower, upper = funnel_limits(found, measure=measure, confidence=CONFIDENCE)
    is_better = (found.z_additive > 0) == (first["direction"] == "higher")
    return answer.assign(
        phi=round(found.phi, 10),
        z=found.z_additive.round(10),
        lower_limit=(lower * scale).round(10),
        upper_limit=(upper * scale).round(10),
        verdict=np.select(
            [np.abs(found.z_additive) <= norm.ppf((1 + CONFIDENCE) / 2), is_better],
            ["within_spread", "better_than_peers"],
            default="worse_than_peers",
        ),
    )
