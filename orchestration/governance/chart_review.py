"""Whether charts fit what they chart: their choice, their flags, and baselines that have gone."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from orchestration.governance.judgements import as_series, first_rules
from orchestration.statistics.experiments.breaks import propose_rebase
from orchestration.statistics.fairness.multiplicity import adjust_p_values
from orchestration.statistics.refusal import Refusal
from orchestration.statistics.spc.autocorrelation import residual_chart
from orchestration.statistics.spc.choice import FITS, RARE_EVENTS, WITH_RESIDUALS, check_choice
from orchestration.statistics.spc.constants import MIN_READINGS
from orchestration.statistics.spc.false_flags import convention_share
from orchestration.statistics.spc.judge import RARE, judge_series, round_significant
from orchestration.statistics.spc.ranking import newest_readings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestration.statistics.spc.flat import Bools, Floats, Ints

KEY: Final = ("kpi_id", "entity_kind", "entity_id", "period_kind")
RECENT_READINGS: Final = 12
RECENT_SIGNALS: Final = 3
"""Of the last 12 readings so many are flagged by chance in one chart of a thousand, if they were
independent; a run is several at once, and the test for a break is what decides."""
SUPPORTED: Final = 0.05
STORED_DIGITS: Final = 10
HASH_DIGITS: Final = 16


def review_charts(readings: pd.DataFrame) -> pd.DataFrame:
    """Tell of each chart whether its kind fits the data, and how many of its flags are chance.

    Parameters
    ----------
    readings : DataFrame, one row per reading
        The columns of `int_charts__input`: the key and `period_start_date`, `series_id`,
        `phase_start_date`, `numerator`, `denominator`, `computed_value` (NaN where there is none),
        `finality`, `is_excluded`, the plan of its chart (`chart_kind`, `when_rare`, `rule_set`,
        `baseline_readings`, `baseline_from_date`, `baseline_to_date`, `when_not_in_control`),
        `restated_on_date`,
        `multiplier`, `phase_act_seq`.

    Returns
    -------
    DataFrame, one row per chart
        The key, `phase_start_date` and `phase_act_seq` (missing where no act has begun a phase),
        `rule_set` of its newest reading, `declared_chart` (of rare events the one that is drawn
        instead), `advised_chart`, `choice_reason`, `n`, `zero_share`, `expected_count`,
        `dispersion` with `dispersion_low` and `dispersion_high`, `autocorrelation`, all of the
        readings that set the limits; `is_charted`, `judged_count` (later readings), `flag_count`
        and `chance_flag_count`, how many of them are flagged and would be by chance;
        `residual_flag_count`, where `advised_chart` is ``i_mr_with_residuals``: how many are
        flagged by the same rules on the chart of what an AR(1) of the baseline does not foresee,
        missing where the baseline has a gap;
        `baseline_from_date`, `baseline_to_date`, `is_window_declared`, `baseline_flag_count` (of
        the readings that set the limits: such a baseline was not quiet, and the limits stay trial)
        and `baseline_hash`, which changes when one of these readings does; of the newest charted
        reading `newest_period_start_date`, `signal_rules` (bits), `signal_rule` (the first),
        `signal_side`, `run_count` (readings in a row on its side), `p_value`, `adjusted_p_value`,
        and `signal_rank`, 1 for the signal least likely by chance. Its ``attrs`` have the flags of
        all charts and those that chance would make.

    Notes
    -----
    The newest phase of a chart is reviewed. The readings that set the limits are looked at, since
    a later shift would pass for dispersion. Chance is that of an I-MR chart of independent normal
    readings: autocorrelation multiplies it, and counts below some five a reading differ. A chart
    of residuals stands beside the plain one and never instead: of a level that moves and stays it
    shows the first reading, and then little. No season is taken out, of which 24 readings tell
    nothing.
    """
    frame, judged, start = _judged(readings)
    sets_limits = _sets_limits(frame, judged)
    first = frame.iloc[start]
    column = {
        name: frame[name].astype(float).where(sets_limits).to_numpy()
        for name in ("computed_value", "numerator", "denominator")
    }
    choice = check_choice(
        first["chart_kind"],
        column["computed_value"],
        column["numerator"],
        column["denominator"],
        series_start=start,
    )
    is_charted = judged["is_charted"].to_numpy(dtype=bool)
    later = is_charted & ~sets_limits & (frame["period_start_date"] > judged["baseline_to"])
    flagged = later & _is_flagged(judged)
    judged_count, flag_count = (_count(one.to_numpy(), start) for one in (later, flagged))
    baseline = judged["baseline_count"].to_numpy()[start]
    ends = np.append(start, len(frame))[1:] - 1
    rules = frame["rule_set"].to_numpy(dtype=object)[ends] if start.size else np.array([], object)
    share = np.where(judged_count > 0, _chance(rules, np.maximum(baseline, MIN_READINGS)), np.nan)
    newest = newest_readings(
        judged["value"].where(judged["is_charted"]),
        centre=judged["centre"],
        sigma=judged["sigma"],
        baseline_count=baseline,
        series_start=start,
    )
    side, mask, newest_date = _newest_signals(judged, newest.position)
    drawn = judged["chart"].to_numpy(dtype=object)[start]
    # A chart of what lies between rare events is what was advised.
    is_answered = np.isin(drawn, RARE) & (choice.reason == RARE_EVENTS)
    review = first[[*KEY, "phase_start_date", "phase_act_seq"]].assign(
        rule_set=rules,
        declared_chart=drawn,
        advised_chart=np.where(is_answered, drawn, choice.advised),
        choice_reason=np.where(is_answered, FITS, choice.reason),
        n=choice.n,
        zero_share=_stored(choice.zero_share),
        expected_count=_stored(choice.expected_count),
        dispersion=_stored(choice.dispersion),
        dispersion_low=_stored(choice.dispersion_low),
        dispersion_high=_stored(choice.dispersion_high),
        autocorrelation=_stored(choice.autocorrelation),
        is_charted=_count(is_charted, start) > 0,
        judged_count=judged_count,
        flag_count=flag_count,
        chance_flag_count=_stored(share * judged_count),
        residual_flag_count=_residual_flags(
            frame, sets_limits, later, start, choice.advised == WITH_RESIDUALS
        ),
        baseline_from_date=judged["baseline_from"].to_numpy()[start],
        baseline_to_date=judged["baseline_to"].to_numpy()[start],
        is_window_declared=first["baseline_from_date"].notna(),
        baseline_flag_count=judged["baseline_flags"].to_numpy()[start],
        baseline_hash=_hashes(frame, sets_limits, start),
        newest_period_start_date=newest_date,
        signal_rules=mask,
        signal_rule=first_rules(mask).to_numpy(dtype=object),
        signal_side=side,
        run_count=newest.run,
        p_value=round_significant(newest.p_value),
        adjusted_p_value=round_significant(newest.adjusted_p_value),
    )
    rank = review["p_value"].where(review["signal_rules"] != 0).rank(method="min")
    review = review.assign(signal_rank=rank).reset_index(drop=True)
    review.attrs = {
        "flags": int(flag_count.sum()),
        "flags_by_chance": round(float(np.nansum(review["chance_flag_count"])), STORED_DIGITS),
    }
    return review


def propose_rebases(readings: pd.DataFrame) -> pd.DataFrame:
    """Propose new phases for charts whose frozen baseline no longer holds. An act decides.

    Parameters
    ----------
    readings : DataFrame
        As in `review_charts`.

    Returns
    -------
    DataFrame, one row per chart with three flags or more among its last twelve readings
        The key; `verdict` (``supported``, ``not_supported``, ``no_break``, ``refused``);
        `proposed_from_date`, first period of the newest level, with `earliest_from_date` and
        `latest_from_date` (95 %); `value_before`, `value_after`; `n_after`; `bic_gain`,
        `break_autocorrelation`, `p_value` and `adjusted_p_value` (Benjamini and Hochberg over all
        these charts); `flag_count_since`, flags from that period on as they stand, and
        `flag_count_if_rebased`, those that would remain; `refusal`.

    Notes
    -----
    Final readings of the newest phase in order, missing ones left out. A level is looked for, not
    a slope: a KPI that improves all the time breaks wherever it is cut, and is rebased again and
    again.
    """
    frame, judged, start = _judged(readings)
    is_final = (frame["finality"] != "provisional").to_numpy() & frame["computed_value"].notna()
    arrays = {
        "is_final": is_final.to_numpy(dtype=bool),
        "is_charted": judged["is_charted"].to_numpy(dtype=bool),
        "is_flagged": _is_flagged(judged).to_numpy(dtype=bool),
        "value": frame["computed_value"].to_numpy(dtype=float),
        "date": frame["period_start_date"].to_numpy(),
    }
    rows: list[dict[str, Any]] = []
    charts: list[int] = []
    since: list[NDArray[np.int64]] = []
    for first, end in zip(start, np.append(start, len(frame))[1:], strict=True):
        chart = {name: values[first:end] for name, values in arrays.items()}
        recent = chart["is_flagged"][chart["is_charted"]][-RECENT_READINGS:]
        if np.count_nonzero(recent) < RECENT_SIGNALS:
            continue
        row = _proposal(chart["value"][chart["is_final"]], chart["date"][chart["is_final"]])
        if row["proposed_from_date"] is not None:
            later = chart["date"] >= row["proposed_from_date"]
            row["flag_count_since"] = int(np.count_nonzero(chart["is_flagged"][later]))
            since.append(first + np.flatnonzero(later))
        rows.append(row)
        charts.append(first)
    found = pd.DataFrame(rows, columns=list(_NOTHING))
    proposals = pd.concat([frame.loc[charts, list(KEY)].reset_index(drop=True), found], axis=1)
    if since:
        redrawn = judge_series(as_series(frame.loc[np.concatenate(since)]))
        remaining = _is_flagged(redrawn).groupby(redrawn["series_id"], sort=False).sum()
        proposed = proposals["proposed_from_date"].notna()
        proposals.loc[proposed, "flag_count_if_rebased"] = remaining.to_numpy()
    adjusted = adjust_p_values(proposals["p_value"].astype(float))
    if not isinstance(adjusted, Refusal):
        proposals["adjusted_p_value"] = _stored(adjusted)
        tested = proposals["verdict"] == "supported"
        proposals.loc[tested & (adjusted >= SUPPORTED), "verdict"] = "not_supported"
    return proposals


_NOTHING: Final[dict[str, Any]] = {
    "verdict": None,
    "proposed_from_date": None,
    "earliest_from_date": None,
    "latest_from_date": None,
    "value_before": np.nan,
    "value_after": np.nan,
    "n_after": None,
    "bic_gain": np.nan,
    "break_autocorrelation": np.nan,
    "p_value": np.nan,
    "adjusted_p_value": np.nan,
    "flag_count_since": None,
    "flag_count_if_rebased": None,
    "refusal": None,
}


def _proposal(values: Floats, dates: NDArray[np.generic]) -> dict[str, Any]:
    found = propose_rebase(values, smallest=MIN_READINGS)
    if isinstance(found, Refusal):
        refusal = f"{found.reason}: {found.detail}"
        return _NOTHING | {"verdict": "refused", "refusal": refusal}
    if found is None:
        return _NOTHING | {"verdict": "no_break"}

    def date(point: float) -> Any:
        # A level without any spread has no interval.
        if not np.isfinite(point):
            return None
        return dates[int(np.clip(round(point), 1, dates.size)) - 1]

    return _NOTHING | {
        "verdict": "supported" if found.is_supported else "not_supported",
        "proposed_from_date": date(found.first),
        "earliest_from_date": date(found.low),
        "latest_from_date": date(found.high),
        "value_before": round(found.mean_before, STORED_DIGITS),
        "value_after": round(found.mean_after, STORED_DIGITS),
        "n_after": found.n_after,
        "bic_gain": round(found.bic_gain, STORED_DIGITS),
        "break_autocorrelation": round(found.autocorrelation, STORED_DIGITS),
        "p_value": round(found.p_value, STORED_DIGITS),
    }


def _judged(readings: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, Ints]:
    """Return the newest phases in order, their judgements, and where each chart begins."""
    newest = readings.groupby(list(KEY), sort=False)["phase_start_date"].transform("max")
    is_newest = newest.isna() | (readings["phase_start_date"] == newest)
    frame = readings[is_newest].sort_values([*KEY, "period_start_date"], ignore_index=True)
    judged = judge_series(as_series(frame))
    code = frame["series_id"].factorize()[0]
    start = np.flatnonzero(np.diff(code, prepend=-1)).astype(np.int64)
    return frame, judged, start


def _sets_limits(frame: pd.DataFrame, judged: pd.DataFrame) -> pd.Series:
    """Tell the readings that a chart's limits come from."""
    return (
        (frame["period_start_date"] >= judged["baseline_from"])
        & (frame["period_start_date"] <= judged["baseline_to"])
        & (frame["finality"] != "provisional")
        & ~frame["is_excluded"].astype(bool)
        & frame["computed_value"].notna()
    )


def _residual_flags(
    frame: pd.DataFrame, sets_limits: pd.Series, later: pd.Series, start: Ints, asked: Bools
) -> Floats:
    """Return how many later readings the chart of residuals flags, of the charts that are asked."""
    value = frame["computed_value"].astype(float).to_numpy()
    setting, is_later = sets_limits.to_numpy(dtype=bool), later.to_numpy(dtype=bool)
    # What sets no limits leaves a gap in the baseline, and does not pass for a part of it.
    usable = np.where(setting | is_later, value, np.nan)
    counts = np.full(start.size, np.nan)
    residuals, lengths = [], []
    charts, positions = [], []
    ends = np.append(start, len(frame))[1:]
    for chart in np.flatnonzero(asked):
        first, last = start[chart] + np.flatnonzero(setting[start[chart] : ends[chart]])[[0, -1]]
        at = np.arange(first, ends[chart])
        found = residual_chart(usable[at], freeze=int(last - first + 1))
        if not isinstance(found, Refusal):
            charts.append(chart)
            positions.append(at)
            residuals.append(found.value)
            lengths.append(np.full(at.size, last - first + 1))
    if not charts:
        return counts
    at = np.concatenate(positions)
    redrawn = judge_series(
        as_series(frame.iloc[at]).assign(
            chart="i_mr",
            value=np.concatenate(residuals),
            baseline_readings=np.concatenate(lengths),
            is_final=True,
            is_excluded=False,
            window_from=pd.NaT,
            window_to=pd.NaT,
            is_strict=False,
            when_rare=None,
        )
    )
    flagged = np.zeros(len(frame), dtype=np.bool_)
    flagged[at] = _is_flagged(redrawn).to_numpy(dtype=bool) & is_later[at]
    counts[charts] = _count(flagged, start)[charts]
    return counts


def _is_flagged(judged: pd.DataFrame) -> pd.Series:
    return judged["violated"] != 0


def _newest_signals(judged: pd.DataFrame, position: Ints) -> tuple[Ints, Ints, NDArray[np.generic]]:
    """Return side, violated rules and period of the readings at some positions; none at -1."""
    at, there = np.maximum(position, 0), position >= 0
    if not len(judged):
        return position, position, judged["period_start"].to_numpy()
    side, mask = (
        np.where(there, judged[name].to_numpy(dtype=np.int64)[at], 0)
        for name in ("side", "violated")
    )
    return side, mask, judged["period_start"].iloc[at].where(there).to_numpy()


def _chance(rules: NDArray[np.object_], baseline_count: Ints) -> Floats:
    """Return the share of readings that the convention of each chart flags by chance."""
    share = np.full(rules.size, np.nan)
    for convention in pd.unique(rules):
        same = rules == convention
        share[same] = convention_share(convention, baseline_count[same])
    return share


def _hashes(frame: pd.DataFrame, sets_limits: pd.Series, start: Ints) -> list[str | None]:
    """Return a hash of the readings that set each chart's limits; none where there are none."""
    chosen = np.flatnonzero(sets_limits)
    figures = frame[["computed_value", "numerator", "denominator"]].astype(float).to_numpy()
    days = frame["period_start_date"].to_numpy(dtype="datetime64[D]").astype(np.float64)
    rows = np.column_stack([days, figures])[chosen]
    begins = np.searchsorted(chosen, start)
    ends = np.searchsorted(chosen, np.append(start, len(frame))[1:])
    return [
        sha256(rows[begin:end].tobytes()).hexdigest()[:HASH_DIGITS] if end > begin else None
        for begin, end in zip(begins, ends, strict=True)
    ]


def _count(which: Bools, start: Ints) -> Ints:
    return np.add.reduceat(which.astype(np.int64), start) if start.size else start


def _stored(values: Floats) -> Floats:
    return np.round(values, STORED_DIGITS)
