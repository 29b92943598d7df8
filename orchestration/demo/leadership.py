"""What leaders plan and do, and what is expected of their units."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo.plant import PRODUCTS_PER_LINE, Products
from orchestration.demo.size import WORKDAYS, day_number, day_of, random, to_workday, weekday
from orchestration.demo.text import OPEN

if TYPE_CHECKING:
    from orchestration.demo.company import Company, Ints

PLAN_KINDS = ("gemba_walk", "coaching_session", "safety_observation", "review_meeting")
EVENT_KINDS = ("gemba_walk", "coaching_session", "skip_level", "safety_walk", "review_meeting")
GEMBA, COACHING, SKIP_LEVEL = range(3)
EVENT_OF_PLAN = (0, 1, 3, 4)
SKIP_LEVEL_SHARE = 0.2  # of what was not planned
REVISED_SHARE = 0.06  # of the annual targets, at mid-year
# With this daily delivery comes a new target for the OEE of the first line.
TARGET_DELIVERY = 6
PLANNED = {
    "line": (8, 4, 2, 4),
    "area": (4, 4, 2, 4),
    "site": (6, 3, 2, 4),
    "enterprise": (2, 2, 1, 4),
}
NOTES = (
    "",
    "Checked the board at the line",
    "Follow-up agreed with the team",
    "Talked about tools",
)


@dataclass(frozen=True)
class Plans:
    """One row per leader, kind and month."""

    leader: Ints
    kind: Ints
    month: Ints
    planned: Ints
    absence: Ints


@dataclass(frozen=True)
class Events:
    """One row per logged activity, in time order."""

    leader: Ints
    kind: Ints
    at: Ints
    day: Ints
    minutes: Ints
    participants: Ints
    site: Ints
    planned: Ints
    notes: Ints


@dataclass(frozen=True)
class Target:
    """One version of what is expected of a unit; values in millionths."""

    kpi: str
    unit: int
    owner: int
    approver: int
    period: int
    version: int
    threshold: int
    target: int
    stretch: int
    direction: str
    unit_name: str
    valid_from: int
    reason: str


def lead(company: Company) -> tuple[Plans, Events]:
    """Draw the plans of every month and what came of them."""
    size, rng = company.size, random(company.seed, "leadership")
    plans, site_of = [], []
    for first, _ in company.months():
        column = first - size.first_day
        held: dict[int, int] = {}
        for unit in range(len(company.units)):
            held.setdefault(int(company.leader_of[unit, column]), unit)
        for leader, unit in sorted(held.items()):
            absence = int(rng.choice([0, 0, 0, 2, 5, 10]))
            share = 1 - absence / 25
            for kind, often in enumerate(PLANNED[company.units[unit].kind]):
                # The last month is partly over: its plan is still the plan of the whole month.
                plans.append((leader, kind, first, max(1, round(often * share)), absence))
                site_of.append(max(company.units[unit].site, 0))
    planned = Plans(*(np.array(column) for column in zip(*plans, strict=True)))
    site = np.array(site_of)
    month_end = np.array([_month_end(day) for day in planned.month.tolist()])

    did = rng.binomial(planned.planned, company.leader_adherence[planned.leader])
    extra = rng.poisson(0.25, len(did)) * (planned.kind <= COACHING) + rng.poisson(0.1, len(did))
    of = np.repeat(np.arange(len(did)), did + extra)
    as_planned = np.arange(len(of)) - np.repeat(np.cumsum(did + extra) - did - extra, did + extra)
    as_planned = (as_planned < did[of]).astype(np.int64)
    day = planned.month[of] + rng.integers(0, 31, len(of)) % (month_end - planned.month + 1)[of]
    back = np.maximum(weekday(day) - WORKDAYS + 1, 0)
    # What falls on a weekend is done on the Friday before, or after when that is another month.
    day = np.where(day - back < planned.month[of], to_workday(day), day - back)
    local = day * 86_400 + rng.integers(8 * 60, 16 * 60, len(of)) * 60
    at = np.empty(len(of), np.int64)
    for n, zone in enumerate(company.zones):
        here = site[of] == n
        at[here] = zone.utc(local[here])
    kind = np.array(EVENT_OF_PLAN)[planned.kind[of]]
    kind = np.where((as_planned == 0) & (rng.random(len(of)) < SKIP_LEVEL_SHARE), SKIP_LEVEL, kind)
    columns = (
        planned.leader[of],
        kind,
        at,
        day,
        rng.integers(3, 18, len(of)) * 5,
        rng.integers(1, 12, len(of)),
        site[of],
        as_planned,
        rng.integers(0, len(NOTES), len(of)),
    )
    # What lies after the last delivered day has not happened yet; who has left logs nothing.
    sort = np.argsort(at, kind="stable")
    gone = np.array([company.leader_exit.get(n, OPEN) for n in range(size.leaders)])
    sort = sort[day[sort] <= np.minimum(size.last_day, gone[planned.leader[of]][sort])]
    return planned, Events(*(column[sort] for column in columns))


def next_month(company: Company, plans: Plans) -> Plans:
    """Return the plan of the month after the last one: as before, nobody absent yet."""
    first = _month_end(company.size.last_day) + 1
    latest = plans.month == plans.month.max()
    kind = np.array([PLANNED[_post(company, leader)] for leader in plans.leader[latest].tolist()])
    which = plans.kind[latest]
    return Plans(
        plans.leader[latest],
        which,
        np.full(len(which), first),
        kind[np.arange(len(which)), which],
        np.zeros(len(which), np.int64),
    )


def _post(company: Company, leader: int) -> str:
    held = np.flatnonzero(company.leader_of[:, -1] == leader)
    return company.units[int(held[0])].kind if len(held) else "line"


def targets(company: Company, products: Products) -> list[Target]:
    """Return threshold, target and stretch of each year for the enterprise, sites and lines."""
    size, rng = company.size, random(company.seed, "targets")
    years = range(day_of(size.first_day).year, day_of(size.last_day).year + 1)
    rows = []
    for unit, post in enumerate(company.units):
        facts = _level_of(company, products, unit)
        for kpi, (level, _, _) in _LEVELS.items():
            if kpi in _NOT_FOR[post.kind]:
                continue
            base = level(facts)
            for year in years:
                start = day_number(date(year, 1, 1))
                versions = [(start, 1.0, "Annual targets")]
                if rng.random() < REVISED_SHARE:
                    versions.append((day_number(date(year, 7, 1)), 0.99, "Revised at mid-year"))
                rows += [
                    _target(company, (kpi, unit, year), base, number, version)
                    for number, version in enumerate(versions, start=1)
                ]
    oee = [t for t in rows if t.kpi == "KPI006" and t.unit == company.unit_of_line[0]][-1]
    revision = (size.cut + TARGET_DELIVERY, 1.02, "Raised after the pilot")
    rows.append(
        _target(
            company,
            (oee.kpi, oee.unit, oee.period),
            _LEVELS["KPI006"][0](_level_of(company, products, oee.unit)),
            oee.version + 1,
            revision,
        )
    )
    return [target for target in rows if target.valid_from <= size.last_day]


def _level_of(company: Company, products: Products, unit: int) -> dict[str, float]:
    """Return the baselines of a unit: its site's, or the mean of all sites."""
    post = company.units[unit]
    inside = [post.site] if post.site >= 0 else list(range(company.size.plants))
    facts = {
        name: float(np.mean([getattr(company.sites[s], name) for s in inside]))
        for name in ("availability", "performance", "scrap", "rework", "recordables", "leavers")
    }
    lines = np.flatnonzero(
        company.unit_of_line == unit if post.kind == "line" else np.isin(company.line_site, inside)
    )
    pace = products.run_time_ms.reshape(-1, PRODUCTS_PER_LINE)[lines].mean() / 1000
    return facts | {"pace": float(pace)}


def _target(
    company: Company,
    key: tuple[str, int, int],
    base: float,
    number: int,
    version: tuple[int, float, str],
) -> Target:
    kpi, unit, year = key
    valid_from, ease, reason = version
    size = company.size
    _, direction, unit_name = _LEVELS[kpi]
    # A year's targets ask for a little more than the year before.
    goal = ease * (1 + 0.004 * (year - day_of(size.first_day).year))
    if direction == "higher":
        cap = 0.998 if unit_name == "ratio" else np.inf
        marks = [base * 0.95 * goal, base * 1.01 * goal, base * 1.06 * goal]
        marks = [min(mark, cap - 0.004 * (2 - n)) for n, mark in enumerate(marks)]
    else:
        marks = [base * 1.20 / goal, base * 0.98 / goal, base * 0.80 / goal]
    threshold, target, stretch = (round(1_000_000 * mark) for mark in marks)
    column = min(max(valid_from - size.first_day, 0), company.leader_of.shape[1] - 1)
    above = max(company.units[unit].parent, 0)
    return Target(
        kpi=kpi,
        unit=unit,
        owner=int(company.leader_of[unit, column]),
        approver=int(company.leader_of[above, column]),
        period=year,
        version=number,
        threshold=threshold,
        target=target,
        stretch=stretch,
        direction=direction,
        unit_name=unit_name,
        valid_from=valid_from,
        reason=reason,
    )


_LEVELS = {
    "KPI003": (
        lambda f: 3600 / f["pace"] * f["availability"] * f["performance"],
        "higher",
        "units_per_hour",
    ),
    "KPI006": (
        lambda f: f["availability"] * f["performance"] * (1 - f["scrap"] - f["rework"]),
        "higher",
        "ratio",
    ),
    "KPI008": (lambda f: f["availability"], "higher", "ratio"),
    "KPI009": (lambda f: f["performance"], "higher", "ratio"),
    "KPI010": (lambda f: 1 - f["scrap"] - f["rework"], "higher", "ratio"),
    "KPI015": (lambda f: 1 - f["scrap"] - f["rework"], "higher", "ratio"),
    "KPI016": (lambda f: f["scrap"], "lower", "ratio"),
    "KPI017": (lambda f: f["rework"], "lower", "ratio"),
    "KPI037": (lambda _: 0.82, "higher", "ratio"),
    "KPI039": (lambda f: f["recordables"], "lower", "cases_per_200k_hours"),
    "KPI049": (lambda _: 0.88, "higher", "ratio"),
    "KPI053": (lambda f: f["leavers"], "lower", "ratio_per_month"),
    "KPI062": (lambda _: 0.82, "higher", "ratio"),
}


_NOT_FOR = {
    "enterprise": set(),
    "site": set(),
    "area": set(_LEVELS) - {"KPI062"},
    "line": {"KPI039", "KPI049"},
}


def _month_end(day: int) -> int:
    today = day_of(day)
    following = date(today.year + today.month // 12, today.month % 12 + 1, 1)
    return day_number(following) - 1
