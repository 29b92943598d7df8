"""Hours worked, incidents as a Poisson process on them, and what leaders saw on safety walks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo.size import WORKDAYS, random, weekday

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestration.demo.company import Company, Floats, Ints
    from orchestration.demo.leadership import Events
    from orchestration.demo.people import Employment

FATALITY, DAFW, DJTR, OTHER, FIRST_AID, NEAR_MISS = range(6)
CLASSES = ("fatality", "dafw", "djtr", "other_recordable", "first_aid", "near_miss")
RECORDABLE_MIX = (0.0, 0.30, 0.20, 0.50)
FIRST_AID_PER_RECORDABLE, NEAR_MISS_PER_RECORDABLE = 3.0, 7.0
HOURS_PER_WEEKDAY = 7.4
SERIOUS_LOST_DAYS = 14
FIRST_CALLED_FIRST_AID = 0.33
SEVERITIES = ("none", "minor", "moderate", "serious", "fatal")
BODY_PARTS = ("hand", "eye", "back", "foot", "head", "arm")
RISKS = ("machinery", "lifting", "vehicles", "height", "chemicals")
WORDS = (
    "Cut on a sheet edge while changing the tool",
    "Slipped on coolant, caught himself at the rail",
    'Guard was open although the display said "closed"',
    "Pallet fell from the fork, nobody was below",
    "Dust in the eye during cleaning",
    "Strained back, lifting a fixture alone",
)

SAFE, UNSAFE_ACT, UNSAFE_CONDITION = range(3)
SEEN = ("safe", "unsafe_act", "unsafe_condition")
SEEN_MIX = (0.62, 0.14, 0.24)
COACHED_SHARE = 0.8  # of the unsafe acts
SAFETY_WALK = 3  # among the kinds of leaders' activities
CATEGORIES = ("ppe", "machine_guard", "lifting", "housekeeping", "traffic")
SEEN_WORDS = (
    "Gloves worn at the deburring bench",
    "Light curtain bypassed with a bracket, removed at once",
    "Walkway kept clear",
    "Load lifted by two, as agreed",
    "Fork truck waited at the crossing",
)


@dataclass(frozen=True)
class Observations:
    """One row per observation, in time order."""

    leader: Ints
    site: Ints
    at: Ints
    day: Ints
    kind: Ints
    category: Ints
    coached: Ints
    words: Ints


@dataclass(frozen=True)
class Hours:
    """One row per site, month and kind of person (0 own staff, 1 contractors)."""

    site: Ints
    month: Ints  # first day
    kind: Ints
    tenths: Ints
    heads_tenths: Ints


@dataclass(frozen=True)
class Incidents:
    """One row per version of a report, ordered by the instant it was written."""

    number: Ints
    version: Ints
    site: Ints
    area: Ints
    occurred: Ints
    reported: Ints
    written: Ints
    day: Ints
    contractor: Ints
    case: Ints
    actual: Ints
    potential: Ints
    lost_days: Ints
    restricted_days: Ints
    body_part: Ints
    risk: Ints
    words: Ints
    closed: Ints


def work_hours(company: Company, employments: list[Employment]) -> tuple[Hours, Floats]:
    """Return monthly hours, and daily hours by site and kind, shape (plants, 2, days)."""
    size = company.size
    span = size.last_day - size.first_day + 1
    fte, heads = np.zeros((2, size.plants, 2, span + 1))
    for job in employments:
        first = max(job.hired - size.first_day, 0)
        last = min(job.last - size.first_day, span - 1)
        if first <= last:
            kind = int(job.contingent)
            for total, part in ((fte, job.fte_milli / 1000), (heads, 1.0)):
                total[job.site, kind, first] += part
                total[job.site, kind, last + 1] -= part
    fte, heads = (np.cumsum(total, axis=2)[:, :, :span] for total in (fte, heads))
    days = np.arange(size.first_day, size.last_day + 1)
    daily = fte * np.where(weekday(days) < WORKDAYS, HOURS_PER_WEEKDAY, 0.0)
    rows = []
    for first, last in company.months():
        part = slice(first - size.first_day, last - size.first_day + 1)
        for site in range(size.plants):
            rows += [
                (
                    site,
                    first,
                    kind,
                    round(10 * float(daily[site, kind, part].sum())),
                    round(10 * float(heads[site, kind, part].mean())),
                )
                for kind in (0, 1)
                # Nobody writes down that those who were not there worked no hours.
                if heads[site, kind, part].any()
            ]
    return Hours(*(np.array(column) for column in zip(*rows, strict=True))), daily


def incidents(company: Company, daily: Floats) -> Incidents:
    """Draw incidents from the hours of each day, and the versions of their reports."""
    size, rng = company.size, random(company.seed, "safety")
    rate = np.array([s.recordables for s in company.sites]) / 200_000
    per_class = np.array([*RECORDABLE_MIX, FIRST_AID_PER_RECORDABLE, NEAR_MISS_PER_RECORDABLE])
    expected = rate[:, None, None, None] * daily[:, :, None, :] * per_class[None, None, :, None]
    number = rng.poisson(expected)
    grid = [np.repeat(axis.ravel(), number.ravel()) for axis in np.indices(number.shape)]
    site, kind, case, column = (axis[np.argsort(grid[3], kind="stable")] for axis in grid)
    count = len(site)
    local = (size.first_day + column) * 86_400 + rng.integers(6 * 60, 22 * 60, count) * 60
    occurred = _by_site(site, local, [zone.utc for zone in company.zones])
    reported = occurred + rng.integers(20, 60 * 40, count) * 60
    lost = np.where(case == DAFW, rng.integers(1, 30, count), 0)
    restricted = np.where(case == DJTR, rng.integers(1, 20, count), 0)
    harmless = [case == NEAR_MISS, case == FIRST_AID, lost > SERIOUS_LOST_DAYS]
    actual = np.select(harmless, [0, 1, 3], 2)
    # Some first reports of recordables call them first aid, until the doctor has spoken.
    doubtful = (case <= OTHER) & (rng.random(count) < FIRST_CALLED_FIRST_AID)
    closing = reported + rng.integers(5, 35, count) * 86_400

    # Two versions of each report: as written first, and as closed.
    one = np.ones(count, np.int64)
    written = np.r_[reported, closing]
    twice = np.tile(site, 2)
    offsets = _by_site(twice, written, [zone.offset for zone in company.zones])
    versions = {
        "number": np.tile(np.arange(count), 2),
        "version": np.r_[one, 2 * one],
        "site": twice,
        "area": np.tile(rng.integers(0, 5, count), 2),
        "occurred": np.tile(occurred, 2),
        "reported": np.tile(reported, 2),
        "written": written,
        "day": (written + offsets) // 86_400,
        "contractor": np.tile(kind, 2),
        "case": np.r_[np.where(doubtful, FIRST_AID, case), case],
        "actual": np.tile(actual, 2),
        "potential": np.tile(np.minimum(actual + rng.integers(0, 3, count), 4), 2),
        "lost_days": np.r_[np.where(doubtful, 0, lost), lost],
        "restricted_days": np.r_[np.where(doubtful, 0, restricted), restricted],
        "body_part": np.tile(
            np.where(case == NEAR_MISS, -1, rng.integers(0, len(BODY_PARTS), count)), 2
        ),
        "risk": np.tile(rng.integers(0, len(RISKS), count), 2),
        "words": np.tile(rng.integers(0, len(WORDS), count), 2),
        "closed": np.r_[0 * one, one],
    }
    sort = np.lexsort((versions["version"], versions["number"], written))
    return Incidents(**{name: values[sort] for name, values in versions.items()})


def observations(company: Company, log: Events) -> Observations:
    """Draw what leaders saw: one observation on each safety walk that they logged."""
    rng = random(company.seed, "observations")
    walks = np.flatnonzero(log.kind == SAFETY_WALK)
    kind = rng.choice(len(SEEN), len(walks), p=SEEN_MIX)
    coached = (kind == UNSAFE_ACT) & (rng.random(len(walks)) < COACHED_SHARE)
    return Observations(
        leader=log.leader[walks],
        site=log.site[walks],
        at=log.at[walks] + 60 * (log.minutes[walks] // 2),
        day=log.day[walks],
        kind=kind,
        category=rng.integers(0, len(CATEGORIES), len(walks)),
        coached=coached.astype(np.int64),
        words=rng.integers(0, len(SEEN_WORDS), len(walks)),
    )


def _by_site(site: Ints, values: Ints, convert: list[Callable[[Ints], Ints]]) -> Ints:
    """Return the values, each converted the way of its site."""
    result = np.empty_like(values)
    for number, function in enumerate(convert):
        here = site == number
        result[here] = function(values[here])
    return result
