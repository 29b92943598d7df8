"""Control chart judgement of many reading series at once.

Which chart a KPI gets is its registry file's decision and arrives with the readings. Whether a
signal is good news is decided elsewhere (`orchestration.governance.verdicts`).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orchestration.statistics.spc import charts
from orchestration.statistics.spc.constants import (
    BASELINE_READINGS,
    D2_TABLE,
    MIN_EXPECTED_COUNT,
    MIN_READINGS,
    NELSON_2_RUN,
    ON_LINE_SIGMAS,
    STORED_DIGITS,
)
from orchestration.statistics.spc.flat import Bools, FlatSeries, Floats, Ints
from orchestration.statistics.spc.rules import flag_runs

CHARTS: Final = ("i_mr", "p", "laney_p", "u", "laney_u")
PROPORTIONS: Final = ("p", "laney_p")

NO_VALUE: Final = "no_value"
ZERO_DENOMINATOR: Final = "zero_denominator"
IMPOSSIBLE_COUNT: Final = "impossible_count"
VALUE_IS_NOT_ITS_RATIO: Final = "value_is_not_its_ratio"
TOO_FEW_READINGS: Final = "too_few_readings"
EXPECTED_COUNT_TOO_SMALL: Final = "expected_count_too_small"
NO_VARIATION: Final = "no_variation"
REASONS: Final = (
    NO_VALUE,
    ZERO_DENOMINATOR,
    IMPOSSIBLE_COUNT,
    VALUE_IS_NOT_ITS_RATIO,
    TOO_FEW_READINGS,
    EXPECTED_COUNT_TOO_SMALL,
    NO_VARIATION,
)

# The mart may store ten digits of a value whose parts are exact; a KPI whose multiplier was
# forgotten is off by far more.
_RATIO_TOLERANCE: Final = 1e-6
_LINES: Final = ("centre", "sigma", "lower", "upper", "sigma_z")


@dataclass(frozen=True)
class Conventions:
    """The choices in which chart programs differ; a judgement names the ones it used.

    Attributes
    ----------
    run_length : int
        Points on one side that make a signal.
    min_readings : int
        Fewest baseline readings of a series that is charted.
    full_baseline : int
        Limits from fewer baseline readings are trial limits.
    min_expected_count : float
        Fewest events (for a proportion also non-events) per baseline reading, on average, of a
        p or u chart.
    d2 : float
        Divisor of the mean moving range.
    screen_moving_ranges : bool
        Leave moving ranges of 3.267 times their mean out once.
    """

    run_length: int = NELSON_2_RUN
    min_readings: int = MIN_READINGS
    full_baseline: int = BASELINE_READINGS
    min_expected_count: float = MIN_EXPECTED_COUNT
    d2: float = D2_TABLE
    screen_moving_ranges: bool = False


def judge_series(readings: pd.DataFrame, conventions: Conventions = Conventions()) -> pd.DataFrame:
    """Return limits and run rule signals of every reading of many series.

    The baseline is frozen: the limits of a series come from its first ``baseline_readings``
    final readings and hold for all its readings, so that the newest reading never moves the
    lines it is judged by and a full rebuild gives the same lines.

    Parameters
    ----------
    readings : DataFrame
        One row per reading of a charted series, in any order.

        ================= ======== ==========================================================
        series_id         str      KPI and entity (and period kind): what is one chart
        period_start      any      sorts the readings within a series; unique in it
        chart             str      one of `CHARTS`, the same in a whole series
        value             float    in the KPI's unit; NaN for a period without a figure
        numerator         float    events; read for p and u charts only
        denominator       float    trials (p) or exposure (u); read for p and u charts only
        is_final          bool     whether the reading may serve as baseline
        baseline_readings int      optional, default 24
        is_excluded       bool     optional, default False: a reading whose special cause is known
                                   sets no limits, and no moving range is taken across it; it is
                                   judged and flagged like any other
        multiplier        float    optional, default 1: ``value`` = ``multiplier`` x
                                   ``numerator`` / ``denominator`` (100 for %, 200000 for TRIR)
        ================= ======== ==========================================================
    conventions : Conventions

    Returns
    -------
    DataFrame
        One row per row of ``readings``, same order and index.

        ================= ======== ==========================================================
        series_id, period_start, chart as given
        value             float    as judged, ten significant digits
        centre, sigma     float    in the KPI's unit; NaN when not charted
        lcl, ucl          float    p: within [0, multiplier]; u: at least 0
        sigma_z           float    Laney charts only
        has_lower_limit   bool     False where the expected count is too small (for u: below 9)
                                   for a lower limit above 0; ``lcl`` is then 0 and no reading
                                   can be below it
        is_charted        bool
        is_trial          bool     charted from fewer than 24 baseline readings
        rule_1, rule_2    int8     side of the signal: 1 above, -1 below, 0 none
        baseline_count    int      readings the limits come from
        baseline_from     as given ``period_start`` of the first and last of them
        baseline_to       as given
        run_length        int      convention used by rule 2
        reason            str      one of `REASONS` when not charted, else missing
        ================= ======== ==========================================================

        All figures are rounded to ten significant digits *before* the rules are applied, so
        that anyone who applies the rules to the stored figures finds the same signals.

    Raises
    ------
    ValueError
        If a column is missing, a chart unknown, a series has two charts, baselines or
        multipliers, or two readings of one period.
    """
    frame = _checked(readings)
    order, series = _laid_flat(frame)
    column = {name: frame[name].to_numpy()[order] for name in frame.columns}
    chart: NDArray[np.object_] = column["chart"].astype(object)
    multiplier = column["multiplier"].astype(np.float64)
    is_count = chart != "i_mr"

    point_reason, judged = _readable(column, is_count, np.isin(chart, PROPORTIONS))
    usable = point_reason == ""
    setting = usable & ~column["is_excluded"].astype(np.bool_)
    in_baseline = _first_final(
        setting & column["is_final"].astype(np.bool_), column["baseline_readings"], series
    )
    limits = _limits(
        chart,
        np.where(setting, judged, np.nan),
        # Only the size of an excluded reading counts: its own limits depend on it.
        np.where(setting, column["numerator"].astype(np.float64), np.nan),
        np.where(usable, column["denominator"].astype(np.float64), np.nan),
        # What sets no limits stays in line as NaN: no moving range is taken across it.
        setting=in_baseline | ~setting,
        series=series,
        conventions=conventions,
    )

    baseline_count = series.total(in_baseline).astype(np.int64)
    count_of_point: Ints = baseline_count[series.of_point]
    expected = _expected_count(limits.centre, column, in_baseline, series=series, chart=chart)
    flat_line = ~(limits.sigma > 0) | (limits.sigma_z <= ON_LINE_SIGMAS)
    reason = np.select(
        [
            ~usable,
            (count_of_point < conventions.min_readings) | np.isnan(limits.centre),
            is_count & (expected < conventions.min_expected_count) & ~_pure(limits.centre, chart),
            np.isnan(limits.sigma),
            flat_line,
        ],
        [
            point_reason,
            TOO_FEW_READINGS,
            EXPECTED_COUNT_TOO_SMALL,
            TOO_FEW_READINGS,
            NO_VARIATION,
        ],
        default="",
    ).astype(object)
    charted = reason == ""

    unit = np.where(is_count, multiplier, 1.0)
    centre, sigma, lower, upper = (
        round_significant(np.where(charted, line * unit, np.nan))
        for line in (limits.centre, limits.sigma, limits.lower, limits.upper)
    )
    flags = flag_runs(
        np.where(charted, judged, np.nan),
        centre=centre,
        sigma=sigma,
        lower=lower,
        upper=upper,
        series_start=series.start,
        run_length=conventions.run_length,
    )
    first, last = _baseline_ends(in_baseline, series)
    ends = pd.Series(column["period_start"])
    has_baseline = count_of_point > 0
    result = pd.DataFrame(
        {
            "series_id": column["series_id"],
            "period_start": column["period_start"],
            "chart": chart,
            "value": judged,
            "centre": centre,
            "sigma": sigma,
            "lcl": lower,
            "ucl": upper,
            "sigma_z": round_significant(np.where(charted, limits.sigma_z, np.nan)),
            "has_lower_limit": charted & (~is_count | (limits.lower > 0)),
            "is_charted": charted,
            "is_trial": charted & (count_of_point < conventions.full_baseline),
            "rule_1": flags.rule_1,
            "rule_2": flags.rule_2,
            "baseline_count": count_of_point,
            "baseline_from": ends.take(first).reset_index(drop=True).where(has_baseline),
            "baseline_to": ends.take(last).reset_index(drop=True).where(has_baseline),
            "run_length": conventions.run_length,
            # Typed, or a frame in which all is charted would have a column of no type.
            "reason": pd.Series(reason, dtype="str").where(~charted),
        }
    )
    back = np.empty(order.size, dtype=np.int64)
    back[order] = np.arange(order.size)
    result = result.take(back)
    result.index = readings.index
    return result


def round_significant(values: Floats, digits: int = STORED_DIGITS) -> Floats:
    """Round to significant digits, so that 2e-7 cases an hour keep as many as 41,000 minutes.

    Examples
    --------
    >>> round_significant(np.array([1 / 3, 200000 / 3, 0.0]), 4).tolist()
    [0.3333, 66670.0, 0.0]
    """
    out = np.array(values, dtype=np.float64)
    there = np.isfinite(out) & (out != 0)
    kept = out[there]
    shift = digits - 1 - np.floor(np.log10(np.abs(kept)))
    # A negative power of ten is not exact in binary: multiply or divide by the positive one.
    up, down = 10.0 ** np.maximum(shift, 0), 10.0 ** np.maximum(-shift, 0)
    out[there] = np.rint(kept * up / down) / up * down
    return out


def _checked(readings: pd.DataFrame) -> pd.DataFrame:
    needed = ["series_id", "period_start", "chart", "value", "numerator", "denominator", "is_final"]
    absent = [name for name in needed if name not in readings.columns]
    if absent:
        raise ValueError(f"readings lack the columns {', '.join(absent)}")
    frame = readings.copy(deep=False)
    if "baseline_readings" not in frame:
        frame["baseline_readings"] = BASELINE_READINGS
    if "multiplier" not in frame:
        frame["multiplier"] = 1.0
    if "is_excluded" not in frame:
        frame["is_excluded"] = False
    for name in ("value", "numerator", "denominator"):
        frame[name] = pd.to_numeric(frame[name]).astype(np.float64)
    unknown = sorted(set(frame["chart"].unique()) - set(CHARTS))
    if unknown:
        named = ", ".join(map(str, unknown))
        raise ValueError(f"unknown chart {named}; known: {', '.join(CHARTS)}")
    return frame


def _laid_flat(frame: pd.DataFrame) -> tuple[Ints, FlatSeries]:
    """Order the readings by series and period; refuse what has no single order or plan."""
    code = frame["series_id"].factorize()[0].astype(np.int64)
    period = frame["period_start"].factorize(sort=True)[0].astype(np.int64)
    order = np.lexsort((period, code)).astype(np.int64)
    code, period = code[order], period[order]
    same = code[1:] == code[:-1]
    if np.any(same & (period[1:] == period[:-1])):
        at = order[1:][same & (period[1:] == period[:-1])][0]
        row = frame.iloc[at]
        raise ValueError(f"series {row['series_id']} has two readings of {row['period_start']}")
    for name in ("chart", "baseline_readings", "multiplier"):
        plan = frame[name].factorize()[0][order]
        if np.any(same & (plan[1:] != plan[:-1])):
            at = order[1:][same & (plan[1:] != plan[:-1])][0]
            raise ValueError(f"series {frame.iloc[at]['series_id']} has more than one {name}")
    begins = np.flatnonzero(np.concatenate([[True], ~same])) if order.size else order
    return order, FlatSeries.from_start(begins, order.size)


def _readable(
    column: dict[str, NDArray[np.generic]], is_count: Bools, is_proportion: Bools
) -> tuple[NDArray[np.object_], Floats]:
    """Tell why a single reading cannot be charted, and the figure judged if it can."""
    value, events, size, multiplier = (
        column[name].astype(np.float64)
        for name in ("value", "numerator", "denominator", "multiplier")
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = multiplier * events / size
        reason = np.select(
            [
                ~np.isfinite(value),
                is_count & ~(size > 0),
                is_count & (~(events >= 0) | (is_proportion & (events > size))),
                is_count & (np.abs(value - ratio) > _RATIO_TOLERANCE * np.abs(ratio)),
            ],
            [NO_VALUE, ZERO_DENOMINATOR, IMPOSSIBLE_COUNT, VALUE_IS_NOT_ITS_RATIO],
            default="",
        ).astype(object)
    judged = round_significant(np.where(is_count & (reason == ""), ratio, value))
    return reason, judged


def _first_final(candidate: Bools, wanted: NDArray[np.generic], series: FlatSeries) -> Bools:
    """Choose the first ``wanted`` candidates of each series."""
    so_far: Ints = np.cumsum(candidate, dtype=np.int64)
    before: Ints = (so_far - candidate)[series.start]
    rank: Ints = so_far - before[series.of_point]
    return candidate & (rank <= wanted.astype(np.int64))


def _limits(
    chart: NDArray[np.object_],
    judged: Floats,
    events: Floats,
    size: Floats,
    *,
    setting: Bools,
    series: FlatSeries,
    conventions: Conventions,
) -> charts.ChartLimits:
    """Compute the lines chart by chart; counts as rates, not yet in the KPI's unit."""
    lines = {name: np.full(chart.size, np.nan) for name in _LINES}
    d2, screen = conventions.d2, conventions.screen_moving_ranges
    for kind in CHARTS:
        at = np.flatnonzero(chart == kind)
        if not at.size:
            continue
        owner = series.of_point[at]
        start = np.flatnonzero(np.concatenate([[True], owner[1:] != owner[:-1]]))
        chosen = setting[at]
        if kind == "i_mr":
            found = charts.individuals_limits(
                judged[at],
                series_start=start,
                baseline=chosen,
                d2=d2,
                screen_moving_ranges=screen,
            )
        elif kind in {"p", "u"}:
            plain = charts.p_limits if kind == "p" else charts.u_limits
            found = plain(events[at], size[at], series_start=start, baseline=chosen)
        else:
            laney = charts.laney_p_limits if kind == "laney_p" else charts.laney_u_limits
            found = laney(
                events[at],
                size[at],
                series_start=start,
                baseline=chosen,
                d2=d2,
                screen_moving_ranges=screen,
            )
        for name in _LINES:
            lines[name][at] = getattr(found, name)
    return charts.ChartLimits(**lines)


def _expected_count(
    centre: Floats,
    column: dict[str, NDArray[np.generic]],
    in_baseline: Bools,
    *,
    series: FlatSeries,
    chart: NDArray[np.object_],
) -> Floats:
    """Mean count per baseline reading; of a proportion the rarer of events and non-events."""
    size = np.where(in_baseline, column["denominator"].astype(np.float64), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_size = (series.total(size) / series.total(in_baseline))[series.of_point]
    rate = np.where(np.isin(chart, PROPORTIONS), np.minimum(centre, 1.0 - centre), centre)
    return np.asarray(mean_size * rate, dtype=np.float64)


def _pure(centre: Floats, chart: NDArray[np.object_]) -> Bools:
    """Tell baselines without any event (or, of a proportion, any non-event): no variation."""
    pure: Bools = (centre == 0) | (np.isin(chart, PROPORTIONS) & (centre == 1))
    return pure


def _baseline_ends(in_baseline: Bools, series: FlatSeries) -> tuple[Ints, Ints]:
    """Positions of each point's first and last baseline reading (its own series' start if none)."""
    first, last = series.start.copy(), series.start.copy()
    at = np.flatnonzero(in_baseline)
    owner = series.of_point[at]
    last[owner] = at
    first[owner[::-1]] = at[::-1]
    return first[series.of_point], last[series.of_point]
