"""Where a KPI goes if nothing changes, and the odds that it then meets its target."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from orchestration.statistics.prediction.forecast import (
    Arima,
    Backtest,
    Coverage,
    Method,
    backtest,
    contest,
    drift_since_fit,
    fit_method,
    pooled_coverage,
)
from orchestration.statistics.prediction.odds import Direction, odds_of_target, target_levels
from orchestration.statistics.prediction.signs import signs
from orchestration.statistics.refusal import NO_VARIATION, TOO_FEW_READINGS, Refusal, refuse_values

if TYPE_CHECKING:
    from orchestration.statistics.prediction.outlook import Fitted
    from orchestration.statistics.spc.flat import Floats

KEY: Final = ("kpi_id", "entity_kind", "entity_id")
SEASON: Final = 12
CHAMPION: Final[Method] = "mean"
CHALLENGERS: Final[dict[str, tuple[Method, ...]]] = {
    "memory": ("ANN", Arima((1, 0, 0))),
    "trend": ("AAdN",),
    "season": ("seasonal_naive", "ANA"),
}
"""What may take the champion's place where `signs` sees something of the name."""
METHOD_NAMES: Final[dict[Method, str]] = {
    CHAMPION: "mean",
    "ANN": "exponential_smoothing",
    Arima((1, 0, 0)): "autoregression",
    "AAdN": "damped_trend",
    "seasonal_naive": "seasonal_naive",
    "ANA": "seasonal_smoothing",
}
GATE: Final = 0.01
CONTEST_CONFIDENCE: Final = 0.8
"""The gates hold chance down already: at 80 % a season of two deviations is followed in 20 of 30
series, at 90 % in 16, and as few of 200 stable series leave the mean (4, by plainer gates)."""
FEWEST_SINCE: Final = 6
"""Months since a drift from which a mean is taken anew; fewer say too little of its spread."""
LEAST_MONTHS: Final = 24
TESTED_MONTHS: Final = 12
HORIZON: Final = 3
CONFIDENCE: Final = 0.8


@dataclass(frozen=True)
class Chosen:
    """What foresees a series of months.

    Attributes
    ----------
    fitted : Fitted
    test : Backtest
        By which its method was chosen.
    widening : float
        Of its futures.
    month_count : int
        Months that it was fitted to.
    drift_kind : {"low", "high", "spread"} or None
        How the forecasts of one month ahead in the test went stale: too low, too high, or errors
        too wide.
    months_since : int or None
        Since it began.
    """

    fitted: Fitted
    test: Backtest
    widening: float
    month_count: int
    drift_kind: str | None = None
    months_since: int | None = None

    @property
    def method(self) -> str:
        """The method's name in the marts."""
        return METHOD_NAMES[self.test.method]

    @property
    def state(self) -> str:
        """``as_promised``, ``retrained`` on the months since a drift, or ``stale`` without that."""
        if self.drift_kind is None:
            return "as_promised"
        return "retrained" if self.month_count == self.months_since else "stale"


@dataclass(frozen=True)
class Outlook:
    """What is foreseen, and how often intervals like these held what came.

    Attributes
    ----------
    rows : DataFrame, one row per series
        The key, `last_month_date`, `month_count`, `forecast_method`, `fitted_count` (months
        that it rests on), `fit_state`, `drift_kind` and `drift_since_date` (as `Chosen` has them),
        `tested_count` (forecasts of past months by what was known before) and `held_count` (of them
        within the 80 % interval of the method's theory), `widening`, `expected_value`, `low_value`
        and `high_value` (80 %) of the next month, `target_level`,
        `odds_next_month` and `odds_next_quarter` (the mean of three months) of meeting it;
        `best_quarter_level` (the best mean of three months in a row);
        `nine_in_ten_level`, `even_odds_level` and `one_in_ten_level`, which the mean of three
        months meets with such odds (NaN where a KPI has no better side); and `refusal`.
    coverage : Coverage or Refusal
        Of the tested forecasts of all series together, by the methods' theory alone: where it is
        below 80 %, the widening of `rows` is what makes up for it.
    """

    rows: pd.DataFrame
    coverage: Coverage | Refusal


def foresee(readings: pd.DataFrame) -> Outlook:
    """Forecast each series of final monthly readings, and state the odds of its target.

    Parameters
    ----------
    readings : DataFrame, one row per month
        `kpi_id`, `entity_kind`, `entity_id`, `period_start_date`, `computed_value` (NaN where
        missing), `target_level` (NaN where there is none) and `direction`.

    Returns
    -------
    Outlook
        Refused per series: fewer than 24 months without a gap up to the last one, infinite or
        constant values.

    Notes
    -----
    Each method is refitted at each of the last twelve months and tested on the three that follow.
    What has memory, trend or season is tried only where the series shows as much, a season from
    three full years on, and takes the place of the mean only where it is better beyond chance; of
    several, the one that erred least. Where its errors a month ahead say that it went stale, and
    it is the mean, it is taken anew of the months since, if there are six. Futures are
    widened by how much larger the errors of the test were than the method's theory. The odds of a
    quarter are those of the mean of its months; where months differ in size, so does the ratio of
    sums.
    """
    rows: list[dict[str, Any]] = []
    tests: list[Backtest] = []
    ordered = readings.sort_values([*KEY, "period_start_date"], ignore_index=True)
    for key, series in ordered.groupby(list(KEY), sort=False):
        row, test = _foreseen(series)
        rows.append(dict(zip(KEY, key, strict=True)) | _NOTHING | row)
        tests += [test] if test is not None else []
    frame = pd.DataFrame(rows, columns=[*KEY, *_NOTHING])
    return Outlook(frame, pooled_coverage(tests))


def foreseen_rows(readings: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `foresee`, with the coverage of past forecasts in their ``attrs``."""
    outlook = foresee(readings)
    coverage = outlook.coverage
    outlook.rows.attrs = (
        {"coverage_refused": coverage.detail}
        if isinstance(coverage, Refusal)
        else {
            "coverage": coverage.share,
            "coverage_low": coverage.low,
            "coverage_high": coverage.high,
            "coverage_stated": coverage.stated,
        }
    )
    return outlook.rows


_NOTHING: Final[dict[str, Any]] = {
    "last_month_date": None,
    "month_count": 0,
    "forecast_method": None,
    "fitted_count": 0,
    "fit_state": None,
    "drift_kind": None,
    "drift_since_date": None,
    "tested_count": 0,
    "held_count": 0,
    "widening": np.nan,
    "expected_value": np.nan,
    "low_value": np.nan,
    "high_value": np.nan,
    "target_level": np.nan,
    "odds_next_month": np.nan,
    "odds_next_quarter": np.nan,
    **dict.fromkeys(("nine_in_ten_level", "even_odds_level", "one_in_ten_level"), np.nan),
    "best_quarter_level": np.nan,
    "refusal": None,
}


def _foreseen(series: pd.DataFrame) -> tuple[dict[str, Any], Backtest | None]:
    last = series.iloc[-1]
    values = months_without_gap(series)
    row: dict[str, Any] = {
        "last_month_date": last["period_start_date"],
        "month_count": values.size,
        "target_level": last["target_level"],
    }
    found = fit_months(values)
    if isinstance(found, Refusal):
        return row | {"refusal": f"{found.reason}: {found.detail}"}, None
    fitted, chosen = found.fitted, found.test
    direction: Direction = "at_most" if last["direction"] == "lower" else "at_least"
    odds = partial(odds_of_target, fitted, direction=direction, widening=found.widening)
    has_direction = last["direction"] in {"higher", "lower"}
    has_target = has_direction and bool(np.isfinite(last["target_level"]))
    target = float(last["target_level"]) if has_target else 0.0
    month = odds(target, horizon=1)
    quarter = odds(target, horizon=HORIZON, summary="mean")
    nearly_safe, even, stretch = target_levels(
        fitted, horizon=HORIZON, direction=direction, summary="mean", widening=found.widening
    )
    levels = {
        "nine_in_ten_level": round(nearly_safe, 10),
        "even_odds_level": round(even, 10),
        "one_in_ten_level": round(stretch, 10),
        "best_quarter_level": round(_best_quarter(values, direction), 10),
    }
    return (
        row
        | (levels if has_direction else {})
        | {
            "forecast_method": found.method,
            "fitted_count": found.month_count,
            "fit_state": found.state,
            "drift_kind": found.drift_kind,
            "drift_since_date": None
            if found.months_since is None
            else last["period_start_date"] - pd.DateOffset(months=found.months_since - 1),
            "tested_count": int(np.isfinite(chosen.error).sum()),
            "held_count": int(chosen.covered.sum()),
            "widening": round(found.widening, 6),
            "expected_value": round(float(fitted.forecast(1).mean[0]), 10),
            # Nothing that was never below 0 is foreseen there: counts, times and shares are not.
            "low_value": round(max(month.low, 0.0) if values.min() >= 0 else month.low, 10),
            "high_value": round(month.high, 10),
            "odds_next_month": round(month.probability, 4) if has_target else np.nan,
            "odds_next_quarter": round(quarter.probability, 4) if has_target else np.nan,
        },
        chosen,
    )


def _best_quarter(values: Floats, direction: Direction) -> float:
    means = np.lib.stride_tricks.sliding_window_view(values, HORIZON).mean(axis=1)
    return float(means.max() if direction == "at_least" else means.min())


def fit_months(values: Floats) -> Chosen | Refusal:
    """Return the fit that foresees a series of months.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Months in a row, oldest first.

    Returns
    -------
    Chosen or Refusal
        Refused: fewer than 24 months, infinite or constant values, or as the method refuses.
    """
    refusal = _refuse(values)
    if refusal is not None:
        return refusal
    test = _choose(values)
    if isinstance(test, Refusal):
        return test
    drift = drift_since_fit(test.scaled[:, 0])
    kind, since = None, None
    if not isinstance(drift, Refusal) and drift.since is not None:
        kind, since = drift.kind, TESTED_MONTHS + 1 - drift.since
    known, widening = values, test.widening
    # Other methods than the mean follow a change by themselves, and need more months than these.
    is_mean = test.method == CHAMPION
    if since is not None and is_mean and since >= FEWEST_SINCE and np.ptp(values[-since:]) > 0:
        known, widening = values[-since:], 1.0
    fitted = fit_method(known, test.method, period=SEASON)
    if isinstance(fitted, Refusal):
        return fitted
    return Chosen(fitted, test, widening, known.size, kind, since)


def _refuse(values: Floats) -> Refusal | None:
    if values.size < LEAST_MONTHS:
        return Refusal(
            TOO_FEW_READINGS, f"{values.size} months in a row, at least {LEAST_MONTHS} are needed"
        )
    if np.ptp(values) == 0:
        return Refusal(NO_VARIATION, "all months are equal")
    return refuse_values(values)


def months_without_gap(series: pd.DataFrame) -> Floats:
    """Return the values of the months in a row up to the last one, as `computed_value` has them."""
    months = pd.PeriodIndex(series["period_start_date"], freq="M").asi8
    values = np.asarray(series["computed_value"].to_numpy(dtype=float, na_value=np.nan), float)
    broken = np.isnan(values) | (np.diff(months, prepend=months[0] - 1) != 1)
    first = int(np.flatnonzero(broken)[-1]) if broken.any() else 0
    return values[first + int(np.isnan(values[first])) :]


def _choose(values: Floats) -> Backtest | Refusal:
    """Return the test of the method that forecasts."""
    test = partial(
        backtest,
        values,
        horizon=HORIZON,
        first=values.size - TESTED_MONTHS,
        period=SEASON,
        confidence=CONFIDENCE,
    )
    champion = test(CHAMPION)
    if isinstance(champion, Refusal):
        return champion
    tested = [test(method) for method in _challengers(values)]
    better = [one for one in tested if not isinstance(one, Refusal) and _is_better(one, champion)]
    return min(better, key=lambda one: one.mae, default=champion)


def _challengers(values: Floats) -> list[Method]:
    """Return the methods whose trait the series shows."""
    seen = signs(values, period=SEASON)
    if isinstance(seen, Refusal):
        return []
    return [
        method
        for trait, methods in CHALLENGERS.items()
        if getattr(seen, trait) < GATE
        for method in methods
    ]


def _is_better(challenger: Backtest, champion: Backtest) -> bool:
    found = contest(champion, challenger, confidence=CONTEST_CONFIDENCE)
    return not isinstance(found, Refusal) and found.replaces
