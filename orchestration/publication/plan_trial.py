"""What a pay plan would cost and reward, tried on published readings before anybody is paid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import numpy as np

from orchestration.governance.payouts import WINDOWS, performance, plan_of, simulated
from orchestration.publication.snapshot import DATABASE, Snapshot
from orchestration.statistics.refusal import Refusal

if TYPE_CHECKING:
    import pandas as pd

# As the model `int_payouts__input` has them, for the KPIs of any plan.
_READINGS = """
    select
        readings.kpi_id,
        readings.entity_kind,
        readings.entity_id,
        readings.period_start_date,
        readings.computed_value,
        judgements.threshold_level,
        judgements.target_level,
        judgements.stretch_level
    from kpi.fct_kpi_readings as readings
    inner join kpi.fct_kpi_judgements as judgements
        using (kpi_id, entity_kind, entity_id, period_kind, period_start_date)
    where
        readings.period_kind = 'month'
        and readings.finality <> 'provisional'
        and readings.entity_kind = $kind
        and list_contains($kpis, readings.kpi_id)
"""


@dataclass(frozen=True)
class PlanTrial:
    """What a plan would pay on the mean of so many months; shares are of 1.

    Attributes
    ----------
    window_months : int
    participant_count, month_count : int
    cost, cost_low, cost_high : float or None
        Mean and 90 % range of what all participants are paid together, in money.
    over_budget_odds : float or None
        How often that is more than the budget; None without a budget.
    luck_share, better_earns_less_share, same_pay_share, cliff_share : float or None
        As `orchestration.statistics.pay.simulate.Payouts`; None where all pay is always the same.
    refusal : str or None
        Why nothing can be said; all figures are None then.
    """

    window_months: int
    participant_count: int = 0
    month_count: int = 0
    cost: float | None = None
    cost_low: float | None = None
    cost_high: float | None = None
    over_budget_odds: float | None = None
    luck_share: float | None = None
    better_earns_less_share: float | None = None
    same_pay_share: float | None = None
    cliff_share: float | None = None
    refusal: str | None = None


def try_plan(
    snapshot: Snapshot, items: pd.DataFrame, *, pay_on_target: float, budget: float | None = None
) -> list[PlanTrial]:
    """Try a plan on the final months that are published, by each window that could be paid on.

    Parameters
    ----------
    snapshot : Snapshot
    items : DataFrame, one row per KPI of one plan
        As the register tabulates them.
    pay_on_target : float
        Money that one participant is paid on target for the whole window.
    budget : float, optional
        Money for all participants together.

    Returns
    -------
    list of PlanTrial
        One per window, in order.
    """
    kpis = [str(one) for one in items["kpi_id"]]
    with duckdb.connect(str(snapshot.file(DATABASE)), read_only=True) as con:
        readings = con.execute(
            _READINGS, {"kind": str(items["subject_kind"].iloc[0]), "kpis": kpis}
        ).df()
    known = performance(readings, items)
    if isinstance(known, Refusal):
        said = f"{known.reason}: {known.detail}"
        return [PlanTrial(window, refusal=said) for window in WINDOWS]
    counts = {
        "participant_count": len(known.participants),
        "month_count": len(known.residuals),
    }
    trials = []
    for window in WINDOWS:
        found = simulated(plan_of(items), known, window, is_drawn_in=False)
        if isinstance(found, Refusal):
            trials.append(PlanTrial(window, **counts, refusal=f"{found.reason}: {found.detail}"))
            continue
        money = counts["participant_count"] * pay_on_target
        odds = None if budget is None else float(np.mean(found.costs * money > budget))
        trials.append(
            PlanTrial(
                window,
                **counts,
                cost=found.cost * money,
                cost_low=found.cost_low * money,
                cost_high=found.cost_high * money,
                over_budget_odds=odds,
                luck_share=_known(found.luck_share),
                better_earns_less_share=_known(found.better_earns_less),
                same_pay_share=_known(found.same_pay),
                cliff_share=_known(found.cliff_share),
            )
        )
    return trials


def _known(figure: float) -> float | None:
    return None if np.isnan(figure) else figure
