"""Whether a signal is one of the process or of its data, and who looks into it first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from orchestration.statistics.detection.triage import (
    FEWEST_BEFORE,
    SHIFTED,
    STILL_CHANCE,
    Trace,
    Triage,
    shifts,
    stands_still,
    triage_shift,
)
from orchestration.statistics.refusal import TOO_FEW_READINGS, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestration.statistics.spc.flat import Floats

LOOKBACK: Final = 40
"""Readings before a shift that it is held against."""

LEAST_RECORD_RATIO: Final = 1.5
"""Records that rise and fall with the work are no trace; half as many again are."""

WHOLE_SHARE: Final = 0.9
"""Of the like entities of other sites that jumped too: a pilot on most of them is no error."""

FEWEST_SIBLINGS: Final = 4

WORTH_ASKING: Final = 0.1
"""Chance of a list that stands still while its sibling goes on, below which somebody is asked."""

CHART: Final = ["entity_kind", "period_kind"]
READING: Final = ["kpi_id", *CHART, "entity_id", "period_start_date"]
SIGNAL: Final = ["signal_side", "signal_rule", "variation"]
ALL: Final = "*"

ROW_TRACES: Final = {
    "same_moment_count": "same_moment",
    "repeated_count": "repeated",
    "more_scrap_count": "more_scrap",
}

COLUMNS: Final[dict[str, Any]] = {
    "kpi_id": None,
    "entity_kind": None,
    "entity_id": None,
    "period_kind": None,
    "period_start_date": None,
    "shift_start_date": None,
    "shift_end_date": None,
    "signal_rule": None,
    "variation": None,
    "shift_sd": np.nan,
    "traces": None,
    "factor_name": None,
    "corroborated_by_kpi_id": None,
    "sibling_count": 0,
    "sibling_moved_share": np.nan,
    "record_count": None,
    "same_moment_count": 0,
    "repeated_count": 0,
    "more_scrap_count": 0,
    "still_count": 0,
    "still_chance": np.nan,
    "verdict": None,
    "suspect_feed": None,
    "routed_role": None,
    "routed_to": None,
    "refusal": None,
}
_KEPT: Final = (*READING, "signal_rule", "variation", "record_count", *ROW_TRACES)


def triage_signals(
    readings: pd.DataFrame, signals: pd.DataFrame, deliveries: pd.DataFrame, feeds: pd.DataFrame
) -> pd.DataFrame:
    """Say of each recent signal whether its data or its process made it, and whom to ask.

    Parameters
    ----------
    readings : DataFrame, one row per reading of a chart
        `kpi_id`, `entity_kind`, `entity_id`, `site_id` (missing for the company), `period_kind`,
        `period_start_date`, `computed_value`, `is_late` (its deliveries are not all there),
        `is_recent` (asked about), `record_count` (missing where unknown), the traces in its rows
        `same_moment_count`, `repeated_count` and `more_scrap_count`, and `owner`.
    signals : DataFrame, one row per flagged reading
        The key, `signal_side` (-1 or 1), `signal_rule` and `variation`.
    deliveries : DataFrame, one row per feed that delivers its whole list and delivery of it
        `feed`, `delivery_date`, `is_changed` (not the first one), `source_system`, `steward`.
    feeds : DataFrame, one row per feed and KPI that needs it
        `kpi_id`, missing for a feed that none needs, `feed`, `steward`.

    Returns
    -------
    DataFrame
        A row per recent reading that is a signal or bears traces, and one per feed that stands
        still (`kpi_id` is ``*``, `entity_kind` ``feed``). `traces`: those of
        `statistics.detection.triage`, of rows (``same_moment``, ``repeated``, ``more_scrap``),
        ``late_load`` and ``stale_feed``. `shift_sd` in standard errors against up to `LOOKBACK`
        readings before. `sibling_moved_share` of the entities of other sites that shifted to the
        same side at the same time. `verdict`: ``data_error`` where there is a trace and no other
        feed saw it, ``real_shift`` the other way round, else ``undecided``. An error goes to the
        steward of the feed, all else to the owner of the KPI: what left no trace is first asked on
        the floor. `refusal` says why the levels before and after were not compared; traces in
        rows speak without it.

    Notes
    -----
    A KPI is a witness where it lacks a feed that the other needs: an error there would not show.
    """
    needs = feeds.groupby("kpi_id")["feed"].agg(frozenset).to_dict()
    steward = feeds.groupby("feed")["steward"].first().to_dict()
    still: list[dict[str, Any]] = []
    # The same days are told by a feed itself and beside a sibling: the surer of the two is kept.
    for row in sorted(_standing_feeds(deliveries), key=lambda row: row["still_chance"]):
        still += [] if any(_overlap(row, one) for one in still) else [row]
    stale = [row for row in still if row["verdict"] == "data_error"]
    rows: list[dict[str, Any]] = []
    flagged = readings.merge(signals[[*READING, *SIGNAL]], on=READING, how="left")
    for _, charts in flagged.groupby(CHART, sort=True):
        rows += _of_kind(charts, needs, steward, stale)
    found = pd.DataFrame([*rows, *still], columns=list(COLUMNS))
    return found.sort_values(READING, ignore_index=True)


def _standing_feeds(deliveries: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Return the runs of deliveries in which a list stood still, by itself or beside a sibling."""
    days = deliveries.sort_values(["feed", "delivery_date"]).set_index("delivery_date")
    changed = {feed: one["is_changed"].astype(bool) for feed, one in days.groupby("feed")}
    described = days.groupby("feed")[["source_system", "steward"]].first()
    for feed, mine in changed.items():
        system = described.loc[feed, "source_system"]
        siblings = [
            other[other].index.intersection(mine.index)
            for name, other in changed.items()
            if name != feed and described.loc[name, "source_system"] == system
        ]
        # What goes on elsewhere counts where the two have gone together.
        told = [mine.loc[seen] for seen in siblings if seen.size >= FEWEST_BEFORE]
        together = max(told, key=lambda one: float(one.mean()), default=mine[:0])
        yield from _still_rows(str(feed), mine, described.loc[feed, "steward"], STILL_CHANCE)
        yield from _still_rows(str(feed), together, described.loc[feed, "steward"], WORTH_ASKING)


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    is_apart = (
        one["shift_end_date"] < other["shift_start_date"]
        or other["shift_end_date"] < one["shift_start_date"]
    )
    return one["entity_id"] == other["entity_id"] and not is_apart


def _still_rows(
    feed: str, changed: pd.Series, steward: str, below: float
) -> Iterator[dict[str, Any]]:
    moves = changed.to_numpy(dtype=bool)
    for end in np.flatnonzero(~moves & np.append(moves[1:], True)):
        found = stands_still(moves[: end + 1])
        if isinstance(found, Refusal) or found.chance >= below:
            continue
        begin = changed.index[end - found.deliveries + 1]
        yield COLUMNS | {
            "kpi_id": ALL,
            "entity_kind": "feed",
            "entity_id": feed,
            "period_kind": "day",
            "period_start_date": begin,
            "shift_start_date": begin,
            "shift_end_date": changed.index[end],
            "traces": "stale_feed",
            "still_count": found.deliveries,
            "still_chance": round(found.chance, 6),
            "verdict": "data_error" if found.is_still else "undecided",
            "suspect_feed": feed,
            "routed_role": "steward",
            "routed_to": steward,
        }


def _of_kind(
    charts: pd.DataFrame,
    needs: dict[str, frozenset[str]],
    steward: dict[str, str],
    still: list[dict[str, Any]],
) -> Iterator[dict[str, Any]]:
    """Judge the charts of one kind of entity and period."""
    side = charts["signal_side"].fillna(0).to_numpy(dtype=int)
    traced = charts[list(ROW_TRACES)].fillna(0).sum(axis=1).to_numpy() > 0
    recent = charts["is_recent"].to_numpy(dtype=bool)
    seen_by = _witnesses(charts[recent & (side != 0)], needs)
    for kpi, place in charts.groupby("kpi_id", sort=True).indices.items():
        asked = np.flatnonzero((recent & ((side != 0) | traced))[place])
        if asked.size == 0:
            continue
        of_kpi = charts.iloc[place]
        days, at = np.unique(of_kpi["period_start_date"].to_numpy(), return_inverse=True)
        entities, who = np.unique(of_kpi["entity_id"].to_numpy(dtype=str), return_inverse=True)
        values = _wide(of_kpi["computed_value"], at, who)
        records = _wide(of_kpi["record_count"], at, who)
        sides = np.zeros(values.shape, dtype=int)
        sides[at, who] = side[place]
        begins = _begins(sides)
        sites = np.full(entities.size, "", dtype=object)
        sites[who] = of_kpi["site_id"].fillna("").to_numpy(dtype=object)
        mine = sorted(needs.get(str(kpi), ()))
        judged: dict[tuple[int, int], tuple[Triage | Refusal, int, float]] = {}
        readings = of_kpi.iloc[asked].to_dict("records")
        for reading, day_at, entity in zip(readings, at[asked], who[asked], strict=True):
            begin = begins[day_at, entity]
            if (begin, entity) not in judged:
                # An entity without a site has all others for siblings.
                is_sibling = (sites != sites[entity]) | (sites == "")
                is_sibling[entity] = False
                judged[begin, entity] = _compared(
                    values[:, entity], sides[:, entity], records[:, entity], values[:, is_sibling],
                    begin,
                )  # fmt: skip
            day = reading["period_start_date"]
            stale = [
                one["entity_id"]
                for one in still
                if one["entity_id"] in mine
                and one["shift_start_date"] <= day <= one["shift_end_date"]
            ]
            yield _row(
                reading, days[begin], *judged[begin, entity],
                stale=stale,
                witness=seen_by.get((kpi, reading["entity_id"], day, reading["variation"])),
                suspect=stale[0] if stale else (mine[0] if mine else None), steward=steward,
            )  # fmt: skip


def _wide(column: pd.Series, at: np.ndarray, who: np.ndarray) -> Floats:
    """Return periods by entities; NaN where there is no reading."""
    values = np.full((at.max() + 1, who.max() + 1), np.nan)
    values[at, who] = column.to_numpy(dtype=float, na_value=np.nan)
    return values


def _begins(sides: np.ndarray) -> np.ndarray:
    """Return where the run of signals to one side begins that each reading belongs to."""
    place = np.arange(len(sides))[:, None]
    is_new = np.ones(sides.shape, dtype=bool)
    is_new[1:] = (sides[1:] != sides[:-1]) | (sides[1:] == 0)
    return np.asarray(np.maximum.accumulate(np.where(is_new, place, 0), axis=0))


def _witnesses(
    flagged: pd.DataFrame, needs: dict[str, frozenset[str]]
) -> dict[tuple[Any, ...], str]:
    """Return the first KPI of another feed flagged with each signal, to the same side."""
    witnesses: dict[tuple[Any, ...], str] = {}
    together = flagged.groupby(["entity_id", "period_start_date", "variation"], sort=True)["kpi_id"]
    for (entity, day, variation), kpis in together:
        names = sorted(kpis)
        for kpi in names:
            others = [
                one for one in names if needs.get(kpi, frozenset()) - needs.get(one, frozenset())
            ]
            if others:
                witnesses[kpi, entity, day, variation] = others[0]
    return witnesses


def _compared(
    values: Floats, side: np.ndarray, records: Floats, siblings: Floats, begin: int
) -> tuple[Triage | Refusal, int, float]:
    """Hold a run of signals against the readings before it, and against its siblings."""
    goes_on = (side[begin:] == side[begin]) & (side[begin] != 0)
    end = begin + max(int(np.argmin(np.append(goes_on, False))), 1)
    known = np.flatnonzero(np.isfinite(values))
    before = known[known < begin][-LOOKBACK:]
    after = known[(known >= begin) & (known < end)]
    rows = np.append(before, after)
    x, siblings, records = values[rows], siblings[rows], records[rows]
    if before.size == 0 or after.size == 0:
        detail = f"{before.size} readings before and {after.size} after"
        return Refusal(TOO_FEW_READINGS, detail), 0, np.nan
    found = triage_shift(x, before.size, fewest_after=1)
    count, moved = 0, np.nan
    if before.size >= FEWEST_BEFORE:
        shift = shifts(siblings, before.size)
        count = int(np.count_nonzero(shift))
        to = np.sign(x[before.size :].mean() - x[: before.size].mean())
        moved = float((to * shift >= SHIFTED).sum() / count) if count else np.nan
    if isinstance(found, Refusal):
        return found, count, moved
    traces: list[Trace] = [trace for trace in found.traces if trace != "unit_factor"]
    has_more = _record_ratio(records, before.size) >= LEAST_RECORD_RATIO
    traces += ["record_count"] if has_more else []
    is_double = found.factor == "counted twice"
    if "unit_factor" in found.traces and (has_more or not is_double):
        traces.append("unit_factor")
    if count >= FEWEST_SIBLINGS and moved >= WHOLE_SHARE:
        traces.append("whole_feed")
    return replace(found, traces=tuple(sorted(traces))), count, moved


def _record_ratio(records: Floats, at: int) -> float:
    if not np.isfinite(records).all() or records[:at].mean() == 0 or records[at:].mean() == 0:
        return 1.0
    return float(np.exp(abs(np.log(records[at:].mean() / records[:at].mean()))))


def _row(
    reading: pd.Series,
    begin: Any,
    found: Triage | Refusal,
    sibling_count: int,
    sibling_moved_share: float,
    *,
    stale: list[str],
    witness: str | None,
    suspect: str | None,
    steward: dict[str, str],
) -> dict[str, Any]:
    told: list[str] = [] if isinstance(found, Refusal) else list(found.traces)
    told += [trace for name, trace in ROW_TRACES.items() if reading[name] > 0]
    told += ["late_load"] if reading["is_late"] else []
    told += ["stale_feed"] if stale else []
    verdict = "undecided"
    if bool(told) != (witness is not None):
        verdict = "data_error" if told else "real_shift"
    is_error = verdict == "data_error"
    has_factor = not isinstance(found, Refusal) and "unit_factor" in found.traces
    return COLUMNS | {
        **{name: reading[name] for name in _KEPT},
        "shift_start_date": begin,
        "shift_sd": np.nan if isinstance(found, Refusal) else round(found.z, 6),
        "traces": "|".join(sorted(set(told))) or None,
        "factor_name": found.factor if has_factor and isinstance(found, Triage) else None,
        "corroborated_by_kpi_id": witness,
        "sibling_count": sibling_count,
        "sibling_moved_share": round(sibling_moved_share, 6),
        "verdict": verdict,
        "suspect_feed": suspect if is_error else None,
        "routed_role": "steward" if is_error else "owner",
        "routed_to": steward.get(suspect or "") if is_error else reading["owner"],
        "refusal": f"{found.reason}: {found.detail}" if isinstance(found, Refusal) else None,
    }
