"""What goes with the behaviours of leaders: every result as a row, and no result about a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from scipy.stats import t as student

from orchestration.statistics.experiments.lagged import LaggedEffects, lagged_effects
from orchestration.statistics.fairness.multiplicity import adjust_p_values
from orchestration.statistics.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestration.statistics.spc.flat import Floats

LAGS: Final = 3
ALPHA: Final = 0.05
GOOD_POWER: Final = 0.8

Row = dict[str, Any]

COLUMNS: Final[Row] = {
    "behaviour_kind_code": None,
    "kpi_id": None,
    "lag_months": 0,
    "n_leaders": 0,
    "n_months": 0,
    "n_readings": 0,
    "estimate": np.nan,
    "effect": np.nan,
    "low_value": np.nan,
    "high_value": np.nan,
    "freedom": np.nan,
    "p_value": np.nan,
    "adjusted_p_value": np.nan,
    "detectable": np.nan,
    "placebo": np.nan,
    "low_placebo": np.nan,
    "high_placebo": np.nan,
    "placebo_p_value": np.nan,
    "verdict": None,
    "finding": None,
    "refusal": None,
}


def link_behaviours(readings: pd.DataFrame, behaviours: pd.DataFrame) -> pd.DataFrame:
    """Say which behaviours of leaders go with better figures of their lines one to three months on.

    Parameters
    ----------
    readings : DataFrame, one row per KPI, line and month that one leader had
        `kpi_id`, `line_id`, `site_id`, `leader_id`, `period_start_date`, `computed_value` and
        `direction` (``higher`` or ``lower`` is better).
    behaviours : DataFrame, one row per leader, kind of behaviour and month
        `leader_id`, `behaviour_kind_code`, `period_start_date` and `event_count`; 0 where nothing
        was done, no row where nothing is known.

    Returns
    -------
    DataFrame, one row per kind of behaviour, KPI and lag of 1 to 3 months
        `n_leaders`, `n_months`, `n_readings`; `estimate` in the unit of the KPI for one more event
        a month; `effect` with its 95 % interval `low_value` to `high_value`: the same in standard
        deviations of the KPI for one of the behaviour, both within leaders and site-months, and
        above nil where it is for the better; `freedom`, `p_value`, `adjusted_p_value` (false
        discovery rate over all rows), `detectable` (what would be found in 8 of 10 cases at 5 %);
        `placebo` with its interval `low_placebo` to `high_placebo`: the effect of the behaviour as
        many months AFTER the outcome, where none can be; `placebo_p_value` (the least of the
        pair's three, held to their number); `verdict`, `finding` and `refusal`.

        `verdict`: `no_effect_shown`, `supported`, `speaks_against` (for the worse), or
        `not_distinguishable_from_reverse` where the behaviour also goes with what came before it.

    Notes
    -----
    An association and never a proof, of leaders taken together and of none of them.
    """
    rows: list[Row] = []
    kinds = dict(iter(behaviours.groupby("behaviour_kind_code", sort=True)))
    for kpi, group in readings.groupby("kpi_id", sort=True):
        for kind, done in kinds.items():
            name = {"behaviour_kind_code": kind, "kpi_id": kpi}
            rows += [COLUMNS | name | row for row in _of_pair(group, done)]
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    asked = found["p_value"].notna()
    if asked.any():
        adjusted = adjust_p_values(found.loc[asked, "p_value"].to_numpy(dtype=float), "BH")
        assert not isinstance(adjusted, Refusal)  # one at least, all within [0, 1]
        found.loc[asked, "adjusted_p_value"] = adjusted
        found.loc[asked, "verdict"] = [_verdict(row) for row in found[asked].to_dict("records")]
        found.loc[asked, "finding"] = [_finding(row) for row in found[asked].to_dict("records")]
    found = found.sort_values(["behaviour_kind_code", "kpi_id", "lag_months"], ignore_index=True)
    return found.assign(
        **{name: found[name].round(10) for name in found.select_dtypes("float").columns}
    )


def _of_pair(group: pd.DataFrame, done: pd.DataFrame) -> Iterator[Row]:
    found = lagged_effects(*_by_tenure_and_month(group, done), lags=LAGS)
    for lag in range(1, LAGS + 1):
        if isinstance(found, Refusal):
            yield {"lag_months": lag, "refusal": f"{found.reason}: {found.detail}"}
        else:
            better = 1 if group["direction"].iloc[0] == "higher" else -1
            yield {"lag_months": lag, **_of_lag(found, lag, better)}


def _of_lag(found: LaggedEffects, lag: int, better: int) -> Row:
    after, before = LAGS + lag, LAGS - lag
    effect, low, high = _standardised(found, after, better)
    placebo, low_placebo, high_placebo = _standardised(found, before, better)
    freedom = found.freedom[after]
    # Of the half interval one part in `wide` is a standard error.
    wide = student.ppf(1 - ALPHA / 2, freedom)
    return {
        "n_leaders": found.n_leaders,
        "n_months": found.n_months,
        "n_readings": found.n,
        "estimate": float(found.estimate[after]),
        "effect": effect,
        "low_value": low,
        "high_value": high,
        "freedom": float(freedom),
        "p_value": float(found.p_value[after]),
        "detectable": (high - low) / 2 * float(1 + student.ppf(GOOD_POWER, freedom) / wide),
        "placebo": placebo,
        "low_placebo": low_placebo,
        "high_placebo": high_placebo,
        "placebo_p_value": found.p_reverse,
    }


def _standardised(found: LaggedEffects, at: int, better: int) -> tuple[float, float, float]:
    by = better * float(found.standardising[at])
    low, high = sorted((by * float(found.low[at]), by * float(found.high[at])))
    return by * float(found.estimate[at]), low, high


def _verdict(row: Row) -> str:
    if row["adjusted_p_value"] >= ALPHA:
        return "no_effect_shown"
    if row["placebo_p_value"] < ALPHA:
        return "not_distinguishable_from_reverse"
    return "supported" if row["effect"] > 0 else "speaks_against"


def _finding(row: Row) -> str:
    what = row["behaviour_kind_code"].replace("_", " ")
    months = "1 month" if row["lag_months"] == 1 else f"{row['lag_months']} months"
    if row["verdict"] == "no_effect_shown":
        return (
            f"No association of {what}s with {row['kpi_id']} {months} later is shown; one of "
            f"{row['detectable']:.2f} standard deviations would be found in 8 of 10 cases."
        )
    if row["verdict"] == "not_distinguishable_from_reverse":
        return (
            f"The number of {what}s goes with {row['kpi_id']} {months} later, and with what it was "
            "before: leaders may be answering the figure. An association and no proof."
        )
    side = "better" if row["effect"] > 0 else "worse"
    return (
        f"{months} after more {what}s than is usual for the same leader and month of the site, "
        f"{row['kpi_id']} was {side}. An association and no proof."
    )


def _by_tenure_and_month(
    group: pd.DataFrame, done: pd.DataFrame
) -> tuple[Floats, Floats, np.ndarray, np.ndarray]:
    """Return outcome and behaviour by tenure and month, and the tenures' leaders and sites."""
    both = group.merge(
        done[["leader_id", "period_start_date", "event_count"]],
        on=["leader_id", "period_start_date"],
        how="left",
        validate="many_to_one",
    ).sort_values(["leader_id", "line_id", "period_start_date"], ignore_index=True)
    month = pd.to_datetime(both["period_start_date"]).to_numpy(dtype="datetime64[M]").astype(int)
    row = both.groupby(["leader_id", "line_id"], sort=True).ngroup().to_numpy()
    tenures = both.groupby(row)[["leader_id", "site_id"]].first()
    shape = (len(tenures), int(month.max() - month.min()) + 1)
    outcome, behaviour = np.full(shape, np.nan), np.full(shape, np.nan)
    outcome[row, month - month.min()] = both["computed_value"].to_numpy(dtype=float)
    behaviour[row, month - month.min()] = both["event_count"].to_numpy(dtype=float)
    _, leader = np.unique(tenures["leader_id"].to_numpy(dtype=str), return_inverse=True)
    _, site = np.unique(tenures["site_id"].to_numpy(dtype=str), return_inverse=True)
    return outcome, behaviour, leader, site
