"""Whether the steps of a change were done, apart from what became of the lines: a row per line.

A change that was never made cannot fail, and a line that got better without it does not speak for
it. So what was done (acts on declared steps) and what came of it (the readings) are judged apart
and only then put side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from scipy.stats import ttest_ind

from orchestration.statistics.experiments.interrupted import AverageEffect, average_effect
from orchestration.statistics.refusal import (
    DUPLICATE_PERIOD,
    NO_COMPARISON,
    NO_VALUE,
    NO_VARIATION,
    TOO_FEW_CLUSTERS,
    Refusal,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALL: Final = "*"
LEAST_LINES: Final = 3
"""In each group of lines whose mean effects are compared."""
LEAST_OTHERS: Final = 4
"""Lines without the change whose mean stands for what all lines share."""
NOT_JUDGED: Final = "not_judged"
CLASSES: Final = {
    (True, True): "done_and_better",
    (True, False): "done_not_better",
    (False, True): "not_done_better",
    (False, False): "not_done_not_better",
}
ALONE: Final = "line alone; AR(1), REML"

Row = dict[str, Any]

COLUMNS: Final[Row] = {
    "trial_id": None,
    "kpi_id": None,
    "line_id": ALL,
    "n_due": 0,
    "n_in_time": 0,
    "n_done": 0,
    "fidelity": np.nan,
    "done": np.nan,
    "least_fidelity": np.nan,
    "convention": None,
    "n_before": np.nan,
    "n_after": np.nan,
    "estimate_kind": "effect",
    "estimate": np.nan,
    "low_value": np.nan,
    "high_value": np.nan,
    "freedom": np.nan,
    "p_value": np.nan,
    "autocorrelation": np.nan,
    "n_done_better": np.nan,
    "n_done_not_better": np.nan,
    "n_not_done_better": np.nan,
    "n_not_done_not_better": np.nan,
    "n_not_judged": np.nan,
    "verdict": NOT_JUDGED,
    "refusal": None,
}
COUNTED: Final = {
    "n_done_better": "done_and_better",
    "n_done_not_better": "done_not_better",
    "n_not_done_better": "not_done_better",
    "n_not_done_not_better": "not_done_not_better",
    "n_not_judged": NOT_JUDGED,
}


def judge_fidelity(readings: pd.DataFrame, steps: pd.DataFrame) -> pd.DataFrame:
    """Say of every line under a change whether it did the steps, and whether it got better.

    Parameters
    ----------
    readings : DataFrame, one row per trial, line and month
        As `trials.judge_trials` reads them: `trial_id`, `line_id`, `period_start_date`,
        `computed_value`, `direction`, `starts_on_date` and `smallest_effect`, lines without the
        change included.
    steps : DataFrame, one row per trial, line under the change and step
        `trial_id`, `kpi_id`, `line_id`, `starts_on_date`, `least_fidelity_share`, `step_id`
        (missing for a line without steps), `is_due`, `is_done` and `is_done_in_time`.

    Returns
    -------
    DataFrame, one row per trial and line, and one per trial (`line_id` ``*``)
        `fidelity` (due steps done in time) and `done` (at all) as shares of `n_due`; the effect on
        the line by `interrupted.average_effect` with its 95 % interval. `verdict` of a line: one of
        `CLASSES`, where better means an interval beyond nil on the KPI's better side and an
        estimate that reaches the smallest effect worth having, as declared; or `not_judged` with
        its `refusal`, beside what is known of either question nevertheless.

        Of a trial: its lines by verdict, and as `estimate` the mean effect of lines that did the
        steps less that of those that did not, by Welch; `faithful_gained_more`,
        `faithful_gained_less`, `no_difference_shown`, or `not_judged` with fewer than
        `LEAST_LINES` lines in a group. Nobody dealt out who is faithful: the difference is no
        effect of fidelity.

    Notes
    -----
    With `LEAST_OTHERS` lines or more that never come under the change and have every month of the
    line, their mean is taken off first: what happens to all lines is no effect of the change.
    """
    rows: list[Row] = []
    by_trial = dict(tuple(readings.groupby("trial_id", sort=True)))
    for (trial, kpi), declared in steps.groupby(["trial_id", "kpi_id"], sort=True):
        known = by_trial.get(trial, readings.iloc[:0])
        rows += _of_trial(trial, kpi, known[known["line_id"].notna()], declared)
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    if found.empty:
        return found
    return found.assign(
        **{name: found[name].round(10) for name in found.select_dtypes("float").columns}
    )


def _of_trial(trial: Any, kpi: Any, readings: pd.DataFrame, declared: pd.DataFrame) -> list[Row]:
    direction, smallest = (
        readings[["direction", "smallest_effect"]].iloc[0] if len(readings) else (None, np.nan)
    )
    months = _months(readings)
    is_other = readings["starts_on_date"].isna()
    others = frozenset(readings.loc[is_other, "line_id"])
    named = COLUMNS | {"trial_id": trial, "kpi_id": kpi}
    lines = [
        named | {"line_id": line} | _of_line(months, own, others, direction, smallest)
        for line, own in declared.groupby("line_id", sort=True)
    ]
    return [named | _of_all(lines, direction), *lines]


def _months(readings: pd.DataFrame) -> pd.DataFrame | Refusal:
    """Return one row per month without gaps and one column per line; NaN where there is none."""
    if readings.duplicated(["line_id", "period_start_date"]).any():
        return Refusal(DUPLICATE_PERIOD, "a line has two readings of one month")
    month = pd.PeriodIndex(pd.to_datetime(readings["period_start_date"]), freq="M", name="month")
    wide = readings.set_index([month, "line_id"])["computed_value"].astype(float).unstack()  # noqa: PD010 (each cell is one reading)
    if wide.empty:
        return wide
    return wide.reindex(pd.period_range(wide.index.min(), wide.index.max(), freq="M"))


def _of_line(
    months: pd.DataFrame | Refusal,
    steps: pd.DataFrame,
    others: frozenset[str],
    direction: Any,
    smallest: float,
) -> Row:
    fidelity, done, row = _fidelity(steps)
    effect, convention = _effect(months, steps, others)
    row |= {"convention": convention}
    refusals = [one for one in (done, effect) if isinstance(one, Refusal)]
    if isinstance(effect, AverageEffect):
        row |= {
            "n_before": effect.n_before,
            "n_after": effect.n_after,
            "estimate": effect.effect,
            "low_value": effect.low,
            "high_value": effect.high,
            "freedom": effect.freedom,
            "p_value": effect.p_value,
            "autocorrelation": effect.rho,
        }
        better = _is_better(effect, direction, smallest)
        if isinstance(better, Refusal):
            refusals.append(better)
        elif not refusals:
            return row | {"verdict": CLASSES[fidelity >= row["least_fidelity"], better]}
    return row | {"refusal": "; ".join(f"{one.reason}: {one.detail}" for one in refusals)}


def _fidelity(steps: pd.DataFrame) -> tuple[float, Refusal | None, Row]:
    """Return the share of due steps done in time, why there is none, and the counts."""
    due = steps[steps["is_due"].astype(bool)]
    n_due, n_in_time = len(due), int(due["is_done_in_time"].sum())
    n_done = int(due["is_done"].sum())
    row: Row = {
        "n_due": n_due,
        "n_in_time": n_in_time,
        "n_done": n_done,
        "least_fidelity": float(steps["least_fidelity_share"].iloc[0]),
    }
    if n_due == 0:
        none = steps["step_id"].isna().all()
        detail = "no step of it is declared" if none else "no step of it is due yet"
        return np.nan, Refusal(NO_VALUE, detail), row
    return n_in_time / n_due, None, row | {"fidelity": n_in_time / n_due, "done": n_done / n_due}


def _effect(
    months: pd.DataFrame | Refusal, steps: pd.DataFrame, without: frozenset[str]
) -> tuple[AverageEffect | Refusal, str | None]:
    """Return the effect on a line, and what it was held against."""
    line = steps["line_id"].iloc[0]
    if isinstance(months, Refusal):
        return months, None
    if line not in months.columns or not months[line].notna().any():
        return Refusal(NO_VALUE, "the KPI has no final monthly reading of the line"), None
    there = np.flatnonzero(months[line].notna())
    span = months.iloc[there[0] : there[-1] + 1]
    own: NDArray[np.float64] = span[line].to_numpy(dtype=float)
    others = span[sorted(without)].dropna(axis=1)
    convention = ALONE
    if others.shape[1] >= LEAST_OTHERS:
        own = own - others.mean(axis=1).to_numpy(dtype=float)
        convention = f"less the mean of {others.shape[1]} lines without the change; AR(1), REML"
    start = pd.Timestamp(steps["starts_on_date"].iloc[0]).to_period("M")
    return average_effect(own, start.ordinal - span.index[0].ordinal), convention


def _is_better(effect: AverageEffect, direction: Any, smallest: float) -> bool | Refusal:
    if direction == "higher":
        return effect.low > 0 and effect.effect >= smallest
    if direction == "lower":
        return effect.high < 0 and -effect.effect >= smallest
    detail = "the KPI has no better side: its register says neither higher nor lower"
    return Refusal(NO_COMPARISON, detail)


def _of_all(lines: list[Row], direction: Any) -> Row:
    """Return the counts of a trial, and its faithful lines beside the others."""
    verdicts = [line["verdict"] for line in lines]
    row: Row = {name: verdicts.count(verdict) for name, verdict in COUNTED.items()}
    row |= {name: sum(line[name] for line in lines) for name in ("n_due", "n_in_time", "n_done")}
    row |= {"least_fidelity": lines[0]["least_fidelity"], "estimate_kind": "difference"}
    if row["n_due"]:
        row |= {"fidelity": row["n_in_time"] / row["n_due"], "done": row["n_done"] / row["n_due"]}
    judged = [line for line in lines if line["verdict"] != NOT_JUDGED]
    faithful, others = (
        [line["estimate"] for line in judged if line["verdict"].startswith("done") is is_done]
        for is_done in (True, False)
    )
    return row | _compared(faithful, others, direction)


def _compared(faithful: list[float], others: list[float], direction: Any) -> Row:
    if min(len(faithful), len(others)) < LEAST_LINES:
        detail = (
            f"{len(faithful)} judged lines did the steps and {len(others)} did not; at least "
            f"{LEAST_LINES} of each are compared"
        )
        return {"refusal": f"{TOO_FEW_CLUSTERS}: {detail}"}
    if np.ptp(faithful) == 0 and np.ptp(others) == 0:
        return {"refusal": f"{NO_VARIATION}: the lines of a group all have the same effect"}
    test = ttest_ind(faithful, others, equal_var=False)
    interval = test.confidence_interval(0.95)
    row: Row = {
        "convention": "mean effect of lines that did the steps less that of others; Welch",
        "estimate": float(np.mean(faithful) - np.mean(others)),
        "low_value": float(interval.low),
        "high_value": float(interval.high),
        "freedom": float(test.df),
        "p_value": float(test.pvalue),
        "verdict": "no_difference_shown",
    }
    if row["low_value"] > 0 or row["high_value"] < 0:
        is_more = (row["low_value"] > 0) is (direction == "higher")
        row["verdict"] = "faithful_gained_more" if is_more else "faithful_gained_less"
    return row
