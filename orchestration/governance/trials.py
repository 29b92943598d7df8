"""Whether a change that was tried on some lines did anything: every result as a row.

What the change must be worth and what will be done on which result is declared in
`seeds/registry/trials` before it begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from orchestration.statistics.experiments.difference import (
    Panel,
    Permutation,
    PreTrend,
    Selection,
    drift_before_start,
    event_study,
    panel,
    permutation_test,
    refuse_clusters,
    selection_on_the_past,
    two_way_fixed_effects,
)
from orchestration.statistics.experiments.staggered import Staggered, imputed_effects
from orchestration.statistics.refusal import NO_COMPARISON, NO_VALUE, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestration.statistics.experiments.clustered import ClusteredFit

ALL: Final = "*"
DEALS: Final = 1_999
"""Permutations; a p-value of 5 % is known to half a point."""
ALPHA: Final = 0.05
GOOD_POWER: Final = 0.8

Row = dict[str, Any]

COLUMNS: Final[Row] = {
    "trial_id": None,
    "kpi_id": None,
    "method": None,
    "part_id": ALL,
    "convention": None,
    "n_treated": 0,
    "n_compared": 0,
    "n": 0,
    "estimate_kind": None,
    "estimate": np.nan,
    "low_value": np.nan,
    "high_value": np.nan,
    "freedom": np.nan,
    "p_value": np.nan,
    "power": np.nan,
    "verdict": None,
    "refusal": None,
}


def judge_trials(readings: pd.DataFrame) -> pd.DataFrame:
    """Judge every trial on all final readings of its KPI.

    Parameters
    ----------
    readings : DataFrame, one row per trial, line and month
        `trial_id`, `kpi_id`, `line_id` and `period_start_date` (missing for a trial without
        readings), `computed_value`, `direction` (``higher`` or ``lower`` is better, or neither),
        `starts_on_date` (first whole month under the change; missing for lines without it) and
        `smallest_effect` (above 0, in the unit of the KPI).

    Returns
    -------
    DataFrame, one row per result
        By `trial_id`, `method` and `part_id`: `convention`, `n_treated` and
        `n_compared` (lines), `n` (readings), `estimate` (`estimate_kind` says of what, in the unit
        of the KPI) with its 95 % interval, `freedom`, `p_value`, `power`, `verdict` and `refusal`.

        ``decision``: the effect, by imputation where the change came in waves and else by two-way
        effects, and what it means for what was declared: `worth_it`, `too_small`,
        `no_effect_shown`, `harm`; `not_comparable` where lines drifted apart before, or were
        chosen for an odd last month. ``two_way``, ``permutation``, ``imputation`` (over all, by
        wave and by months since the start), ``event_study`` (by month, one wave only),
        ``pre_trend`` (with the power to see a drift as large as the effect), ``drift`` (slope
        before the start) and ``selection`` (how odd the last month before was).

    Notes
    -----
    Errors hang together within lines; lines are taken to be independent given the month, which a
    shock of one site breaks. With fewer than four lines under the change nothing is tested.
    """
    rows: list[Row] = []
    for (trial, kpi), group in readings.groupby(["trial_id", "kpi_id"], sort=True):
        rows += [COLUMNS | {"trial_id": trial, "kpi_id": kpi} | row for row in _of_trial(group)]
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    if found.empty:
        return found
    return found.assign(
        **{name: found[name].round(10) for name in found.select_dtypes("float").columns}
    )


def _of_trial(group: pd.DataFrame) -> Iterator[Row]:
    known = group[group["line_id"].notna()].sort_values(
        ["line_id", "period_start_date"], ignore_index=True
    )
    if known.empty:
        detail = "the KPI has no final monthly reading of a line"
        yield {"method": "decision", **_refused(Refusal(NO_VALUE, detail))}
        return
    month = pd.to_datetime(known["period_start_date"]).to_numpy(dtype="datetime64[M]")
    start = pd.to_datetime(known["starts_on_date"]).to_numpy(dtype="datetime64[M]")
    # Not a time compares as never.
    treated = month >= start
    made = panel(
        known["computed_value"].to_numpy(dtype=float),
        treated.astype(float),
        known["line_id"].to_numpy(dtype=str),
        month,
    )
    if isinstance(made, Refusal):
        yield {"method": "decision", **_refused(made)}
        return
    refusal = refuse_clusters(made)
    if refusal is not None:
        yield {"method": "decision", **_refused(refusal)}
        return
    ever = np.isin(made.unit, np.unique(made.unit[made.treatment > 0]))
    waves = np.unique(start[made.row][made.treatment > 0])
    size = {
        "n_treated": int(np.unique(made.unit[ever]).size),
        "n_compared": int(np.unique(made.unit[~ever]).size),
        "n": int(made.outcome.size),
    }
    for row in _results(made, ever.astype(float), waves, known.iloc[0]):
        yield size | row


def _results(
    made: Panel, ever: np.ndarray, waves: np.ndarray, declared: pd.Series
) -> Iterator[Row]:
    in_waves = waves.size > 1
    fit = (
        Refusal(NO_COMPARISON, f"{waves.size} waves: lines under the change would stand for others")
        if in_waves
        else two_way_fixed_effects(made)
    )
    imputed = imputed_effects(made)
    study = None if in_waves else event_study(made, ever, waves[0] - np.timedelta64(1, "M"))
    drift = drift_before_start(made, ever)
    selection = selection_on_the_past(made, ever)
    pre_trend = imputed if isinstance(imputed, Refusal) else imputed.pre_trend
    if study is not None:
        pre_trend = study if isinstance(study, Refusal) else study.pre_trend
    main = {"method": "imputation"} | _imputed_row(imputed)
    simple = {"method": "two_way"} | _fit_row(fit, "two-way effects; CR2, Satterthwaite")
    yield _decision(main if in_waves else simple, drift, selection, declared)
    yield simple
    yield {"method": "permutation"} | _permutation_row(permutation_test(made, deals=DEALS))
    yield main
    if not isinstance(imputed, Refusal):
        yield from _parts(imputed)
    if study is not None and not isinstance(study, Refusal):
        for at, period in enumerate(study.period):
            row = _fit_row(study.fit, f"from {study.reference}; CR2, Satterthwaite", at)
            yield {"method": "event_study", "part_id": f"month {period}"} | row
    yield {"method": "pre_trend"} | _pre_trend_row(pre_trend)
    yield {"method": "drift"} | _fit_row(
        drift, "per month before the first start; CR2, Satterthwaite", kind="slope"
    )
    yield {"method": "selection"} | _selection_row(selection)


def _decision(
    row: Row,
    drift: ClusteredFit | Refusal,
    selection: Selection | Refusal,
    declared: pd.Series,
) -> Row:
    """Say what the effect means for what was declared before the trial began."""
    answer = row | {"method": "decision"}
    if row.get("refusal") is not None:
        return answer
    if declared["direction"] not in {"higher", "lower"}:
        detail = "the KPI has no better side: its register says neither higher nor lower"
        return answer | _refused(Refusal(NO_COMPARISON, detail))
    sign = 1 if declared["direction"] == "higher" else -1
    gain = sign * row["estimate"]
    ends = sorted((sign * row["low_value"], sign * row["high_value"]))
    verdict = "no_effect_shown"
    if ends[0] > 0:
        verdict = "worth_it" if gain >= declared["smallest_effect"] else "too_small"
    elif ends[1] < 0:
        verdict = "harm"
    is_drifting = not isinstance(drift, Refusal) and drift.p_value() < ALPHA
    is_selected = not isinstance(selection, Refusal) and selection.is_selected
    return answer | {"verdict": "not_comparable" if is_drifting or is_selected else verdict}


def _fit_row(
    fit: ClusteredFit | Refusal, convention: str, at: int = 0, *, kind: str = "effect"
) -> Row:
    row: Row = {"convention": convention, "estimate_kind": kind}
    if isinstance(fit, Refusal):
        return row | _refused(fit)
    low, high = fit.interval(at)
    return row | {
        "estimate": float(fit.coefficient[at]),
        "low_value": low,
        "high_value": high,
        "freedom": float(fit.freedom[at]),
        "p_value": fit.p_value(at),
    }


def _imputed_row(found: Staggered | Refusal) -> Row:
    row: Row = {
        "convention": "imputed from readings without the change; jackknife over lines",
        "estimate_kind": "effect",
    }
    if isinstance(found, Refusal):
        return row | _refused(found)
    return row | {
        "estimate": found.effect,
        "low_value": found.low,
        "high_value": found.high,
        "freedom": float(found.freedom),
        "p_value": found.p_value,
    }


def _parts(found: Staggered) -> Iterator[Row]:
    parts = [(f"wave {wave}", found.by_wave, at) for at, wave in enumerate(found.wave)]
    # Two digits, so that parts sort as months do.
    parts += [(f"since {after:02d}", found.by_since, at) for at, after in enumerate(found.since)]
    for part, effects, at in parts:
        yield {
            "method": "imputation",
            "part_id": part,
            "convention": "imputed from readings without the change; jackknife over lines",
            "estimate_kind": "effect",
            "n_treated": int(effects.n_units[at]),
            "estimate": float(effects.effect[at]),
            "low_value": float(effects.low[at]),
            "high_value": float(effects.high[at]),
        }


def _permutation_row(found: Permutation | Refusal) -> Row:
    if isinstance(found, Refusal):
        return _refused(found)
    how = "all deals" if found.is_exact else f"{found.n_deals} deals drawn"
    return {"convention": f"treatment dealt out among lines; {how}", "p_value": found.p_value}


def _pre_trend_row(found: PreTrend | Refusal) -> Row:
    row: Row = {
        "convention": "joint test of the months before the start; estimate: slope that it would see"
        " in 8 of 10 cases",
        "estimate_kind": "detectable_slope",
    }
    if isinstance(found, Refusal):
        return row | _refused(found)
    passed = "passed" if found.power >= GOOD_POWER else "passed_without_power"
    return row | {
        "estimate": found.detectable_slope,
        "freedom": found.freedom_2,
        "p_value": found.p_value,
        "power": found.power,
        "verdict": "drifted_apart" if found.p_value < found.level else passed,
    }


def _selection_row(found: Selection | Refusal) -> Row:
    row: Row = {"convention": "last month before the start; CR2", "estimate_kind": "dip"}
    if isinstance(found, Refusal):
        return row | _refused(found)
    return row | {
        "estimate": found.dip,
        "p_value": found.p_value,
        "verdict": "chosen_for_it" if found.is_selected else "nothing_odd_shown",
    }


def _refused(refusal: Refusal) -> Row:
    return {"refusal": f"{refusal.reason}: {refusal.detail}"}
