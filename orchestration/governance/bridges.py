"""Why a site's figure is another than a month or a year ago, in parts that add up to the change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from orchestration.statistics.attribution.bridge import UNEXPLAINED, Bridge, bridge
from orchestration.statistics.attribution.drivers import DriverEffects, driver_effects
from orchestration.statistics.attribution.mix import Mix, mix_effect
from orchestration.statistics.attribution.shared import Shared, shared_change
from orchestration.statistics.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestration.statistics.spc.flat import Floats

COMPARISONS: Final = {"previous_month": 1, "previous_year": 12}
"""What a month is compared with, and how many months lie between."""
EXOGENOUS: Final = "exogenous"
MIX, SITE, LEADER, DRIVER = "mix", "site", "leader", "driver."
DIGITS: Final = 10
SAME_SUM: Final = 1e-6
"""Share of a site's sum by which its lines may miss it: sums are stored to six decimals."""

KEY: Final = ("kpi_id", "entity_kind", "entity_id", "period_kind", "period_start_date")
COLUMNS: Final = (
    *KEY, "comparison", "compared_start_date", "part", "baseline_value", "outcome_value",
    "contribution_value", "low_value", "high_value", "not_told",
)  # fmt: skip


def explain_changes(readings: pd.DataFrame, drivers: pd.DataFrame) -> pd.DataFrame:
    """Divide the change of each site's monthly reading into what made it.

    Parameters
    ----------
    readings : DataFrame, one row per KPI, site, month and unit (line, or the site itself)
        `kpi_id`, `site_id`, `period_start_date`, `unit_id`, `numerator`, `denominator`,
        `site_numerator`, `site_denominator`, `multiplier`.
    drivers : DataFrame, one row per KPI, driver, site and month
        `kpi_id`, `factor_id`, `role_code`, `site_id`, `period_start_date`, `lag_months`,
        `factor_value` (above 0).

    Returns
    -------
    DataFrame, one row per KPI, site, month, comparison and part
        `part`: `mix` (lines weigh otherwise), `driver.<factor>` (one per declared exogenous
        driver), `site` (what its lines share beyond these) and `unexplained`. The
        `contribution_value` of all parts, in the unit of the KPI, is `outcome_value` less
        `baseline_value`; the ends `low_value` and `high_value` (95 %) do not add. `not_told` of the
        part `unexplained` says what could not be taken out of it, and why. KPIs without lines and
        without drivers are left out: nothing could be told. `attrs` has the `largest_miss`.

    Notes
    -----
    The scale is the natural one, on which effects of leaders are estimated too. Mix against change
    within lines neither first (Shapley); drivers by what each site did when they moved, as
    logarithms, one month against another, levels and a common trend swept out; what lines share
    drawn towards nil as far as lines change by chance. Leaders are not in it: a published part of
    one leader's change would be a figure about a person. See `explain_changes_of_led`.
    """
    parts = []
    for kpi, panel in _panels(readings):
        declared = _drivers_of(panel, drivers[drivers["kpi_id"] == kpi])
        if not panel.is_whole or declared.names or declared.not_told:
            parts.append(_rows(kpi, panel, declared, None))
    return _together(parts)


def explain_changes_of_led(
    readings: pd.DataFrame,
    drivers: pd.DataFrame,
    led: pd.DataFrame,
    effects: pd.DataFrame,
) -> pd.DataFrame:
    """Divide the changes of sites where lines changed their leader, with a part for that.

    Parameters
    ----------
    readings, drivers : DataFrame
        As `explain_changes`.
    led : DataFrame, one row per KPI, line and month with one leader
        `kpi_id`, `line_id`, `period_start_date`, `leader_id`.
    effects : DataFrame, one row per KPI and leader
        `kpi_id`, `leader_id`, `effect_value` and `sd`, missing where leaders cannot be told apart.

    Returns
    -------
    DataFrame
        As `explain_changes`, with the part `leader`: the effect of the present leaders of the lines
        less that of those before. Comparisons in which no line changed its leader are left out.

    Notes
    -----
    About persons, so never published. Effects of leaders are taken as estimated independently; as
    what is common to them cancels in a change, the interval is rather too wide than too narrow.
    """
    parts = []
    for kpi, panel in _panels(readings):
        known = effects[(effects["kpi_id"] == kpi) & effects["effect_value"].notna()]
        if known.empty or panel.is_whole:
            continue
        leaders = _leaders_of(panel, led[led["kpi_id"] == kpi], known)
        declared = drivers[drivers["kpi_id"] == kpi]
        parts.append(_rows(kpi, panel, _drivers_of(panel, declared), leaders))
    return _together(parts)


@dataclass(frozen=True)
class _Panel:
    """One KPI: arrays by site, month and unit of the site."""

    sites: Sequence[str]
    first_month: int
    units: dict[tuple[str, str], tuple[int, int]]
    numerator: Floats  # (sites, months, units)
    denominator: Floats
    value: Floats  # (sites, months), in the unit of the KPI
    adds_up: np.ndarray  # (sites, months)
    multiplier: float
    is_whole: bool  # there are no lines, or none that add up: each site is one unit


@dataclass(frozen=True)
class _Drivers:
    names: tuple[str, ...]
    values: Floats  # (sites, months, drivers), logarithms
    effects: DriverEffects | None
    not_told: str | None


@dataclass(frozen=True)
class _Leaders:
    of_unit: np.ndarray  # (sites, months, units), number of the leader, -1 unknown
    effect: Floats  # (leaders,), NaN where it cannot be told
    sd: Floats


def _panels(readings: pd.DataFrame) -> list[tuple[str, _Panel]]:
    ordered = readings.sort_values(["kpi_id", "site_id", "unit_id", "period_start_date"])
    return [(str(kpi), _panel(group)) for kpi, group in ordered.groupby("kpi_id", sort=True)]


def _panel(group: pd.DataFrame) -> _Panel:
    month = pd.PeriodIndex(group["period_start_date"], freq="M").asi8
    site, sites = pd.factorize(group["site_id"].to_numpy(dtype=object), sort=True)
    pairs = group[["site_id", "unit_id"]].drop_duplicates()
    within = pairs.groupby("site_id").cumcount().to_numpy()
    of_site = {name: at for at, name in enumerate(sites)}
    units = {
        (str(where), str(unit)): (of_site[where], int(at))
        for where, unit, at in zip(pairs["site_id"], pairs["unit_id"], within, strict=True)
    }
    unit = np.array(
        [units[pair][1] for pair in zip(group["site_id"], group["unit_id"], strict=True)]
    )
    first = int(month.min())
    shape = (len(sites), int(month.max()) - first + 1, int(within.max()) + 1)
    tables = {}
    for name in ("numerator", "denominator"):
        tables[name] = np.full(shape, np.nan)
        tables[name][site, month - first, unit] = group[name].to_numpy(dtype=float)
    whole = {}
    for name in ("site_numerator", "site_denominator"):
        whole[name] = np.full(shape[:2], np.nan)
        whole[name][site, month - first] = group[name].to_numpy(dtype=float)
    multiplier = float(group["multiplier"].iloc[0])
    adds_up = np.ones(shape[:2], dtype=bool)
    for name, table in tables.items():
        missed = np.abs(np.nansum(table, axis=2) - whole[f"site_{name}"])
        adds_up &= ~(missed > SAME_SUM * np.maximum(1.0, np.abs(whole[f"site_{name}"])))
    return _Panel(
        sites=[str(one) for one in sites],
        first_month=first,
        units=units,
        **tables,
        value=whole["site_numerator"] / whole["site_denominator"] * multiplier,
        adds_up=adds_up,
        multiplier=multiplier,
        # Lines that share an order count it each: they never add up to their site.
        is_whole=all(where == unit for where, unit in units) or not adds_up.any(),
    )


def _drivers_of(panel: _Panel, declared: pd.DataFrame) -> _Drivers:
    declared = declared[declared["role_code"] == EXOGENOUS]
    names = tuple(sorted(str(one) for one in declared["factor_id"].unique()))
    n_sites, n_months = panel.value.shape
    values = np.full((n_sites, n_months, len(names)), np.nan)
    if not names:
        return _Drivers(names, values, None, None)
    month = pd.PeriodIndex(declared["period_start_date"], freq="M").asi8
    at = month + declared["lag_months"].to_numpy(dtype=int) - panel.first_month
    of_site = {name: number for number, name in enumerate(panel.sites)}
    site = np.array([of_site.get(one, -1) for one in declared["site_id"]])
    name = np.array([names.index(str(one)) for one in declared["factor_id"]])
    inside = (site >= 0) & (at >= 0) & (at < n_months)
    logs = np.log(declared["factor_value"].to_numpy(dtype=float))
    values[site[inside], at[inside], name[inside]] = logs[inside]
    found = driver_effects(
        panel.value.ravel(),
        values.reshape(-1, len(names)),
        np.repeat(np.arange(n_sites), n_months),
        np.tile(np.arange(n_months), n_sites),
        names=names,
    )
    if isinstance(found, Refusal):
        return _Drivers((), values[..., :0], None, f"drivers: {found.detail}")
    return _Drivers(names, values, found, None)


def _leaders_of(panel: _Panel, led: pd.DataFrame, known: pd.DataFrame) -> _Leaders:
    names = sorted({str(one) for one in led["leader_id"]})
    number = {name: at for at, name in enumerate(names)}
    of_unit = np.full(panel.numerator.shape, -1)
    n_months = panel.value.shape[1]
    place = {unit: where for (_, unit), where in panel.units.items()}
    month = pd.PeriodIndex(led["period_start_date"], freq="M").asi8 - panel.first_month
    for line, at, leader in zip(led["line_id"], month, led["leader_id"], strict=True):
        where = place.get(str(line))
        if where is not None and 0 <= at < n_months:
            of_unit[where[0], at, where[1]] = number[str(leader)]
    by_name = known.set_index(known["leader_id"].astype(str))[["effect_value", "sd"]]
    table = by_name.reindex(names).to_numpy(dtype=float)
    return _Leaders(of_unit, table[:, 0], table[:, 1])


@dataclass(frozen=True)
class _Divided:
    """Bridges of all sites and months, one row each."""

    found: Bridge
    keep: np.ndarray  # (rows, parts), whether the part is told
    notes: np.ndarray  # (rows,), text


def _rows(
    kpi: str, panel: _Panel, drivers: _Drivers, leaders: _Leaders | None
) -> list[pd.DataFrame]:
    return [
        _frame(kpi, panel, _compared(panel, drivers, leaders, lag), comparison)
        for comparison, lag in COMPARISONS.items()
        if panel.value.shape[1] > lag
    ]


def _compared(panel: _Panel, drivers: _Drivers, leaders: _Leaders | None, lag: int) -> _Divided:
    n_sites, n_months, k = panel.numerator.shape
    rows = n_sites * (n_months - lag)

    def pair(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        flat = (rows, *table.shape[2:])
        return table[:, :-lag].reshape(flat), table[:, lag:].reshape(flat)

    before, after = pair(panel.value)
    adds_up = np.logical_and(*pair(panel.adds_up))
    parts, sds, told = {}, {}, {}
    notes = np.full(rows, "", dtype=object)
    _note(notes, drivers.not_told, np.ones(rows, dtype=bool))
    _note(notes, "mix: the lines do not add up to the site", ~adds_up)
    (n0, n1), (d0, d1) = pair(panel.numerator), pair(panel.denominator)
    mix = mix_effect(n0, d0, n1, d1)
    if isinstance(mix, Refusal):
        # Of a KPI whose denominators may be negative, or are all 0, nothing has a share.
        _note(notes, f"mix: {mix.detail}", np.ones(rows, dtype=bool))
        mix = mix_effect(*(np.full((rows, k), np.nan) for _ in range(4)))
        adds_up = np.zeros(rows, dtype=bool)
    assert isinstance(mix, Mix)  # nothing is negative or infinite any more
    with np.errstate(invalid="ignore", divide="ignore"):
        change = panel.multiplier * (n1 / d1 - n0 / d0)
    weight = np.where(adds_up[:, None], np.nan_to_num(mix.weight), 0.0)
    # Where lines say nothing the whole site is what drivers bear on.
    continuing = np.where(adds_up & (not panel.is_whole), weight.sum(axis=1), 1.0)
    by_driver, change = _by_drivers(drivers, pair(drivers.values), change, notes)
    for name, (effect, sd, is_known) in by_driver.items():
        parts[DRIVER + name], sds[DRIVER + name] = effect * continuing, sd * continuing
        told[DRIVER + name] = is_known
    changed = np.ones(rows, dtype=bool)
    if leaders is not None:
        effect, sd, change, changed = _by_leaders(
            leaders, pair(leaders.of_unit), weight, change, notes
        )
        parts[LEADER], sds[LEADER] = effect, sd
    shared = None if panel.is_whole else shared_change(change, weight)
    # What drivers and leaders are credited with in error, the site and the rest have too little.
    from_others = sum((sd**2 for sd in sds.values()), np.zeros(rows))
    own_share, own_sd = np.zeros(rows), np.zeros(rows)
    if isinstance(shared, Shared):
        own_share, own_sd = np.nan_to_num(shared.own_share), np.nan_to_num(shared.sd)
        parts[SITE] = np.nan_to_num(shared.shared)
        sds[SITE] = np.sqrt(own_sd**2 + own_share**2 * from_others)
        told[SITE] = np.isfinite(shared.shared)
        # A line's mean of two months varies a quarter as much as their difference.
        noise = np.sqrt(shared.within / 4 * (np.nan_to_num(mix.gain) ** 2).sum(axis=1))
    else:
        said = "each site is read as a whole" if shared is None else shared.detail
        _note(notes, f"site: {said}", np.ones(rows, dtype=bool))
        noise = np.zeros(rows)
    if not panel.is_whole:
        parts[MIX] = np.where(adds_up, np.nan_to_num(mix.mix), 0.0) * panel.multiplier
        sds[MIX] = np.where(adds_up, noise, 0.0)
        told[MIX] = adds_up
    order = sorted(parts, key=lambda name: (name != MIX, not name.startswith(DRIVER), name))
    found = bridge(
        before,
        after,
        {name: parts[name] for name in order},
        {name: sds[name] for name in order},
        unexplained_sd=np.sqrt(
            own_sd**2 + (1 - own_share) ** 2 * from_others + sds.get(MIX, np.zeros(rows)) ** 2
        ),
    )
    assert isinstance(found, Bridge)  # readings are finite: their denominators are > 0
    keep = np.isfinite(before) & np.isfinite(after) & changed
    is_told = np.array([told.get(name, np.ones(rows, dtype=bool)) for name in found.parts]).T
    return _Divided(found, keep[:, None] & is_told, notes)


def _note(notes: np.ndarray, said: str | None, where: np.ndarray) -> None:
    if said:
        for at in np.flatnonzero(where):
            notes[at] = f"{notes[at]}; {said}" if notes[at] else said


def _by_drivers(
    drivers: _Drivers,
    values: tuple[Floats, Floats],
    change: Floats,
    notes: np.ndarray,
) -> tuple[dict[str, tuple[Floats, Floats, np.ndarray]], Floats]:
    """Return effect and error of each driver, where it is known, and what lines changed beyond."""
    found = {}
    for at, name in enumerate(drivers.names):
        assert drivers.effects is not None  # names are those of estimated drivers
        moved = values[1][:, at] - values[0][:, at]
        _note(notes, f"{DRIVER}{name}: not known in both months", np.isnan(moved))
        is_known = np.isfinite(moved)
        moved = np.nan_to_num(moved)
        effect = moved * drivers.effects.coefficient[at]
        found[name] = (effect, np.abs(moved) * drivers.effects.sd[at], is_known)
        change = change - effect[:, None]
    return found, change


def _by_leaders(
    leaders: _Leaders,
    of_unit: tuple[np.ndarray, np.ndarray],
    weight: Floats,
    change: Floats,
    notes: np.ndarray,
) -> tuple[Floats, Floats, Floats, np.ndarray]:
    """Return effect and error of changes of leaders, the rest, and which sites had such changes."""
    then, now = of_unit
    effect = np.append(leaders.effect, np.nan)
    is_new = (then != now) & (weight > 0)
    is_told = is_new & np.isfinite(effect[then]) & np.isfinite(effect[now])
    _note(
        notes,
        "leader: some changes of leaders cannot be told from their lines",
        (is_new & ~is_told).any(axis=1),
    )
    gain = np.where(is_told, effect[now] - effect[then], 0.0)
    # How much of each leader came or went: who moves between two lines of a site cancels.
    share = np.zeros((len(weight), effect.size))
    row = np.broadcast_to(np.arange(len(weight))[:, None], weight.shape)
    np.add.at(share, (row[is_told], now[is_told]), weight[is_told])
    np.subtract.at(share, (row[is_told], then[is_told]), weight[is_told])
    variance = np.nan_to_num(np.append(leaders.sd, np.nan)) ** 2
    return (
        (weight * gain).sum(axis=1),
        np.sqrt(share**2 @ variance),
        change - gain,
        is_told.any(axis=1),
    )


def _frame(kpi: str, panel: _Panel, divided: _Divided, comparison: str) -> pd.DataFrame:
    found, keep, notes = divided.found, divided.keep, divided.notes
    lag = COMPARISONS[comparison]
    n_months = panel.value.shape[1]
    months = pd.PeriodIndex.from_ordinals(
        np.arange(panel.first_month, panel.first_month + n_months), freq="M"
    ).to_timestamp()
    sites = np.repeat(np.array(panel.sites, dtype=object), n_months - lag)
    before, after = found.before.round(DIGITS), found.after.round(DIGITS)
    parts = np.where(keep, found.contribution, 0.0).round(DIGITS)
    # Rounded parts too add up: what rounding leaves is unexplained.
    parts[:, -1] = (after - before) - parts[:, :-1].sum(axis=1)
    half = (found.high - found.low) / 2
    at, part = np.nonzero(keep)
    is_noted = (part == len(found.parts) - 1) & (notes[at] != "")
    said = notes[at]
    said[~is_noted] = None
    columns: dict[str, Any] = {
        "kpi_id": kpi,
        "entity_kind": "site",
        "entity_id": sites[at],
        "period_kind": "month",
        "period_start_date": np.tile(months[lag:], len(panel.sites))[at],
        "comparison": comparison,
        "compared_start_date": np.tile(months[:-lag], len(panel.sites))[at],
        "part": np.array(found.parts, dtype=object)[part],
        "baseline_value": before[at],
        "outcome_value": after[at],
        "contribution_value": parts[at, part],
        "low_value": (parts - half)[at, part].round(DIGITS),
        "high_value": (parts + half)[at, part].round(DIGITS),
        "not_told": said,
    }
    return pd.DataFrame(columns)


def _together(parts: list[list[pd.DataFrame]]) -> pd.DataFrame:
    frames = [frame for of_kpi in parts for frame in of_kpi if len(frame)]
    if not frames:
        return pd.DataFrame(columns=list(COLUMNS), dtype="object")
    found = pd.concat(frames, ignore_index=True)[list(COLUMNS)]
    found.attrs = {"largest_miss": largest_miss(found)}
    return found


def largest_miss(bridges: pd.DataFrame) -> float:
    """Return by how much the parts of any change miss it: rounding, or something is wrong."""
    if bridges.empty:
        return 0.0
    sums = bridges.groupby([*KEY, "comparison"], sort=False).agg(
        parts=("contribution_value", "sum"),
        before=("baseline_value", "first"),
        after=("outcome_value", "first"),
    )
    return float((sums["parts"] - (sums["after"] - sums["before"])).abs().max())


__all__ = ["COMPARISONS", "UNEXPLAINED", "explain_changes", "explain_changes_of_led"]
