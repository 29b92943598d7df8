"""Control chart judgement of many reading series at once.

Which chart a KPI gets is its registry file's decision and arrives with the readings. Whether a
signal is good news is decided elsewhere (`orchestration.governance.verdicts`).
"""

from dataclasses import dataclass
from types import MappingProxyType
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
from orchestration.statistics.spc.rare_events import (
    NEARLY_NORMAL_POWER,
    between_events,
    between_lines,
)
from orchestration.statistics.spc.rule_sets import (
    BIT_OF,
    DEFAULT,
    WITHOUT_SIGMA,
    Convention,
    Masks,
    Sides,
    further_violations,
    read_convention,
)
from orchestration.statistics.spc.rules import flag_runs

CHARTS: Final = ("i_mr", "p", "laney_p", "u", "laney_u", "c", "g", "t")
PROPORTIONS: Final = ("p", "laney_p", "g")
RARE: Final = ("g", "t")
# What tells whether the events of a rare chart are rare at all.
_COUNTED_AS: Final = {"g": "p", "t": "u", "c": "u"}

NO_VALUE: Final = "no_value"
ZERO_DENOMINATOR: Final = "zero_denominator"
IMPOSSIBLE_COUNT: Final = "impossible_count"
VALUE_IS_NOT_ITS_RATIO: Final = "value_is_not_its_ratio"
TOO_FEW_READINGS: Final = "too_few_readings"
EXPECTED_COUNT_TOO_SMALL: Final = "expected_count_too_small"
NO_VARIATION: Final = "no_variation"
NO_EVENT: Final = "no_event"
DUPLICATE_PERIOD: Final = "duplicate_period"
NOT_IN_CONTROL: Final = "baseline_not_in_control"
REASONS: Final = (
    NO_VALUE,
    ZERO_DENOMINATOR,
    IMPOSSIBLE_COUNT,
    VALUE_IS_NOT_ITS_RATIO,
    TOO_FEW_READINGS,
    EXPECTED_COUNT_TOO_SMALL,
    NO_VARIATION,
    NO_EVENT,
    DUPLICATE_PERIOD,
    NOT_IN_CONTROL,
)

# The mart may store ten digits of a value whose parts are exact; a KPI whose multiplier was
# forgotten is off by far more.
_RATIO_TOLERANCE: Final = 1e-6
_USUAL: Final = MappingProxyType(
    {
        "baseline_readings": BASELINE_READINGS,
        "multiplier": 1.0,
        "is_excluded": False,
        "is_strict": False,
        "rules": DEFAULT,
        "when_rare": None,
    }
)
_SELDOM: Final = ("when_rare", "window_from", "window_to", "changed_on")
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
        rules             str      optional, default rules 1 and 2 of Nelson: the convention of
                                   `rule_sets.read_convention` by which the reading is judged
        when_rare         str      optional: ``g`` or ``t``, the chart of a p or u series of
                                   whose events fewer than one is expected a reading
        window_from,      dates    optional: the final readings of these periods are the baseline,
        window_to                  and not the first ones
        is_strict         bool     optional, default False: no limits from a baseline with readings
                                   that break the chart's own rules
        changed_on        date     optional: when late data last changed the reading
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
        is_trial          bool     charted from fewer than 24 baseline readings, or from a
                                   baseline that was not quiet
        violated          int32    bits of `rule_sets.BIT_OF` of all rules that the reading breaks
        side              int8     of the first of them that has one: 1 above, -1 below, 0 none
        rule_1, rule_2    int8     side of the signal by Nelson's rules 1 and 2, where asked for
        baseline_count    int      readings the limits come from
        baseline_from     as given ``period_start`` of the first and last of them
        baseline_to       as given
        baseline_flags    int      of them, how many break a rule: such a baseline was not quiet
        baseline_changed_on        when late data last changed one of them
        run_length        int      convention used by rule 2
        reason            str      one of `REASONS` when not charted, else missing
        ================= ======== ==========================================================

        All figures are rounded to ten significant digits *before* the rules are applied, so
        that anyone who applies the rules to the stored figures finds the same signals. On a g or
        t chart a reading with events is a point: ``value``, ``centre`` and limits are rates, the
        inverse of what lay between events, and rules are applied to that.

    Raises
    ------
    ValueError
        If a column is missing, a chart unknown, or a series has two charts, baselines or
        multipliers. Two readings of one period leave that series uncharted (`DUPLICATE_PERIOD`).
    """
    frame = _checked(readings)
    order, series, is_doubled = _laid_flat(frame)
    code, texts = pd.factorize(frame["rules"])
    code = code[order]
    # What no series has planned is not carried along.
    column = {
        name: frame[name].to_numpy()[order]
        for name in frame.columns
        if name != "rules" and not (name in _SELDOM and frame[name].isna().all())
    }
    chart: NDArray[np.object_] = column["chart"].astype(object)
    multiplier = column["multiplier"].astype(np.float64)
    is_count = chart != "i_mr"
    column["denominator"] = np.where(chart == "c", 1.0, column["denominator"].astype(np.float64))

    point_reason, judged = _readable(column, is_count, np.isin(chart, PROPORTIONS))
    point_reason[is_doubled] = DUPLICATE_PERIOD
    usable = point_reason == ""
    setting = usable & ~column["is_excluded"].astype(np.bool_)
    candidate = setting & column["is_final"].astype(np.bool_) & _in_window(column)
    in_baseline = _first_final(candidate, column["baseline_readings"], series)
    limits = _limits(
        _counted_as(chart),
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
    is_rare = _is_rare(column, chart, expected, count_of_point, conventions)
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
    asked = [read_convention(text) for text in texts]
    drawn = _Drawn(
        chart,
        judged,
        in_baseline,
        reason,
        centre,
        sigma,
        lower,
        upper,
        limits.sigma_z,
        limits.lower,
    )
    flags = _flag(
        np.where(charted & ~is_rare, judged, np.nan),
        (centre, sigma, lower, upper),
        code=code,
        asked=asked,
        series_start=series.start,
        run_length=conventions.run_length,
    )
    if is_rare.any():
        flags = _draw_rare(
            drawn,
            flags,
            is_rare,
            column,
            usable=usable,
            series=series,
            conventions=conventions,
            code=code,
            asked=asked,
        )
        chart, judged, in_baseline, reason = (
            drawn.chart,
            drawn.value,
            drawn.in_baseline,
            drawn.reason,
        )
        charted = reason == ""
        baseline_count = series.total(in_baseline).astype(np.int64)
        count_of_point = baseline_count[series.of_point]
    unquiet = flags.violated
    if "window_from" in column:
        # What began before the window is none of its own.
        unquiet = _flag(
            np.where(in_baseline & ~np.isin(chart, RARE), judged, np.nan),
            (centre, sigma, lower, upper),
            code=code,
            asked=asked,
            series_start=series.start,
            run_length=conventions.run_length,
        ).violated
    baseline_flags = series.total(in_baseline & (unquiet != 0)).astype(np.int64)
    is_unquiet = (baseline_flags > 0)[series.of_point]
    drawn.withdraw(charted & is_unquiet & column["is_strict"].astype(np.bool_), flags)
    charted = reason == ""
    first, last = _baseline_ends(in_baseline, series)
    ends = pd.Series(column["period_start"])
    has_baseline = count_of_point > 0
    result = pd.DataFrame(
        {
            "series_id": column["series_id"],
            "period_start": column["period_start"],
            "chart": chart,
            "value": judged,
            "centre": drawn.centre,
            "sigma": drawn.sigma,
            "lcl": drawn.lower,
            "ucl": drawn.upper,
            "sigma_z": round_significant(np.where(charted, drawn.sigma_z, np.nan)),
            "has_lower_limit": charted & (~is_count | (drawn.raw_lower > 0)),
            "is_charted": charted,
            "is_trial": charted
            & (
                (count_of_point < conventions.full_baseline) | (baseline_flags[series.of_point] > 0)
            ),
            "violated": flags.violated,
            "side": flags.side,
            "rule_1": flags.rule_1,
            "rule_2": flags.rule_2,
            "baseline_count": count_of_point,
            "baseline_from": ends.take(first).reset_index(drop=True).where(has_baseline),
            "baseline_to": ends.take(last).reset_index(drop=True).where(has_baseline),
            "baseline_flags": baseline_flags[series.of_point],
            "baseline_changed_on": _newest(column.get("changed_on"), in_baseline, series),
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
    for name, usual in _USUAL.items():
        if name not in frame:
            frame[name] = usual
    for name in ("window_from", "window_to", "changed_on"):
        frame[name] = pd.to_datetime(frame[name]) if name in frame else pd.NaT
    for name in ("value", "numerator", "denominator"):
        frame[name] = pd.to_numeric(frame[name]).astype(np.float64)
    unknown = sorted(set(frame["chart"].unique()) - set(CHARTS))
    if unknown:
        named = ", ".join(map(str, unknown))
        raise ValueError(f"unknown chart {named}; known: {', '.join(CHARTS)}")
    return frame


def _laid_flat(frame: pd.DataFrame) -> tuple[Ints, FlatSeries, Bools]:
    """Order the readings by series and period, and tell those of series without a single order."""
    code = frame["series_id"].factorize()[0].astype(np.int64)
    period = frame["period_start"].factorize(sort=True)[0].astype(np.int64)
    order = np.lexsort((period, code)).astype(np.int64)
    code, period = code[order], period[order]
    same = code[1:] == code[:-1]
    for name in ("chart", "baseline_readings", "multiplier"):
        plan = frame[name].factorize()[0][order]
        if np.any(same & (plan[1:] != plan[:-1])):
            at = order[1:][same & (plan[1:] != plan[:-1])][0]
            raise ValueError(f"series {frame.iloc[at]['series_id']} has more than one {name}")
    begins = np.flatnonzero(np.concatenate([[True], ~same])) if order.size else order
    series = FlatSeries.from_start(begins, order.size)
    is_repeated = np.zeros(order.size, dtype=np.bool_)
    is_repeated[1:] = same & (period[1:] == period[:-1])
    return order, series, (series.total(is_repeated) > 0)[series.of_point]


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


def _counted_as(chart: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the chart of counts by which lines and expected counts are computed."""
    known = chart.copy()
    for kind, counted in _COUNTED_AS.items():
        known[chart == kind] = counted
    return known


def _in_window(column: dict[str, NDArray[np.generic]]) -> Bools:
    """Tell the readings of the declared window; all of a series that declares none."""
    if "window_from" not in column:
        return np.ones(column["series_id"].size, dtype=np.bool_)
    first, last = (column[name].astype("datetime64[D]") for name in ("window_from", "window_to"))
    declared: Bools = ~np.isnat(first)
    start = pd.to_datetime(pd.Series(column["period_start"])).to_numpy().astype("datetime64[D]")
    return np.asarray(~declared | ((start >= first) & (start <= last)), dtype=np.bool_)


def _is_rare(
    column: dict[str, NDArray[np.generic]],
    chart: NDArray[np.object_],
    expected: Floats,
    baseline_count: Ints,
    conventions: Conventions,
) -> Bools:
    """Tell the series that are drawn by what lies between events."""
    declared = np.isin(chart, RARE)
    if "when_rare" in column:
        plan = column["when_rare"]
        turned = ~pd.isna(plan) & (expected > 0) & (expected < conventions.min_expected_count)
        turned &= baseline_count >= conventions.min_readings
        chart[turned] = plan[turned]
        declared |= turned
    return declared


@dataclass(frozen=True)
class _Flags:
    violated: Masks
    side: Sides
    rule_1: Sides
    rule_2: Sides


@dataclass
class _Drawn:
    """Lines and reasons of every point, which those of rare events replace."""

    chart: NDArray[np.object_]
    value: Floats
    in_baseline: Bools
    reason: NDArray[np.object_]
    centre: Floats
    sigma: Floats
    lower: Floats
    upper: Floats
    sigma_z: Floats
    raw_lower: Floats

    def withdraw(self, which: Bools, flags: _Flags) -> None:
        """Take back lines and flags that rest on a baseline that was not in control."""
        self.reason[which] = NOT_IN_CONTROL
        for line in (self.centre, self.sigma, self.lower, self.upper):
            line[which] = np.nan
        for flag in (flags.violated, flags.side, flags.rule_1, flags.rule_2):
            flag[which] = 0


def _flag(
    value: Floats,
    lines: tuple[Floats, Floats, Floats, Floats],
    *,
    code: Ints,
    asked: list[Convention],
    series_start: Ints,
    run_length: int,
) -> _Flags:
    """Apply to each point the rules that its convention asks for."""
    centre, sigma, lower, upper = lines
    runs = flag_runs(
        value, centre=centre, sigma=sigma, lower=lower, upper=upper,
        series_start=series_start, run_length=run_length,
    )  # fmt: skip
    wanted = np.array([one.mask for one in asked], dtype=np.int32)[code]
    beyond, run = BIT_OF["nelson_1"], BIT_OF["nelson_2"]
    rule_1 = np.where(wanted & beyond != 0, runs.rule_1, 0).astype(np.int8)
    rule_2 = np.where(wanted & run != 0, runs.rule_2, 0).astype(np.int8)
    violated = (rule_1 != 0) * np.int32(beyond) + (rule_2 != 0) * np.int32(run)
    side = np.where(rule_1 != 0, rule_1, rule_2)
    series = FlatSeries.from_start(series_start, value.size)
    for number, convention in enumerate(asked):
        if convention.is_default:
            continue
        here = code == number
        chosen = np.zeros(series.start.size, dtype=np.bool_)
        chosen[series.of_point[here]] = True
        at = np.flatnonzero(chosen[series.of_point])
        owner = series.of_point[at]
        start = np.flatnonzero(np.diff(owner, prepend=-1)).astype(np.int64)
        for name, flagged, sides in further_violations(
            value[at], convention, centre=centre[at], sigma=sigma[at], series_start=start
        ):
            hit = flagged & here[at]
            violated[at] |= hit * np.int32(BIT_OF[name])
            side[at] = np.where(hit & (side[at] == 0), sides, side[at])
    return _Flags(violated.astype(np.int32), side.astype(np.int8), rule_1, rule_2)


def _draw_rare(
    drawn: _Drawn,
    flags: _Flags,
    is_rare: Bools,
    column: dict[str, NDArray[np.generic]],
    *,
    usable: Bools,
    series: FlatSeries,
    conventions: Conventions,
    code: Ints,
    asked: list[Convention],
) -> _Flags:
    """Put the points, lines and reasons of g and t charts in the place of those of counts."""
    at = np.flatnonzero(is_rare)
    owner = series.of_point[at]
    within = FlatSeries.from_start(np.flatnonzero(np.diff(owner, prepend=-1)), at.size)
    events, size, unit = (
        column[name].astype(np.float64)[at] for name in ("numerator", "denominator", "multiplier")
    )
    kind, is_usable = drawn.chart[at], usable[at]
    known = (events >= 0) & (size > 0)
    # Of trials that nearly all succeed the failures are the rare events. As the limits do, this
    # rests on the readings that would set those of a chart of counts, and not on later ones.
    early = known & drawn.in_baseline[at]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = within.total(np.where(early, events, 0)) / within.total(np.where(early, size, 0))
    failures = (kind == "g") & (share > 0.5)[within.of_point]  # noqa: PLR2004
    counted = np.where(failures, size - events, events)
    gap = between_events(
        np.where(known, counted, np.nan), np.where(known, size, np.nan), series_start=within.start
    )
    there = np.isfinite(gap) & is_usable
    gap = np.where(there, gap, np.nan)
    final = column["is_final"].astype(np.bool_) & ~column["is_excluded"].astype(np.bool_)
    candidate = there & final[at] & _in_window({name: column[name][at] for name in column})
    base = _first_final(candidate, column["baseline_readings"][at], within)
    count = within.total(base)[within.of_point]
    lines = {
        name: np.full(at.size, np.nan)
        for name in (
            "centre", "lower", "upper", "plotted", "plotted_centre", "plotted_sigma"
        )
    }  # fmt: skip
    for one in RARE:
        of_kind = np.flatnonzero(kind == one)
        if of_kind.size:
            start = np.flatnonzero(np.diff(within.of_point[of_kind], prepend=-1))
            found = between_lines(
                one, gap[of_kind], series_start=start, baseline=base[of_kind], d2=conventions.d2
            )
            for name, values in lines.items():
                values[of_kind] = getattr(found, name)
    reason = np.select(
        [
            ~is_usable,
            known & (counted == 0),
            ~there,
            count < conventions.min_readings,
            ~(lines["plotted_sigma"] > 0) | ~(lines["upper"] > lines["centre"]),
        ],
        [drawn.reason[at], NO_EVENT, NO_VALUE, TOO_FEW_READINGS, NO_VARIATION],
        default="",
    ).astype(object)
    charted = reason == ""

    def rate(between: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            events_each = 1 / between
        one = np.where(failures, 1 - events_each, events_each)
        return round_significant(np.where(charted, one * unit, np.nan))

    drawn.reason[at] = reason
    drawn.in_baseline[at] = base
    drawn.value[at] = rate(gap)
    drawn.centre[at] = rate(lines["centre"])
    # Longer between events is a lower rate of them, and a higher one of trials without.
    drawn.lower[at] = rate(np.where(failures, lines["lower"], lines["upper"]))
    drawn.upper[at] = rate(np.where(failures, lines["upper"], lines["lower"]))
    drawn.sigma[at] = np.nan
    drawn.sigma_z[at] = np.nan
    drawn.raw_lower[at] = drawn.lower[at]
    seen = np.flatnonzero(charted)
    if seen.size:
        _flag_rare(
            flags,
            at[seen],
            {name: values[seen] for name, values in lines.items()},
            kind=kind[seen],
            sign=np.where(failures, 1.0, -1.0)[seen],
            code=code[at][seen],
            asked=asked,
            owner=within.of_point[seen],
            run_length=conventions.run_length,
        )
    return flags


def _flag_rare(
    flags: _Flags,
    at: Ints,
    lines: dict[str, Floats],
    *,
    kind: NDArray[np.object_],
    sign: Floats,
    code: Ints,
    asked: list[Convention],
    owner: Ints,
    run_length: int,
) -> None:
    """Flag points of g and t charts: periods without an event end no run, and are not seen.

    ``sign`` is -1 where longer between events is a lower figure.
    """
    power = np.where(kind == "t", NEARLY_NORMAL_POWER, 1.0)
    near, far = (sign * lines[name] ** power for name in ("lower", "upper"))
    found = _flag(
        sign * lines["plotted"],
        (
            sign * lines["plotted_centre"],
            lines["plotted_sigma"],
            np.where(sign > 0, near, far),
            np.where(sign > 0, far, near),
        ),
        code=code,
        asked=asked,
        series_start=np.flatnonzero(np.diff(owner, prepend=-1)).astype(np.int64),
        run_length=run_length,
    )
    without_sigma = sum(BIT_OF[name] for name in WITHOUT_SIGMA)
    allowed = found.violated & np.where(kind == "g", without_sigma, -1).astype(np.int32)
    flags.violated[at] = allowed
    flags.side[at] = np.where(allowed != 0, found.side, 0)
    flags.rule_1[at], flags.rule_2[at] = found.rule_1, found.rule_2


def _newest(
    days: NDArray[np.generic] | None, which: Bools, series: FlatSeries
) -> NDArray[np.datetime64]:
    """Return of each point the newest day of some points of its series; NaT where none has one."""
    if days is None:
        return np.full(which.size, np.datetime64("NaT", "s"))
    day = days.astype("datetime64[s]")
    there = which & ~np.isnat(day)
    never = np.iinfo(np.int64).min  # which is how numpy writes NaT
    newest = np.maximum.reduceat(np.where(there, day.astype(np.int64), never), series.start)
    return newest.astype("datetime64[s]")[series.of_point]


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
