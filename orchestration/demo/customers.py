"""What customers order, what reaches them and when, and what they complain of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo.plant import PRODUCTS_PER_LINE, Products
from orchestration.demo.size import WORKDAYS, random, to_workday, weekday
from orchestration.demo.text import OPEN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestration.demo.company import Company, Floats, Ints

CUSTOMERS = 80
LINES_PER_MACHINE_DAY = 0.47
# Shares of the lines that come late, short or damaged at a site of average skill; a site's own
# level lies log-normally around them.
LATE, SHORT, DAMAGED, SITE_SPREAD = 0.07, 0.035, 0.02, 0.3
# What a supply shock adds to the share of late lines, and for how long after its last day.
SHOCK_LATE, SHOCK_TAIL_DAYS = 0.25, 7
# Shares of all lines, the same everywhere.
NEW_ORDER_SHARE, SECOND_SCHEDULE_SHARE, PUT_OFF_SHARE, CANCELLED_SHARE = 0.55, 0.06, 0.10, 0.02
SPLIT_SHARE, TAKEN_BACK_SHARE, REBOOKED_SHARE = 0.10, 0.006, 0.01
UNJUSTIFIED_SHARE = 0.008
# Shares of the complaints: names no order, comes too late to count, has a second line.
NAMELESS_SHARE, TARDY_SHARE, SECOND_LINE_SHARE = 0.05, 0.04, 0.15
TARDY_DAYS = 35
SCHEDULE_GAP_DAYS = 7
DEFECTS = ("DAMAGED", "WRONG_ITEM", "SURFACE", "DIMENSION")
WORDS = ("", "Carton crushed on arrival", "Surface scratched", "Does not fit the drawing")


@dataclass(frozen=True)
class Lines:
    """One row per schedule line; a day that never comes is `OPEN`."""

    order: Ints
    line: Ints
    schedule: Ints
    site: Ints
    customer: Ints
    product: Ints
    quantity: Ints
    value_cents: Ints
    ordered: Ints
    requested: Ints
    confirmed: Ints
    first_issue: Ints
    completed: Ints
    cancelled: Ints

    def moments(self) -> tuple[Ints, ...]:
        """Return the days on which a line changes; it is confirmed the day after it came."""
        return self.ordered, self.ordered + 1, self.first_issue, self.completed, self.cancelled


@dataclass(frozen=True)
class Shipments:
    """One row per delivery line, in the order of issue; `reverses` is the row taken back or -1."""

    of: Ints  # row of the schedule line
    document: Ints
    position: Ints
    quantity: Ints
    issued: Ints
    arrived: Ints
    reverses: Ints


@dataclass(frozen=True)
class Complaints:
    """One row per complaint line, in the order of opening."""

    number: Ints
    line: Ints
    of: Ints  # row of the schedule line
    named: NDArray[np.bool_]
    at: Ints  # instant of opening
    opened: Ints
    decided: Ints
    justified: NDArray[np.bool_]
    quantity: Ints
    defect: Ints
    severity: Ints


@dataclass(frozen=True)
class Sales:
    """All of it, with the shares that were planted, by site."""

    lines: Lines
    shipments: Shipments
    complaints: Complaints
    late_share: Floats
    short_share: Floats
    damaged_share: Floats


def sell(company: Company, products: Products) -> Sales:
    """Draw orders, shipments and complaints of the whole simulated time."""
    size, rng = company.size, random(company.seed, "customers")
    late_share, short_share, damaged_share = (
        base * np.exp(SITE_SPREAD * rng.standard_normal(size.plants))
        for base in (LATE, SHORT, DAMAGED)
    )
    site, ordered = _incoming(company, rng)
    count = len(site)
    fresh = np.r_[True, (site[1:] != site[:-1]) | (ordered[1:] != ordered[:-1])]
    fresh |= rng.random(count) < NEW_ORDER_SHARE
    second = (rng.random(count) < SECOND_SCHEDULE_SHARE) & ~fresh
    second[1:] &= ~second[:-1]
    order = np.cumsum(fresh) - 1
    start = np.maximum.accumulate(np.where(fresh, np.arange(count), 0))
    steps = np.cumsum(~second)
    requested = to_workday(ordered + rng.integers(5, 26, count))
    put_off = rng.random(count) < PUT_OFF_SHARE
    confirmed = np.where(put_off, to_workday(requested + rng.integers(1, 8, count)), requested)
    product = _products(company, rng, site)
    # The second promise of a line: the same product a week later.
    here = np.flatnonzero(second)
    product[here] = product[here - 1]
    for day in (requested, confirmed):
        day[here] = day[here - 1] + SCHEDULE_GAP_DAYS
    quantity = rng.integers(1, 60, count) * 10
    cancelled = rng.random(count) < CANCELLED_SHARE
    late = rng.random(count) < late_share[site] + _shock_late(company, site, confirmed)
    short = rng.random(count) < short_share[site]
    shipments, first, completed = _ship(
        rng, order=order, quantity=quantity, ordered=ordered, promised=confirmed,
        dropped=cancelled, late=late, short=short,
    )  # fmt: skip
    lines = Lines(
        order=order,
        line=steps - steps[start] + 1,
        schedule=second + 1,
        site=site,
        customer=rng.integers(0, CUSTOMERS, count)[start] // size.plants * size.plants + site,
        product=product,
        quantity=quantity,
        value_cents=quantity * (products.cost_cents[product] * 14 // 10),
        ordered=ordered,
        requested=requested,
        confirmed=confirmed,
        first_issue=first,
        completed=completed,
        cancelled=np.where(cancelled, np.maximum(confirmed - 3, ordered + 1), OPEN),
    )
    damaged = (rng.random(count) < damaged_share[site]) & ~cancelled
    complaints = _complain(company, rng, lines, damaged)
    return Sales(lines, shipments, complaints, late_share, short_share, damaged_share)


def _incoming(company: Company, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return site and day of each line; a demand shock takes its share of the orders away."""
    size = company.size
    machines = np.bincount(company.line_site[company.machine_line], minlength=size.plants)
    days = np.arange(size.first_day - 20, size.last_day + 1)
    days = days[weekday(days) < WORKDAYS]
    rate = np.tile(machines * LINES_PER_MACHINE_DAY, (len(days), 1))
    for shock in company.shocks:
        hit = (days >= shock.first) & (days <= shock.last)
        rate[np.ix_(hit, np.array(shock.sites))] *= shock.order_size_factor
    per_day = rng.poisson(rate)
    site = np.repeat(np.tile(np.arange(size.plants), len(days)), per_day.ravel())
    return site, np.repeat(np.repeat(days, size.plants), per_day.ravel())


def _products(company: Company, rng: np.random.Generator, site: Ints) -> Ints:
    first = np.searchsorted(company.line_site, np.arange(company.size.plants))
    lines = np.bincount(company.line_site, minlength=company.size.plants)
    drawn = rng.integers(0, 1 << 30, len(site)) % (lines[site] * PRODUCTS_PER_LINE)
    return first[site] * PRODUCTS_PER_LINE + drawn


def _shock_late(company: Company, site: Ints, promised: Ints) -> Floats:
    more = np.zeros(len(site))
    for shock in company.shocks:
        if shock.kind == "supply":
            hit = (promised >= shock.first) & (promised <= shock.last + SHOCK_TAIL_DAYS)
            more += SHOCK_LATE * (hit & np.isin(site, shock.sites))
    return more


def _ship(
    rng: np.random.Generator,
    *,
    order: Ints,
    quantity: Ints,
    ordered: Ints,
    promised: Ints,
    dropped: NDArray[np.bool_],
    late: NDArray[np.bool_],
    short: NDArray[np.bool_],
) -> tuple[Shipments, Ints, Ints]:
    """Return all delivery lines, and first issue and last arrival of each schedule line.

    What is short on the day comes three to ten days later. What is taken back never arrived, and
    its replacement comes a week later; what is booked again was booked wrongly on the day.
    """
    count = len(quantity)
    main = promised + np.where(late, rng.integers(1, 11, count), -rng.integers(0, 3, count))
    main = np.maximum(main, ordered + 2)
    rest = main + rng.integers(3, 11, count)
    part = np.where(short, quantity * rng.integers(60, 96, count) // 100, quantity)
    split = (rng.random(count) < SPLIT_SHARE) & ~short
    early = np.where(split, quantity // 2, 0)
    back = (rng.random(count) < TAKEN_BACK_SHARE) & ~short & ~split
    again = (rng.random(count) < REBOOKED_SHARE) & ~back
    transit = rng.integers(1, 3, count)
    row = np.arange(count)
    alive = ~dropped
    pieces = [
        # which lines, how much, arrival, and the piece that it takes back
        (alive, part - early, main, None),
        (alive & split, early, main - 1, None),
        (alive & short, quantity - part, rest, None),
        (alive & back, -quantity, main + 3, 0),
        (alive & back, quantity, main + 8, None),
        (alive & again, -(part - early), main, 0),
        (alive & again, part - early, main, None),
    ]
    of = np.concatenate([row[where] for where, *_ in pieces])
    amount = np.concatenate([many[where] for where, many, *_ in pieces])
    arrived = np.concatenate([day[where] for where, _, day, _ in pieces])
    undone = np.concatenate(
        [np.full(where.sum(), -1 if first is None else 0) for where, *_, first in pieces]
    )
    # The main piece of a line is the row of its rank among the living ones.
    main_row = np.cumsum(alive) - 1
    reverses = np.where(undone == 0, main_row[of], -1)
    issued = np.where(undone == 0, arrived, np.maximum(arrived - transit[of], ordered[of] + 1))
    # Whatever replaces a booking is booked on the day it arrives.
    replaces = np.arange(len(of)) >= len(of) - (alive & again).sum()
    issued = np.where(replaces, arrived, issued)
    first_issue, completed = np.full(count, OPEN), np.full(count, -1)
    np.minimum.at(first_issue, of, issued)
    np.maximum.at(completed, of, arrived)
    completed[dropped] = OPEN
    by_issue = np.argsort(issued, kind="stable")
    rank = np.empty(len(by_issue), np.int64)
    rank[by_issue] = np.arange(len(by_issue))
    # What leaves for one order on one day and arrives together is one delivery; what undoes or
    # replaces a booking is one of its own.
    alone = np.where((undone == 0) | replaces, np.arange(len(of)) + 1, 0)
    together = np.stack([order[of], issued, arrived, alone])[:, by_issue]
    _, first, document = np.unique(together, axis=1, return_index=True, return_inverse=True)
    document = np.argsort(np.argsort(first))[document.ravel()]
    position = np.zeros(len(of), np.int64)
    grouped = np.argsort(document, kind="stable")
    starts = np.r_[0, np.flatnonzero(np.diff(document[grouped])) + 1]
    sizes = np.diff(np.r_[starts, len(of)])
    position[grouped] = np.arange(len(of)) - np.repeat(starts, sizes) + 1
    rows = Shipments(
        of=of[by_issue],
        document=document,
        position=position,
        quantity=amount[by_issue],
        issued=issued[by_issue],
        arrived=arrived[by_issue],
        reverses=np.where(reverses >= 0, rank[np.maximum(reverses, 0)], -1)[by_issue],
    )
    return rows, first_issue, completed


def _complain(
    company: Company, rng: np.random.Generator, lines: Lines, damaged: NDArray[np.bool_]
) -> Complaints:
    unfair = (rng.random(len(lines.order)) < UNJUSTIFIED_SHARE) & ~damaged
    of = np.flatnonzero((damaged | unfair) & (lines.completed < OPEN))
    count = len(of)
    # Counted from the promised day, so that a complaint in time is always within thirty days.
    opened = np.maximum(lines.confirmed[of] + rng.integers(1, 20, count), lines.completed[of] + 1)
    opened = np.minimum(opened, lines.confirmed[of] + 30)
    opened += np.where(rng.random(count) < TARDY_SHARE, TARDY_DAYS, 0)
    named = rng.random(count) >= NAMELESS_SHARE
    decided = opened + rng.integers(3, 13, count)
    clock = opened * 86_400 + rng.integers(8 * 60, 18 * 60, count) * 60
    at = np.zeros(count, np.int64)
    for number, zone in enumerate(company.zones):
        here = lines.site[of] == number
        at[here] = zone.utc(clock[here])
    order = np.argsort(opened, kind="stable")
    double = rng.random(count) < SECOND_LINE_SHARE
    rows = np.repeat(order, 1 + double[order])
    repeated = np.r_[False, rows[1:] == rows[:-1]]
    quantity = np.maximum(lines.quantity[of] * rng.integers(2, 30, count) // 100, 1)
    return Complaints(
        number=np.cumsum(~repeated),
        line=repeated + 1,
        of=of[rows],
        named=named[rows],
        at=at[rows],
        opened=opened[rows],
        decided=decided[rows],
        justified=damaged[of][rows],
        quantity=np.where(repeated, np.maximum(quantity[rows] // 2, 1), quantity[rows]),
        defect=(rng.integers(0, len(DEFECTS), count)[rows] + repeated) % len(DEFECTS),
        severity=rng.integers(0, 3, count)[rows],
    )
