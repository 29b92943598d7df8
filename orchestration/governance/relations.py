"""Which KPIs say the same, pull against each other or run ahead of each other: evidence only."""

from __future__ import annotations

from itertools import combinations
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.stats import norm

from orchestration.statistics.detection.evidence import (
    PairEvidence,
    pair_evidence,
    spanned_by_all,
)
from orchestration.statistics.detection.relations import inflation, lead_lag, redundant
from orchestration.statistics.refusal import DUPLICATE_PERIOD, Refusal

MAX_LAG_WEEKS: Final = 8
PERMUTATIONS: Final = 1999
"""A pair that stands alone among a hundred needs a p-value of .05 / 100."""

REDUNDANT_FROM: Final = 0.9
"""Absolute correlation of weekly changes beyond which a second KPI adds little."""

LEAST_SHARE: Final = 0.5
"""Of the weeks of the longest KPI, to count among the others in a variance inflation: each KPI
takes from all the weeks that it has not."""

WEEKS_PER_KPI: Final = 5
"""Common weeks for each KPI that an inflation asks for: with five, KPIs that have nothing to do
with each other are inflated by 1.25 of chance alone, with as many weeks as KPIs without end."""
FALSE_DISCOVERIES: Final = 0.05


def relate_kpis(weeks: pd.DataFrame) -> pd.DataFrame:
    """Look for relations between the KPIs of a company.

    Pairs are those that somebody has a reason to ask about: KPIs of one domain (do they say the
    same, does one pay for the other?), and one declared leading with one declared lagging (does it
    lead?). KPIs without a better side are asked neither.

    Parameters
    ----------
    weeks : DataFrame, one row per KPI and week
        `kpi_id`, `week_start_date`, `week_value`, `domain`, `timing` (``leading``, ``lagging`` or
        ``structural``) and `direction` (``higher``, ``lower`` or ``neutral`` is better).

    Returns
    -------
    DataFrame, two rows per pair, in order of question and pair
        `question`: ``same_thing`` is asked of changes from week to week, and its `verdict` is
        ``redundant`` where the whole interval lies beyond `REDUNDANT_FROM`, else ``distinct``.
        ``movement`` is asked over all lags up to `MAX_LAG_WEEKS`: ``conflict`` (one gets better as
        the other gets worse), ``leads`` (the first is `lag_weeks` ahead), ``moves_together`` or
        ``no_evidence``. `first_kpi_id` is the one ahead. Further `test_method`, `week_count`,
        `correlation_coefficient` with `low_value` and `high_value` (95 %, of that one lag),
        `p_value` (of the largest at any lag), `adjusted_p_value` (false discovery rate over all
        pairs), `lift` (share of the error of one-week forecasts of the second that the first takes
        away in the last third of the weeks), `first_variance_inflation` and
        `second_variance_inflation` (of its weekly changes by those of all other KPIs; NaN where it
        follows from them, or was seen too seldom), `is_leading` (declared to lead the second) and
        `refusal`.

    Notes
    -----
    A relation is no cause: both may follow a third. See `statistics.detection.evidence`.
    """
    kpis = weeks.groupby("kpi_id")[["domain", "timing", "direction"]].first().sort_index()
    kpis = kpis[kpis["direction"] != "neutral"]
    names = kpis.index.tolist()
    pairs = [
        (a, b)
        for a, b in combinations(range(len(names)), 2)
        if kpis["domain"].iloc[a] == kpis["domain"].iloc[b]
        or {kpis["timing"].iloc[a], kpis["timing"].iloc[b]} == {"leading", "lagging"}
    ]
    if not pairs:
        return pd.DataFrame(columns=list(_COLUMNS), dtype="object")
    # Which of two values of one week holds is not ours to choose: such a KPI has none.
    repeated = weeks.duplicated(["kpi_id", "week_start_date"], keep=False)
    doubled = weeks[repeated].groupby("kpi_id")["week_start_date"].min()
    single = weeks.drop_duplicates(["kpi_id", "week_start_date"])
    single = single.assign(
        week_value=single["week_value"].mask(single["kpi_id"].isin(doubled.index))
    )
    wide = single.pivot(index="week_start_date", columns="kpi_id", values="week_value")  # noqa: PD010
    wide.index = pd.to_datetime(wide.index)
    # A week without a value is a gap and not a shorter series.
    series = wide.asfreq("7D")[names].to_numpy(dtype=float)
    found = pair_evidence(
        series,
        directions=[1 if one == "higher" else -1 for one in kpis["direction"]],
        max_lag=MAX_LAG_WEEKS,
        alpha=FALSE_DISCOVERIES,
        permutations=PERMUTATIONS,
        pairs=[pair for pair in pairs if not {names[at] for at in pair} & set(doubled.index)],
    )
    inflated = _inflation(series)
    moved = {} if isinstance(found, Refusal) else {_key(one): one for one in found}
    rows = []
    for pair in pairs:
        twice = [names[at] for at in pair if names[at] in doubled.index]
        if twice:
            week = f"{pd.Timestamp(doubled[twice[0]]):%Y-%m-%d}"
            why = f"{DUPLICATE_PERIOD}: {twice[0]} has two values of {week}"
            rows += [_asked(names, pair, question) | {"refusal": why} for question in _METHODS]
            continue
        both = spanned_by_all(series[:, pair])
        rows += [
            _same_thing(names, pair, both, inflated),
            _movement(names, kpis["timing"].tolist(), pair, both, moved.get(frozenset(pair))),
        ]
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    return table.sort_values(["question", "first_kpi_id", "second_kpi_id"], ignore_index=True)


_COLUMNS: Final[dict[str, Any]] = {
    "question": None,
    "first_kpi_id": None,
    "second_kpi_id": None,
    "test_method": None,
    "week_count": 0,
    "lag_weeks": None,
    "correlation_coefficient": np.nan,
    "low_value": np.nan,
    "high_value": np.nan,
    "p_value": np.nan,
    "adjusted_p_value": np.nan,
    "lift": np.nan,
    "first_variance_inflation": np.nan,
    "second_variance_inflation": np.nan,
    "is_leading": None,
    "verdict": None,
    "refusal": None,
}


_METHODS: Final = {
    "same_thing": "correlation_of_changes",
    "movement": "prewhitened_cross_correlation",
}


def _asked(names: list[str], pair: tuple[int, int], question: str) -> dict[str, Any]:
    """Return the row of a question before it is answered."""
    return _COLUMNS | {
        "question": question,
        "first_kpi_id": names[pair[0]],
        "second_kpi_id": names[pair[1]],
        "test_method": _METHODS[question],
    }


def _key(one: PairEvidence) -> frozenset[int]:
    return frozenset({one.leader, one.follower})


def _inflation(series: np.ndarray) -> np.ndarray:
    """Return the inflation of each KPI's changes, NaN where there is none to print."""
    # A KPI with an infinite week is refused by its pairs, and is no measure for others.
    known = np.where(np.isinf(series).any(axis=0), np.nan, series)
    changes = np.diff(known, axis=0)
    seen = np.isfinite(changes).sum(axis=0)
    among = np.flatnonzero(seen >= max(1, LEAST_SHARE * seen.max(initial=0)))
    figures = np.full(series.shape[1], np.nan)
    common = np.isfinite(changes[:, among]).all(axis=1)
    if not common.any():
        return figures
    # One that stands still over the weeks of all would leave the others without a figure too.
    among = among[np.ptp(changes[np.ix_(common, among)], axis=0) > 0]
    common = np.isfinite(changes[:, among]).all(axis=1)
    if np.count_nonzero(common) < WEEKS_PER_KPI * among.size:
        return figures
    found = inflation(changes[:, among])
    if not isinstance(found, Refusal):
        figures[among] = np.where(np.isfinite(found), np.round(found, 6), np.nan)
    return figures


def _same_thing(
    names: list[str], pair: tuple[int, int], both: np.ndarray, inflated: np.ndarray
) -> dict[str, Any]:
    row = _asked(names, pair, "same_thing") | {"week_count": len(both)}
    # All correlations are at least -1: the figure is wanted whatever the verdict.
    found = redundant(both, at_least=-1.0)
    if isinstance(found, Refusal):
        return row | {"refusal": f"{found.reason}: {found.detail}"}
    (one,) = found
    is_redundant = one.low >= REDUNDANT_FROM or one.high <= -REDUNDANT_FROM
    return row | {
        "correlation_coefficient": round(one.correlation, 10),
        "low_value": round(one.low, 10),
        "high_value": round(one.high, 10),
        "first_variance_inflation": float(inflated[pair[0]]),
        "second_variance_inflation": float(inflated[pair[1]]),
        "verdict": "redundant" if is_redundant else "distinct",
    }


def _movement(
    names: list[str],
    timing: list[str],
    pair: tuple[int, int],
    both: np.ndarray,
    found: PairEvidence | None,
) -> dict[str, Any]:
    row = _asked(names, pair, "movement") | {"week_count": len(both)}
    if found is None:
        why = lead_lag(both[:, 0], both[:, 1], max_lag=MAX_LAG_WEEKS, permutations=1)
        assert isinstance(why, Refusal), why
        return row | {"refusal": f"{why.reason}: {why.detail}"}
    verdict = "no_evidence"
    if found.found:
        ahead = "leads" if found.lag else "moves_together"
        verdict = "conflict" if found.conflict else ahead
    z = np.arctanh(np.clip(found.correlation, -1 + 1e-15, 1 - 1e-15))
    half = norm.ppf(0.975) / np.sqrt(found.n - found.lag - 3)
    return row | {
        "first_kpi_id": names[found.leader],
        "second_kpi_id": names[found.follower],
        "lag_weeks": found.lag,
        "correlation_coefficient": round(found.correlation, 10),
        "low_value": round(float(np.tanh(z - half)), 10),
        "high_value": round(float(np.tanh(z + half)), 10),
        "p_value": round(found.p_value, 6),
        "adjusted_p_value": round(found.adjusted_p_value, 6),
        "lift": round(found.lift, 6),
        "is_leading": timing[found.leader] == "leading" and timing[found.follower] == "lagging",
        "verdict": verdict,
    }
