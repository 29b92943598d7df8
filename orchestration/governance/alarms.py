"""What each set of rules costs an audience in false alarms, and how soon it finds a change."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from orchestration.statistics.spc.constants import MIN_READINGS
from orchestration.statistics.spc.false_flags import convention_share, readings_to_find
from orchestration.statistics.spc.rule_sets import RULE_SETS

if TYPE_CHECKING:
    from numpy.typing import NDArray

IN_FORCE: Final = "in_force"
WITHIN, OVER = "within_budget", "over_budget"
NO_LIMITS: Final = "no_limits: none of these charts has limits yet"
READINGS_PER_MONTH: Final = MappingProxyType(
    {"week": 365.25 / 12 / 7, "month": 1.0, "quarter": 1 / 3}
)
STORED_DIGITS: Final = 9
_CHART: Final = ("kpi_id", "entity_kind", "period_kind")
_COLUMNS: Final = (
    "audience", "title", "rule_set", "chart_count", "readings_per_month", "budget_per_month",
    "false_alarms_per_month", "alarms_per_month", "readings_to_find", "is_advised", "verdict",
    "refusal",
)  # fmt: skip


def weigh_alarms(budgets: pd.DataFrame, review: pd.DataFrame) -> pd.DataFrame:
    """Tell what the rules in force, and every set of rules, cost each audience.

    Parameters
    ----------
    budgets : DataFrame, one row per audience, KPI, entity kind and period kind
        The columns of `int_alarms__input`: `audience`, `title`, `kpi_id`, `entity_kind`,
        `period_kind`: whose charts it looks at; `budget_per_month`, the false alarms that it puts
        up with on all of them together.
    review : DataFrame, one row per control chart
        Of the answer of `review_charts` the chart's `kpi_id`, `entity_kind` and `period_kind`,
        `rule_set`, `n` (readings that set the limits), `is_charted`, `judged_count` and
        `flag_count` (later readings, and those of them that are flagged).

    Returns
    -------
    DataFrame, one row per audience and set of `rule_sets.RULE_SETS`, and one for what is in force
        `audience`, `title`, `rule_set` (``in_force`` is each chart by its own), `chart_count` with
        limits, `readings_per_month` of them, `budget_per_month`, `false_alarms_per_month` expected
        if nothing happens, `alarms_per_month` that there were (of what is in force; else NaN),
        `readings_to_find` a lasting shift of one sigma (median chart with 24 readings in its
        baseline, of what is in force the slowest; NaN beyond 48), `is_advised`, `verdict`
        (``within_budget`` or ``over_budget``). An audience without a chart that has limits has one
        row with a `refusal`.

    Notes
    -----
    Advised is the set that finds the shift soonest of those within the budget, of equals the one
    that flags least; none where all are over. Expected flags are those of I-MR charts of
    independent normal readings (`false_flags.convention_share`): autocorrelation makes every set
    flag more, and the flags that there were tell how much.
    """
    charts = budgets.merge(review, on=list(_CHART), how="left")
    rows: list[dict[str, Any]] = []
    for (audience, title), mine in charts.groupby(["audience", "title"], sort=True):
        shared = {"audience": audience, "title": title}
        shared["budget_per_month"] = float(mine["budget_per_month"].iloc[0])
        drawn = mine[mine["is_charted"].eq(True)]
        if drawn.empty:
            rows.append(shared | {"rule_set": IN_FORCE, "chart_count": 0, "refusal": NO_LIMITS})
            continue
        rows += [shared | row for row in _of_audience(drawn, shared["budget_per_month"])]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _of_audience(drawn: pd.DataFrame, budget: float) -> list[dict[str, Any]]:
    per_month = drawn["period_kind"].map(READINGS_PER_MONTH).to_numpy(dtype=float)
    count = np.maximum(drawn["n"].to_numpy(dtype=np.int64), MIN_READINGS)
    own = drawn["rule_set"].to_numpy(dtype=object)
    judged = drawn["judged_count"].to_numpy(dtype=float)
    flagged = drawn["flag_count"].to_numpy(dtype=float)
    # A chart without later readings has flagged none.
    rate = np.divide(flagged, judged, out=np.zeros(len(drawn)), where=judged > 0)
    rows = []
    for name in (IN_FORCE, *RULE_SETS):
        rules = own if name == IN_FORCE else np.full(len(drawn), name, dtype=object)
        share, slowest = _share(rules, count)
        expected = round(float(per_month @ share), STORED_DIGITS)
        rows.append(
            {
                "rule_set": name,
                "chart_count": len(drawn),
                "readings_per_month": round(float(per_month.sum()), STORED_DIGITS),
                "false_alarms_per_month": expected,
                "alarms_per_month": (
                    round(float(per_month @ rate), STORED_DIGITS) if name == IN_FORCE else np.nan
                ),
                "readings_to_find": slowest if np.isfinite(slowest) else np.nan,
                "is_advised": False,
                "verdict": WITHIN if expected <= budget else OVER,
            }
        )
    affordable = [row for row in rows[1:] if row["verdict"] == WITHIN]
    if affordable:
        min(affordable, key=_by_sense)["is_advised"] = True
    return rows


def _by_sense(row: dict[str, Any]) -> tuple[float, float]:
    soon = row["readings_to_find"]
    return (np.inf if np.isnan(soon) else soon, row["false_alarms_per_month"])


def _share(
    rules: NDArray[np.object_], count: NDArray[np.int64]
) -> tuple[NDArray[np.float64], float]:
    """Return of each chart the share flagged by chance, and of the slowest how soon it finds."""
    share = np.empty(rules.size)
    slowest = 0.0
    for convention in pd.unique(rules):
        same = rules == convention
        share[same] = convention_share(convention, count[same])
        slowest = max(slowest, readings_to_find(convention))
    return share, slowest
