"""A pilot drawn as monthly readings of lines, without files: what a trial finds, and misses."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from orchestration.demo.size import random

LINES: Final = 40
MONTHS: Final = 24
FIRST_MONTH: Final = np.datetime64("2024-01")
LEVEL: Final = 0.88
LINE_SD: Final = 0.02
MONTH_SD: Final = 0.01
"""Of what all lines share in a month, and of what is one line's own."""
AUTOCORRELATION: Final = 0.5


def draw_pilot(
    seed: int,
    *,
    effect: float = 0.02,
    starts: tuple[int, ...] = (12, 16),
    treated: int = 12,
    direction: str = "higher",
    smallest_effect: float = 0.015,
) -> pd.DataFrame:
    """Draw readings as `int_trials__input` has them.

    Parameters
    ----------
    seed : int
    effect : float
        What the change is worth on lines under it; 0 for a pilot that did nothing.
    starts : tuple of int
        Month in which each wave begins, the first month being 0; lines are shared out in order.
    treated : int
        Lines that come under the change, of `LINES`.
    direction : str
    smallest_effect : float

    Returns
    -------
    DataFrame, one row per line and month
    """
    rng = random(seed, "drawn pilot")
    noise = rng.normal(0, MONTH_SD, (LINES, MONTHS))
    for month in range(1, MONTHS):
        noise[:, month] *= np.sqrt(1 - AUTOCORRELATION**2)
        noise[:, month] += AUTOCORRELATION * noise[:, month - 1]
    value = LEVEL + noise + rng.normal(0, LINE_SD, (LINES, 1)) + rng.normal(0, MONTH_SD, MONTHS)
    wave = np.full(LINES, MONTHS)
    wave[:treated] = np.array(starts)[np.arange(treated) * len(starts) // treated]
    value += effect * (np.arange(MONTHS) >= wave[:, None])
    line, month = np.divmod(np.arange(LINES * MONTHS), MONTHS)
    start = np.where(wave < MONTHS, FIRST_MONTH + wave, np.datetime64("NaT"))
    return pd.DataFrame(
        {
            "trial_id": "drawn",
            "kpi_id": "KPI009",
            "line_id": np.char.mod("L%02d", line + 1),
            "period_start_date": (FIRST_MONTH + month).astype("datetime64[us]"),
            "computed_value": value.ravel(),
            "direction": direction,
            "starts_on_date": start[line].astype("datetime64[us]"),
            "smallest_effect": smallest_effect,
        }
    )
