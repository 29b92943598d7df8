"""The company's KPIs without its files: drawn from the same model, fast enough for 200 seeds.

`line_oee` is what the files come from: the same sites, effects and formulas, without machines and
luck. `readings` gives it a company whose effects are planted in points of OEE, and draws beside it
what detectors look for. Each plant has a stream of its own and a null switch, so that switching one
off moves no other draw.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo.company import Company, Floats, Ints, found
from orchestration.demo.plant import AVAILABILITY_RANGE
from orchestration.demo.size import DEFAULT, DemoSize, Site, random

if TYPE_CHECKING:
    from collections.abc import Sequence

POINTS = 100.0
"""Points of a ratio of 1."""

LEVEL = 0.65
"""OEE of a site without its own deviation."""

ACROSS_SITES = 0.3
"""Of the moves of leaders; the others stay within a site."""

SPELL, SHORTEST_SPELL = 12, 5
"""Months that a leader has a line, on average and at least."""

NEWCOMER_MONTHS = (3, 2)
"""How long the two leaders are in post who are too new to be judged."""

SLUMP_MONTHS = 4
WEEKS = 156
WEEKLY_MEMORY = 0.7
LEAD_WEEKS = 3
DUE_HOURS = 48.0


@dataclass(frozen=True)
class Plants:
    """What is planted, and how strongly; 0 is the null switch of each.

    Attributes
    ----------
    leaders, lines, sites, residual : float
        Standard deviations, in points of OEE.
    memory : float
        Of the residual from month to month.
    slump : float
        Points of OEE that one line loses in the `SLUMP_MONTHS` before it gets a new leader, who
        has no effect at all.
    gamed : float
        Share of answers up to four hours late that are booked just in time.
    conflict, lead : float
        Share of the variance of one KPI's shocks that another's make, at once and against it, or
        `LEAD_WEEKS` later.
    redundant : float
        Correlation of what two KPIs of one thing measure from week to week.
    """

    leaders: float = 1.0
    lines: float = 1.5
    sites: float = 1.0
    residual: float = 2.0
    memory: float = 0.5
    slump: float = 3.0
    gamed: float = 1 / 3
    conflict: float = 1 / 3
    lead: float = 1 / 3
    redundant: float = 0.97


PLANTED = Plants()


@dataclass(frozen=True)
class LineMonths:
    """OEE of lines by month, and the truth behind it; rows of all arrays are line-months.

    Attributes
    ----------
    oee : ndarray, shape (n,)
        Points.
    leader, line, site, month : ndarray of int, shape (n,)
    effect : ndarray, shape (leaders,)
        Points that a leader adds.
    newcomers : tuple of int
        Leaders under four months in post.
    after_slump : int
        The leader appointed after the slump.
    still_site : int
        The site at which nobody moved.
    """

    oee: Floats
    leader: Ints
    line: Ints
    site: Ints
    month: Ints
    effect: Floats
    newcomers: tuple[int, ...]
    after_slump: int
    still_site: int


@dataclass(frozen=True)
class Weekly:
    """Weekly KPIs, shape (weeks, names), all with a trend and a memory of their own.

    ``speed`` is bought with ``rework`` (a goal conflict); ``training`` leads ``yield`` by
    `LEAD_WEEKS`; ``weather`` is believed to, and leads nothing; ``faults`` and ``fault_rate`` say
    the same.
    """

    names: tuple[str, ...]
    directions: tuple[int, ...]
    values: Floats

    def of(self, *names: str) -> Floats:
        """Return some of the columns."""
        return self.values[:, [self.names.index(name) for name in names]]


@dataclass(frozen=True)
class Readings:
    """All that is drawn of one seed; `answer_hours` is one value an event, due at `DUE_HOURS`."""

    line_months: LineMonths
    weekly: Weekly
    answer_hours: Floats


def readings(seed: int, plants: Plants = PLANTED, size: DemoSize = DEFAULT) -> Readings:
    """Draw the KPI-level data of a company.

    Parameters
    ----------
    seed : int
    plants : Plants
    size : DemoSize
        Sites, lines and months of history.

    Returns
    -------
    Readings
        About 20 ms of processor time for the default size.
    """
    return Readings(
        line_months=line_months(seed, plants, size),
        weekly=weekly(seed, plants),
        answer_hours=answer_hours(seed, plants),
    )


def line_oee(company: Company, spans: Sequence[tuple[int, int]]) -> Floats:
    """Return the OEE of each line over spans of days that its model expects.

    Availability x performance x quality of the site, times all effects planted on each, without
    the luck of days, machines and products; every day of a span counts alike.

    Parameters
    ----------
    company : Company
    spans : sequence of (int, int)
        First and last day, as `Company.months` gives them.

    Returns
    -------
    ndarray, shape (lines, spans)
        Shares.
    """
    of_site = [company.sites[site] for site in company.line_site]
    first, last = spans[0][0], spans[-1][1]
    availability, performance, scrap = (
        np.array([getattr(site, measure) for site in of_site])[:, None]
        * company.line_effects(measure, first, last)
        for measure in ("availability", "performance", "scrap")
    )
    machines = np.bincount(company.machine_line, minlength=len(company.line_ids))
    speed = np.bincount(company.machine_line, company.machine_factor) / machines
    rework = np.array([site.rework for site in of_site])[:, None]
    daily = (
        np.clip(availability, *AVAILABILITY_RANGE)
        * performance
        * speed[:, None]
        * (1 - scrap - rework)
    )
    starts = [begin - first for begin, _ in spans]
    days = [end - begin + 1 for begin, end in spans]
    return np.asarray(np.add.reduceat(daily, starts, axis=1) / days)


def line_months(seed: int, plants: Plants = PLANTED, size: DemoSize = DEFAULT) -> LineMonths:
    """Draw OEE by line and month: the model of the files with effects planted in points.

    Leaders swap lines so that spells last about twelve months, three moves in ten across sites; at
    the last site nobody moves. Shocks, process shifts and the pilot of the files are left out.
    """
    rng = random(seed, "readings")
    company = found(seed, size, pilot_factor=1)
    lines, spans = len(company.line_ids), company.months()[: size.history_months]
    lead, newcomers, after_slump, slumped, appointed = _who_leads(rng, company, len(spans))
    still_site = int(company.line_site[-1])
    effect = plants.leaders * rng.standard_normal(int(lead.max()) + 1)
    effect[after_slump] = 0.0
    planted = _planted(company, plants, rng, lead, effect, spans=spans)
    noise = np.empty((lines, len(spans)))
    shocks = rng.standard_normal(noise.shape)
    noise[:, 0] = shocks[:, 0]
    for month in range(1, len(spans)):
        fresh = np.sqrt(1 - plants.memory**2) * shocks[:, month]
        noise[:, month] = plants.memory * noise[:, month - 1] + fresh
    oee = POINTS * line_oee(planted, spans) + plants.residual * noise
    oee[slumped, appointed - SLUMP_MONTHS : appointed] -= plants.slump
    return LineMonths(
        oee=oee.ravel(),
        leader=lead.ravel(),
        line=np.repeat(np.arange(lines), len(spans)),
        site=np.repeat(company.line_site, len(spans)),
        month=np.tile(np.arange(len(spans)), lines),
        effect=effect,
        newcomers=newcomers,
        after_slump=after_slump,
        still_site=still_site,
    )


def weekly(seed: int, plants: Plants = PLANTED) -> Weekly:
    """Draw the weekly KPIs; each is a trend and a chain of shocks with memory `WEEKLY_MEMORY`."""
    rng = random(seed, "weekly")
    names = (
        "speed", "rework", "training", "yield", "weather", "faults", "fault_rate",
    )  # fmt: skip
    shocks = dict(zip(names, rng.standard_normal((len(names), WEEKS + LEAD_WEEKS)), strict=True))
    later = {name: shocks[name].copy() for name in names}
    later["rework"] = _mixed(shocks["speed"], shocks["rework"], plants.conflict)
    led = np.roll(shocks["training"], LEAD_WEEKS)
    later["yield"] = _mixed(led, shocks["yield"], plants.lead)
    later["fault_rate"] = _mixed(shocks["faults"], shocks["fault_rate"], plants.redundant**2)
    chains = np.array([later[name] for name in names])
    for week in range(1, chains.shape[1]):
        chains[:, week] += WEEKLY_MEMORY * chains[:, week - 1]
    trend = np.arange(WEEKS) * rng.uniform(0.01, 0.03, len(names))[:, None]
    return Weekly(
        names=names,
        directions=(1, -1, 1, 1, 1, -1, -1),
        values=(chains[:, LEAD_WEEKS:] + trend).T,
    )


def answer_hours(seed: int, plants: Plants = PLANTED) -> Floats:
    """Draw how long 1,000 answers took; some that came late are booked just in time."""
    rng = random(seed, "answers")
    hours = rng.gamma(16, 3, 1000)
    late = (hours > DUE_HOURS) & (hours <= DUE_HOURS + 4) & (rng.random(1000) < plants.gamed)
    return np.where(late, DUE_HOURS - rng.uniform(0, 1.5, 1000), hours)


def _who_leads(
    rng: np.random.Generator, company: Company, months: int
) -> tuple[Ints, tuple[int, ...], int, int, int]:
    """Return the leader of each line and month, the planted leaders, the slump's line and month."""
    lines, site = len(company.line_ids), company.line_site
    lead = np.empty((lines, months), np.int64)
    movers = np.flatnonzero(site != site[-1])
    *late, slumped = rng.choice(movers, len(NEWCOMER_MONTHS) + 1, replace=False).tolist()
    appointed = months // 2
    # New leaders stay on their lines, so that the slump's is all after it.
    starts = {slumped: appointed} | dict(
        zip(late, (months - short for short in NEWCOMER_MONTHS), strict=True)
    )
    now, since = np.arange(lines), np.full(lines, -SHORTEST_SPELL)
    for month in range(months):
        begun = [line for line, start in starts.items() if month >= start]
        ripe = movers[(month - since[movers] >= SHORTEST_SPELL) & ~np.isin(movers, begun)]
        # Each swap ends two spells.
        for _ in range(rng.poisson(ripe.size / (SPELL - SHORTEST_SPELL) / 2) if month else 0):
            if ripe.size == 0:
                break
            here = int(rng.choice(ripe))
            elsewhere = rng.random() < ACROSS_SITES
            pool = ripe[(site[ripe] != site[here]) if elsewhere else (site[ripe] == site[here])]
            pool = pool[pool != here]
            if pool.size:
                pair = [here, int(rng.choice(pool))]
                now[pair], since[pair] = now[pair[::-1]], month
                ripe = ripe[~np.isin(ripe, pair)]
        for number, (line, start) in enumerate(starts.items()):
            if month == start:
                now[line] = lines + number
        lead[:, month] = now
    newcomers = [lines + 1 + number for number in range(len(late))]
    return lead, tuple(newcomers), lines, slumped, appointed


def _planted(
    company: Company,
    plants: Plants,
    rng: np.random.Generator,
    lead: Ints,
    effect: Floats,
    *,
    spans: Sequence[tuple[int, int]],
) -> Company:
    """Return the company with the planted effects in the place of its own."""
    lines = len(company.line_ids)
    at_site = LEVEL + plants.sites / POINTS * rng.standard_normal(len(company.sites))
    line_factor = 1 + plants.lines / POINTS / LEVEL * rng.standard_normal(lines)
    nobody = effect.size
    leader_of = np.full(company.leader_of.shape, nobody)
    days = np.repeat(lead, [last - first + 1 for first, last in spans], axis=1)
    leader_of[company.unit_of_line, : days.shape[1]] = days
    return replace(
        company,
        sites=tuple(_at_level(one, at) for one, at in zip(company.sites, at_site, strict=True)),
        line_factor=line_factor,
        machine_factor=np.ones_like(company.machine_factor),
        leader_of=leader_of,
        # Whoever leads a site, an area or the enterprise adds nothing here.
        leader_availability=np.append(1 + effect / POINTS / LEVEL, 1.0),
        leader_scrap=np.ones(nobody + 1),
        shifts=[],
        shocks=[],
    )


def _at_level(site: Site, oee: float) -> Site:
    """Return the site with the availability that makes this OEE."""
    return replace(site, availability=oee / (site.performance * (1 - site.scrap - site.rework)))


def _mixed(cause: Floats, own: Floats, share: float) -> Floats:
    """Return shocks of which a share of the variance comes from elsewhere."""
    return np.asarray(np.sqrt(share) * cause + np.sqrt(1 - share) * own)
