"""What a change of leader does to lines: every result as a row, and no result about a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from scipy.stats import t as student

from orchestration.statistics.experiments.handovers import (
    NOBODY,
    Handovers,
    find_handovers,
    mean_of_changes,
)
from orchestration.statistics.fairness.multiplicity import adjust_p_values
from orchestration.statistics.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestration.statistics.spc.flat import Floats, Ints

BEFORE: Final = 6
AFTER: Final = 6
ALPHA: Final = 0.05
GOOD_POWER: Final = 0.8

Row = dict[str, Any]

COLUMNS: Final[Row] = {
    "kpi_id": None,
    "question": None,
    "part_id": "*",
    "n_changes": 0,
    "n_same_site": 0,
    "n_dropped": 0,
    "estimate": np.nan,
    "low_value": np.nan,
    "high_value": np.nan,
    "freedom": np.nan,
    "p_value": np.nan,
    "adjusted_p_value": np.nan,
    "detectable": np.nan,
    "verdict": None,
    "refusal": None,
}


def judge_handovers(readings: pd.DataFrame) -> pd.DataFrame:
    """Compare lines that got a new leader with lines that kept theirs, before and after.

    Parameters
    ----------
    readings : DataFrame, one row per KPI, line and month that one leader had
        `kpi_id`, `line_id`, `site_id`, `leader_id`, `period_start_date`, `computed_value` and
        `direction` (``higher`` or ``lower`` is better).

    Returns
    -------
    DataFrame, one row per KPI, question and part
        `question`: ``change`` (six months after less six before, over all changes; `part_id`
        ``*``), ``cohort`` (the same of the changes of one year), ``month`` (one month less the mean
        of those before; `part_id` counts from the change, 00 being the first under the new leader)
        and ``pre_trend`` (second half of the months before less the first). `n_changes`,
        `n_same_site` (compared within their site), `n_dropped` (with too few months on a side or
        no line to be compared with), `estimate` with its 95 % interval in the unit of the KPI,
        `freedom`, `p_value`, `adjusted_p_value` (false discovery rate over all KPIs, of
        ``change``), `detectable` (what would be found in 8 of 10 cases), `verdict` and `refusal`.

        `verdict` of ``change``: `gain`, `loss`, `no_effect_shown`, or `not_comparable` where lines
        drifted apart before; of ``pre_trend``: `drifted_apart` or `no_drift_shown`.

    Notes
    -----
    The mean over all changes is what a change as such costs or brings. Some leaders gain and some
    lose, so that nil says nothing of any of them.
    """
    rows: list[Row] = []
    for kpi, group in readings.groupby("kpi_id", sort=True):
        rows += [COLUMNS | {"kpi_id": kpi} | row for row in _of_kpi(group)]
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    if found.empty:
        return found
    asked = (found["question"] == "change") & found["p_value"].notna()
    if asked.any():
        adjusted = adjust_p_values(found.loc[asked, "p_value"].to_numpy(dtype=float), "BH")
        assert not isinstance(adjusted, Refusal)  # one at least, all within [0, 1]
        found.loc[asked, "adjusted_p_value"] = adjusted
        shown = found["adjusted_p_value"] < ALPHA
        found.loc[asked & ~shown & (found["verdict"] != "not_comparable"), "verdict"] = (
            "no_effect_shown"
        )
    return found.assign(
        **{name: found[name].round(10) for name in found.select_dtypes("float").columns}
    )


def _of_kpi(group: pd.DataFrame) -> Iterator[Row]:
    outcome, leader, site, first = _by_line_and_month(group)
    found = find_handovers(outcome, leader, site, before=BEFORE, after=AFTER)
    if isinstance(found, Refusal):
        yield {"question": "change", **_refused(found)}
        return
    every = np.full(found.line.size, True)
    drift = _mean_row(found, found.drift, every)
    has_drifted = drift["p_value"] < ALPHA if "p_value" in drift else False
    change = _mean_row(found, found.effect, every)
    better = 1 if group["direction"].iloc[0] == "higher" else -1
    if "estimate" in change:
        verdict = "gain" if better * change["estimate"] > 0 else "loss"
        change["verdict"] = "not_comparable" if has_drifted else verdict
    yield {"question": "change", **change}
    year = ((first + found.start) // 12) + 1970
    for one in np.unique(year):
        yield {
            "question": "cohort",
            "part_id": str(one),
            **_mean_row(found, found.effect, year == one),
        }
    for at in range(BEFORE + AFTER):
        yield {
            "question": "month",
            "part_id": f"{at - BEFORE:+03d}",
            **_mean_row(found, found.since(at), every),
        }
    if "p_value" in drift:
        drift["verdict"] = "drifted_apart" if has_drifted else "no_drift_shown"
    yield {"question": "pre_trend", **drift}


def _by_line_and_month(group: pd.DataFrame) -> tuple[Floats, Ints, Ints, int]:
    """Return outcome and leader by line and month, the lines' sites, and the first month."""
    month = pd.to_datetime(group["period_start_date"]).to_numpy(dtype="datetime64[M]").astype(int)
    lines, row = np.unique(group["line_id"].to_numpy(dtype=str), return_inverse=True)
    _, person = np.unique(group["leader_id"].to_numpy(dtype=str), return_inverse=True)
    _, place = np.unique(group["site_id"].to_numpy(dtype=str), return_inverse=True)
    first = int(month.min())
    shape = (lines.size, int(month.max()) - first + 1)
    outcome, leader = np.full(shape, np.nan), np.full(shape, NOBODY)
    outcome[row, month - first] = group["computed_value"].to_numpy(dtype=float)
    leader[row, month - first] = person
    site = np.zeros(lines.size, dtype=np.int64)
    site[row] = place
    return outcome, leader, site, first


def _mean_row(found: Handovers, values: Floats, chosen: np.ndarray) -> Row:
    row: Row = {
        "n_changes": int(chosen.sum()),
        "n_same_site": int(found.is_same_site[chosen].sum()),
        "n_dropped": found.n_dropped,
    }
    fit = mean_of_changes(values[chosen], found.site[chosen])
    if isinstance(fit, Refusal):
        return row | _refused(fit)
    low, high = fit.interval()
    # Of the half interval one part in `wide` is a standard error.
    wide = student.ppf(1 - ALPHA / 2, fit.freedom[0])
    error = (high - low) / 2 / wide
    return row | {
        "estimate": float(fit.coefficient[0]),
        "low_value": low,
        "high_value": high,
        "freedom": float(fit.freedom[0]),
        "p_value": fit.p_value(),
        "detectable": float(error * (wide + student.ppf(GOOD_POWER, fit.freedom[0]))),
    }


def _refused(refusal: Refusal) -> Row:
    return {"refusal": f"{refusal.reason}: {refusal.detail}"}
