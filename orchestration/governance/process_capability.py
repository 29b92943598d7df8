"""Whether processes stay as they are, and whether what they make fits its specification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from orchestration.statistics.refusal import TOO_FEW_READINGS, Refusal
from orchestration.statistics.spc.capability import Capability, Index, capability_of_moments
from orchestration.statistics.spc.constants import (
    BASELINE_READINGS,
    D2_TABLE,
    MIN_READINGS,
    MOVING_RANGE_FREEDOM,
    NELSON_2_RUN,
    ON_LINE_SIGMAS,
)
from orchestration.statistics.spc.individuals import individuals_chart
from orchestration.statistics.spc.rules import flag_runs
from orchestration.statistics.spc.subgroups import (
    SubgroupChart,
    Subgroups,
    freedom_within,
    mean_chart,
    pool,
    sd_chart,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from orchestration.statistics.spc.flat import Bools, Floats

KEY: Final = ("site_id", "machine_id", "characteristic_id", "specification_no")
OF_SPECIFICATION: Final = (
    "unit_code", "lower_specification", "upper_specification", "target_value",
)  # fmt: skip
XBAR_S: Final = "xbar_s"
I_MR: Final = "i_mr"
SIGMA_METHOD: Final = "RMSDF"
"""The pooled standard deviation over c4: of the estimators within subgroups the one that is exact
for unequal sizes and whose degrees of freedom are known without approximation."""
ESTIMATORS: Final = {XBAR_S: SIGMA_METHOD, I_MR: f"mean moving range / {D2_TABLE}"}
CONVENTION: Final = f"means: beyond a limit, {NELSON_2_RUN} on one side; spread: beyond a limit"
CONFIDENCE: Final = 0.95
ENOUGH: Final = 1.0
"""Of Cpk: three sigma fit between the mean and the nearer limit. What a customer asks for beyond
that is held against `cpk_low`."""
STORED_DIGITS: Final = 10


@dataclass(frozen=True)
class _Chart:
    """Lines of the means and of the spread within (of single readings: of the moving ranges)."""

    kind: str
    mean: SubgroupChart
    spread: SubgroupChart
    freedom: float

    @property
    def sigma(self) -> float:
        """Standard deviation of a single reading."""
        return float(self.mean.sigma[0])


def judge_processes(subgroups: pd.DataFrame) -> pd.DataFrame:
    """Tell of each process whether it stays as it was, and whether it fits its specification.

    Parameters
    ----------
    subgroups : DataFrame, one row per subgroup of measured parts
        `site_id`, `machine_id`, `characteristic_id` and `specification_no`, which make a process;
        `unit_code`, `lower_specification`, `upper_specification`, `target_value`; `subgroup_id`,
        `measured_at_utc`, `measurement_count`, `mean_value`, `range_value`, `standard_deviation`,
        `out_of_tolerance_count`.

    Returns
    -------
    DataFrame, one row per process
        Of the chart, whose lines come from the first 24 subgroups and stay: `chart_kind`
        (``xbar_s``, or ``i_mr`` where every subgroup is one part), `convention`,
        `baseline_count` with `baseline_from_at_utc` and `baseline_to_at_utc`, `judged_count` (later
        subgroups), `mean_flag_count` and `spread_flag_count` (of them), `centre`, `lower_limit`,
        `upper_limit`, `spread_centre`, `spread_upper_limit` at the newest subgroup. Of the newest
        24 subgroups by lines of their own: `study_count` with `study_from_at_utc` and
        `study_to_at_utc`, `study_mean_flag_count`, `study_spread_flag_count`, `n` (parts),
        `out_of_tolerance_count` (of them), `process_mean`, `sigma_within` by `sigma_estimator` with
        its `freedom`, `sigma_overall`; `cp`, `cpk`, `cpm`, `pp`, `ppk`, each with `_low`
        and `_high`, and the sides `cpl` and `cpu`; `is_trial` (fewer than 24 subgroups), `verdict`
        (``within``, ``beyond`` or ``undecided``: Cpk above, below or about 1) or `refusal`.

    Notes
    -----
    Two questions with lines of their own. Whether the process left the level at which it was first
    seen is asked of the chart. What it can do now is asked of the newest subgroups: of a level that
    has moved and stays there is a capability, and the way to the specification shows in it. One
    flag among them refuses it.
    """
    ordered = subgroups.sort_values([*KEY, "measured_at_utc", "subgroup_id"], ignore_index=True)
    if ordered.empty:
        return pd.DataFrame(columns=list(_COLUMNS), dtype="object")
    code = ordered.groupby(list(KEY), sort=False).ngroup().to_numpy()
    start = np.flatnonzero(np.diff(code, prepend=-1))
    ends = np.append(start[1:], len(ordered))
    every = Subgroups(
        mean=ordered["mean_value"].to_numpy(dtype=float),
        range=ordered["range_value"].to_numpy(dtype=float),
        sd=ordered["standard_deviation"].to_numpy(dtype=float),
        size=ordered["measurement_count"].to_numpy(dtype=np.int64),
    )
    processes = [_cut(every, first, end) for first, end in zip(start, ends, strict=True)]
    begins = np.maximum(start, ends - BASELINE_READINGS)
    studied = [_cut(every, first, end) for first, end in zip(begins, ends, strict=True)]
    charts = [_draw(groups, BASELINE_READINGS) for groups in processes]
    studies = [_draw(groups, None) for groups in studied]
    flags, study_flags = _flags(charts), _flags(studies)
    at = ordered["measured_at_utc"].to_numpy()
    outside = ordered["out_of_tolerance_count"].to_numpy(dtype=np.int64)
    firsts = ordered.iloc[start][[*KEY, *OF_SPECIFICATION]].to_dict("records")
    rows = []
    for number, (first, end) in enumerate(zip(start, ends, strict=True)):
        study = slice(begins[number], end)
        rows.append(
            _COLUMNS
            | firsts[number]
            | _of_chart(charts[number], flags[number], at[first:end])
            | {
                "study_count": study.stop - study.start,
                "study_from_at_utc": at[study][0],
                "study_to_at_utc": at[study][-1],
                "out_of_tolerance_count": int(outside[study].sum()),
                "is_trial": study.stop - study.start < BASELINE_READINGS,
            }
            | _of_study(studied[number], studies[number], study_flags[number], firsts[number])
        )
    return pd.DataFrame(rows, columns=list(_COLUMNS))


_INDICES: Final = ("cp", "cpk", "cpm", "pp", "ppk")
_COLUMNS: Final[dict[str, Any]] = {
    **dict.fromkeys((*KEY, *OF_SPECIFICATION)),
    "chart_kind": None,
    "sigma_estimator": None,
    "convention": CONVENTION,
    "baseline_count": None,
    "baseline_from_at_utc": None,
    "baseline_to_at_utc": None,
    "judged_count": None,
    "mean_flag_count": None,
    "spread_flag_count": None,
    "centre": np.nan,
    "lower_limit": np.nan,
    "upper_limit": np.nan,
    "spread_centre": np.nan,
    "spread_upper_limit": np.nan,
    "study_count": 0,
    "study_from_at_utc": None,
    "study_to_at_utc": None,
    "study_mean_flag_count": None,
    "study_spread_flag_count": None,
    "n": 0,
    "out_of_tolerance_count": 0,
    "process_mean": np.nan,
    "sigma_within": np.nan,
    "freedom": np.nan,
    "sigma_overall": np.nan,
    **{f"{name}{end}": np.nan for name in _INDICES for end in ("", "_low", "_high")},
    "cpl": np.nan,
    "cpu": np.nan,
    "is_trial": None,
    "verdict": None,
    "refusal": None,
}


def _cut(groups: Subgroups, first: np.integer, end: np.integer) -> Subgroups:
    here = slice(first, end)
    return Subgroups(groups.mean[here], groups.range[here], groups.sd[here], groups.size[here])


def _draw(groups: Subgroups, baseline: int | None) -> _Chart | Refusal:
    """Return the chart of all subgroups by lines from the first ones."""
    early = groups.first(baseline)
    is_single = bool((groups.size == 1).all())
    several = int(np.count_nonzero((early.size > 1) | is_single))
    if several < MIN_READINGS:
        what = "subgroups" if is_single else "subgroups of two or more"
        return Refusal(TOO_FEW_READINGS, f"{several} {what}, at least {MIN_READINGS} are needed")
    if is_single:
        return _draw_single(groups.mean, early.size.size)
    mean = mean_chart(groups, baseline_subgroups=baseline, sigma_method=SIGMA_METHOD)
    spread = sd_chart(groups, baseline_subgroups=baseline, sigma_method=SIGMA_METHOD)
    if isinstance(mean, Refusal):
        return mean
    assert not isinstance(spread, Refusal)  # what refuses one refuses both
    return _Chart(XBAR_S, mean, spread, freedom_within(early, SIGMA_METHOD))


def _draw_single(values: Floats, baseline: int) -> _Chart | Refusal:
    chart = individuals_chart(values, freeze=baseline)
    if isinstance(chart, Refusal):
        return chart
    nothing = np.zeros(values.size)
    upper, middle = chart.moving_range_upper, chart.mean_moving_range
    return _Chart(
        I_MR,
        SubgroupChart(values, chart.centre, chart.sigma, chart.lower, chart.upper),
        SubgroupChart(chart.moving_range, middle, chart.sigma, nothing, upper),
        MOVING_RANGE_FREEDOM * (baseline - 1),
    )


def _flags(charts: Sequence[_Chart | Refusal]) -> list[tuple[Bools, Bools]]:
    """Return of each chart which means and which spreads are flagged; nothing where refused."""
    drawn = [chart for chart in charts if isinstance(chart, _Chart)]
    nothing = np.zeros(0, dtype=np.bool_)
    if not drawn:
        return [(nothing, nothing)] * len(charts)
    ends = np.cumsum([chart.mean.value.size for chart in drawn])
    value, centre, sigma, lower, upper = (_end_to_end(drawn, "mean", name) for name in _LINES)
    runs = flag_runs(
        value,
        centre=centre,
        sigma=sigma,
        lower=lower,
        upper=upper,
        series_start=np.append(0, ends[:-1]),
        run_length=NELSON_2_RUN,
    )
    value, _, sigma, lower, upper = (_end_to_end(drawn, "spread", name) for name in _LINES)
    near = ON_LINE_SIGMAS * sigma
    beyond = (value > upper + near) | (value < lower - near)
    flagged = (runs.rule_1 != 0) | (runs.rule_2 != 0)
    pairs = zip(np.split(flagged, ends[:-1]), np.split(beyond, ends[:-1]), strict=True)
    return [next(pairs) if isinstance(chart, _Chart) else (nothing, nothing) for chart in charts]


_LINES: Final = ("value", "centre", "sigma", "lower", "upper")


def _end_to_end(charts: Sequence[_Chart], which: str, name: str) -> Floats:
    return np.concatenate([getattr(getattr(chart, which), name) for chart in charts])


def _of_chart(
    chart: _Chart | Refusal, flags: tuple[Bools, Bools], at: NDArray[np.generic]
) -> dict[str, Any]:
    count = min(at.size, BASELINE_READINGS)
    row = {
        "baseline_count": count,
        "baseline_from_at_utc": at[0],
        "baseline_to_at_utc": at[count - 1],
        "judged_count": at.size - count,
    }
    if isinstance(chart, Refusal):
        return row
    mean, spread = flags
    return row | {
        "chart_kind": chart.kind,
        "mean_flag_count": int(mean[count:].sum()),
        "spread_flag_count": int(spread[count:].sum()),
        "centre": _stored(chart.mean.centre[-1]),
        "lower_limit": _stored(chart.mean.lower[-1]),
        "upper_limit": _stored(chart.mean.upper[-1]),
        "spread_centre": _stored(chart.spread.centre[-1]),
        "spread_upper_limit": _stored(chart.spread.upper[-1]),
    }


def _of_study(
    groups: Subgroups,
    chart: _Chart | Refusal,
    flags: tuple[Bools, Bools],
    specification: dict[str, Any],
) -> dict[str, Any]:
    total = pool(groups)
    row: dict[str, Any] = {
        "n": total.n,
        "process_mean": _stored(total.centre),
        "sigma_overall": _stored(total.sd),
    }
    if isinstance(chart, Refusal):
        return row | _refused(chart)
    mean, spread = flags
    row |= {
        "sigma_estimator": ESTIMATORS[chart.kind],
        "sigma_within": _stored(chart.sigma),
        "freedom": _stored(chart.freedom),
        "study_mean_flag_count": int(mean.sum()),
        "study_spread_flag_count": int(spread.sum()),
    }
    lower, upper, target = (
        None if pd.isna(specification[name]) else float(specification[name])
        for name in ("lower_specification", "upper_specification", "target_value")
    )
    found = capability_of_moments(
        total,
        sigma_within=chart.sigma,
        freedom_within=chart.freedom,
        is_stable=not (mean.any() or spread.any()),
        lower_spec=lower,
        upper_spec=upper,
        target=target,
        confidence=CONFIDENCE,
    )
    if isinstance(found, Refusal):
        return row | _refused(found)
    return row | _indices(found) | {"verdict": _verdict(found.cpk)}


def _indices(found: Capability) -> dict[str, Any]:
    row: dict[str, Any] = {
        "cpl": _stored(found.cp_lower.value),
        "cpu": _stored(found.cp_upper.value),
    }
    for name in _INDICES:
        index: Index = getattr(found, name)
        row |= {
            name: _stored(index.value),
            f"{name}_low": _stored(index.low),
            f"{name}_high": _stored(index.high),
        }
    return row


def _verdict(cpk: Index) -> str:
    if cpk.low >= ENOUGH:
        return "within"
    return "beyond" if cpk.high < ENOUGH else "undecided"


def _refused(refusal: Refusal) -> dict[str, Any]:
    return {"refusal": f"{refusal.reason}: {refusal.detail}"}


def _stored(value: float) -> float:
    return float(np.round(value, STORED_DIGITS))
