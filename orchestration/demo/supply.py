"""Purchase order lines and the receipts that follow them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo.size import WORKDAYS, random, to_workday, weekday
from orchestration.demo.text import OPEN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestration.demo.company import Company, Floats, Ints

MATERIALS = 120
SUPPLIERS = 60
LINES_PER_MACHINE_DAY = 0.14
LATE_SHARE = 0.08
# Shares of the lines: first of an order of its own, delivered in two parts, cancelled; and of the
# receipts: with rejects, taken back and posted again.
NEW_ORDER_SHARE, SPLIT_SHARE, CANCELLED_SHARE = 0.5, 0.12, 0.015
REJECTED_SHARE, TAKEN_BACK_SHARE = 0.06, 0.008


@dataclass(frozen=True)
class Purchases:
    """One row per purchase order line; a day that never comes is `OPEN`."""

    order: Ints
    line: Ints
    site: Ints
    supplier: Ints
    material: Ints
    quantity: Ints
    price_cents: Ints
    buyer: Ints
    ordered: Ints
    due: Ints
    first_receipt: Ints
    last_receipt: Ints
    cancelled: Ints

    def moments(self) -> tuple[Ints, ...]:
        """Return the days on which a line changes."""
        return self.ordered, self.first_receipt, self.last_receipt, self.cancelled


@dataclass(frozen=True)
class Receipts:
    """One row per posting, in posting order; `reverses` is the row taken back or -1."""

    purchase: Ints
    posted: Ints
    quantity: Ints
    rejected: Ints
    reverses: Ints


def buy(company: Company) -> tuple[Purchases, Receipts, Floats]:
    """Return all lines, all receipts and each supplier's share of late deliveries."""
    size, rng = company.size, random(company.seed, "supply")
    late_share = np.clip(LATE_SHARE * rng.lognormal(0, 0.6, SUPPLIERS), 0.01, 0.45)
    machines = np.bincount(company.line_site[company.machine_line], minlength=size.plants)
    days = np.arange(size.first_day - 40, size.last_day + 1)
    days = days[weekday(days) < WORKDAYS]
    per_day = rng.poisson(machines * LINES_PER_MACHINE_DAY, (len(days), size.plants))
    site = np.repeat(np.tile(np.arange(size.plants), len(days)), per_day.ravel())
    ordered = np.repeat(np.repeat(days, size.plants), per_day.ravel())
    count = len(site)
    fresh = np.r_[True, (site[1:] != site[:-1]) | (ordered[1:] != ordered[:-1])]
    fresh |= rng.random(count) < NEW_ORDER_SHARE
    order = np.cumsum(fresh) - 1
    start = np.maximum.accumulate(np.where(fresh, np.arange(count), 0))
    supplier = rng.integers(0, SUPPLIERS, count)[start]
    due = to_workday(ordered + rng.integers(7, 30, count))
    late = rng.random(count) < late_share[supplier]
    delay = np.where(late, rng.integers(1, 12, count), -rng.integers(0, 4, count))
    for shock in company.shocks:
        hit = np.isin(site, shock.sites) & (due >= shock.first) & (due <= shock.last)
        delay = np.where(hit, delay + shock.receipt_delay_days, delay)
    first = np.maximum(to_workday(due + delay), ordered + 1)
    split = rng.random(count) < SPLIT_SHARE
    last = np.where(split, to_workday(first + rng.integers(1, 8, count)), first)
    dropped = rng.random(count) < CANCELLED_SHARE
    quantity = rng.integers(2, 80, count) * 25
    buyers = [
        [e for e in range(size.leaders) if company.leader_site[e] == number] or [0]
        for number in range(size.plants)
    ]
    purchases = Purchases(
        order=order,
        line=np.arange(count) - start + 1,
        site=site,
        supplier=supplier,
        material=rng.integers(0, MATERIALS, count),
        quantity=quantity,
        price_cents=rng.integers(40, 9_000, count),
        buyer=np.array(
            [buyers[s][-1 - (n % 2) * (len(buyers[s]) > 1)] for n, s in enumerate(site)]
        ),
        ordered=ordered,
        due=due,
        first_receipt=np.where(dropped, OPEN, first),
        last_receipt=np.where(dropped, OPEN, last),
        cancelled=np.where(dropped, due - 2, OPEN),
    )
    return purchases, _receipts(rng, purchases, split), late_share


def _receipts(rng: np.random.Generator, bought: Purchases, split: NDArray[np.bool_]) -> Receipts:
    alive = np.flatnonzero(bought.cancelled == OPEN)
    part = np.where(split[alive], bought.quantity[alive] * 3 // 5, bought.quantity[alive])
    second = alive[split[alive]]
    purchase = np.concatenate([alive, second])
    posted = np.concatenate([bought.first_receipt[alive], bought.last_receipt[second]])
    quantity = np.concatenate([part, (bought.quantity[alive] - part)[split[alive]]])
    rejected = np.where(
        rng.random(len(purchase)) < REJECTED_SHARE, quantity // rng.integers(5, 25), 0
    )
    # A posting taken back the same day and posted again.
    undone = np.flatnonzero(rng.random(len(purchase)) < TAKEN_BACK_SHARE)
    none = np.full(len(purchase), -1)
    purchase = np.concatenate([purchase, purchase[undone], purchase[undone]])
    posted = np.concatenate([posted, posted[undone], posted[undone]])
    rejected = np.concatenate([rejected, -rejected[undone], rejected[undone]])
    quantity = np.concatenate([quantity, -quantity[undone], quantity[undone]])
    reverses = np.concatenate([none, undone, np.full(len(undone), -1)])
    order = np.argsort(posted, kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    reverses = np.where(reverses >= 0, rank[np.maximum(reverses, 0)], -1)
    return Receipts(
        purchase[order], posted[order], quantity[order], rejected[order], reverses[order]
    )
