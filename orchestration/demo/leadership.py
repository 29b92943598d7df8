"""What leaders plan and do, and what is expected of their units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo.plant import PRODUCTS_PER_LINE, Products
from orchestration.demo.size import day_number, day_of, random

if TYPE_CHECKING:
    from orchestration.demo.company import Company, Ints

PLAN_KINDS = ("gemba_walk", "coaching_session", "safety_observation", "review_meeting")
EVENT_KINDS = ("gemba_walk", "coaching_session", "skip_level", "safety_walk", "review_meeting")
EVENT_OF_PLAN = (0, 1, 3, 4)
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
    plans, posts = [], []
    for first, last in company.months():
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
                posts.append((max(company.units[unit].site, 0), last))
    planned = Plans(*(np.array(column) for column in zip(*plans, strict=True)))
    site, last = (np.array(column) for column in zip(*posts, strict=True))
    month_end = np.array([_month_end(day) for day in planned.month.tolist()])

    did = rng.binomial(planned.planned, company.leader_adherence[planned.leader])
    extra = rng.poisson(0.25, len(did)) * (planned.kind < 2) + rng.poisson(0.1, len(did))
    of = np.repeat(np.arange(len(did)), did + extra)
    as_planned = np.arange(len(of)) - np.repeat(np.cumsum(did + extra) - did - extra, did + extra)
    as_planned = (as_planned < did[of]).astype(np.int64)
    day = planned.month[of] + rng.integers(0, 31, len(of)) % (month_end - planned.month + 1)[of]
    weekday = (day + 3) % 7
    day = day - np.where(weekday > 4, weekday - 4, 0)
    day = np.where(day < planned.month[of], day + 3, day)
    local = day * 86_400 + rng.integers(8 * 60, 16 * 60, len(of)) * 60
    at = np.empty(len(of), np.int64)
    for n, zone in enumerate(company.zones):
        here = site[of] == n
        at[here] = zone.utc(local[here])
    kind = np.array(EVENT_OF_PLAN)[planned.kind[of]]
    kind = np.where((as_planned == 0) & (rng.random(len(of)) < 0.2), 2, kind)
    columns = (
        planned.leader[of], kind, at, day, rng.integers(3, 18, len(of)) * 5,
        rng.integers(1, 12, len(of)), site[of], as_planned, rng.integers(0, len(NOTES), len(of)),
    )  # fmt: skip
    # What lies after the last delivered day has not happened yet.
    sort = np.argsort(at, kind="stable")
    sort = sort[day[sort] <= size.last_day]
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
    pace = products.run_time_ms.reshape(-1, PRODUCTS_PER_LINE).mean(axis=1) / 1000
    rows = []
    for unit, post in enumerate(company.units):
        if post.kind == "area":
            levels = {"KPI062": _LEVELS["KPI062"]}
        elif post.kind == "line":
            levels = {k: v for k, v in _LEVELS.items() if k not in {"KPI039", "KPI049"}}
        else:
            levels = _LEVELS
        inside = [post.site] if post.site >= 0 else list(range(size.plants))
        facts = {
            name: float(np.mean([getattr(company.sites[s], name) for s in inside]))
            for name in ("availability", "performance", "scrap", "rework", "recordables", "leavers")
        }
        if post.kind == "line":
            per_unit = float(pace[int(np.flatnonzero(company.unit_of_line == unit)[0])])
        else:
            per_unit = float(np.mean(pace[np.isin(company.line_site, inside)]))
        facts["pace"] = per_unit
        for kpi, (level, direction, unit_name) in levels.items():
            base = level(facts)
            for year in years:
                rows += _versions(company, rng, kpi, unit, year, base, direction, unit_name)
    return rows


def _versions(
    company: Company,
    rng: np.random.Generator,
    kpi: str,
    unit: int,
    year: int,
    base: float,
    direction: str,
    unit_name: str,
) -> list[Target]:
    size = company.size
    start = max(day_number(day_of(size.first_day).replace(year=year, month=1, day=1)), 0)
    column = min(max(start - size.first_day, 0), company.leader_of.shape[1] - 1)
    above = max(company.units[unit].parent, 0)
    # A year's targets ask for a little more than the year before.
    ambition = 1 + 0.004 * (year - day_of(size.first_day).year)
    revised = rng.random() < 0.06
    rows = []
    for version, (valid_from, ease, reason) in enumerate(
        [(start, 1.0, "Annual targets")]
        + ([(start + 181, 0.99, "Revised at mid-year")] if revised else []),
        start=1,
    ):
        if valid_from > size.last_day:
            continue
        goal = ambition * ease
        if direction == "higher":
            cap = 0.998 if unit_name == "ratio" else np.inf
            marks = [base * 0.95 * goal, base * 1.01 * goal, base * 1.06 * goal]
            marks = [min(mark, cap - 0.004 * (2 - n)) for n, mark in enumerate(marks)]
        else:
            marks = [base * 1.20 / goal, base * 0.98 / goal, base * 0.80 / goal]
        threshold, target, stretch = (round(1_000_000 * mark) for mark in marks)
        rows.append(
            Target(
                kpi, unit, int(company.leader_of[unit, column]),
                int(company.leader_of[above, column]), year, version, threshold, target, stretch,
                direction, unit_name, valid_from, reason,
            )
        )  # fmt: skip
    return rows


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


def _month_end(day: int) -> int:
    date = day_of(day)
    return day_number(date.replace(year=date.year + date.month // 12, month=date.month % 12 + 1,
                                   day=1)) - 1  # fmt: skip
