"""What the ledger shows of it all: balances by month, and exchange rates by day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo.external import Series, month_starts
from orchestration.demo.size import WORKDAYS, day_number, day_of, random, weekday
from orchestration.demo.text import OPEN

if TYPE_CHECKING:
    from orchestration.demo.company import Company, Floats, Ints
    from orchestration.demo.customers import Lines

# Account, type and kind of unit that has it; the amount of an average month in euro.
ACCOUNTS = (
    ("400000", "revenue", "site", 0),
    ("500000", "expense", "line", 260_000),
    ("510000", "expense", "line", 9_000),
    ("620000", "expense", "line", 21_000),
    ("600000", "expense", "area", 85_000),
    ("640000", "expense", "area", 42_000),
)
REVENUE, FREIGHT = "400000", "640000"
FREIGHT_AREA = "LOG"
AMOUNT_SD = 0.06
# Until the books close, a month is known in part: this much at its end, all with this delivery.
KNOWN_AT_MONTH_END, CLOSING = 0.85, 8
BASE_CURRENCY = "EUR"
PAR = {"EUR": 1.0, "USD": 1.08, "GBP": 0.86, "INR": 90.0, "JPY": 158.0}
RATE_SD, EOD_SD = 0.004, 0.0015


@dataclass(frozen=True)
class Ledger:
    """One row per month, cost centre and account, actual and budget in cents."""

    month: Ints
    site: Ints
    unit: Ints
    account: Ints
    actual: Ints
    budget: Ints


@dataclass(frozen=True)
class Rates:
    """One row per workday and currency: units of it for one euro, in 1e-8."""

    day: Ints
    currency: list[str]
    average: Ints
    end_of_day: Ints


def keep_books(company: Company, lines: Lines, series: Series) -> Ledger:
    """Draw the balances; revenue is what customers got, freight follows its index."""
    size, rng = company.size, random(company.seed, "ledger")
    months = month_starts(size.first_day, size.last_day)
    revenue = _revenue(lines, months, size.plants)
    rows: list[tuple[int, int, int, int, int, int]] = []
    for number, month in enumerate(months):
        for account, (code, _, kind, euros) in enumerate(ACCOUNTS):
            for unit, post in enumerate(company.units):
                logistics = post.unit_id.endswith(FREIGHT_AREA)
                if post.kind != kind or (code == FREIGHT and not logistics):
                    continue
                site = company.sites[post.site]
                usual = round(euros * PAR[site.currency]) * 100
                actual = round(usual * float(np.exp(rng.normal(0, AMOUNT_SD))))
                if code == FREIGHT:
                    index = series.level("FREIGHT_INDEX", site.country, month)
                    actual = round(usual * index / 100)
                if code == REVENUE:
                    usual = int(revenue[:, post.site].mean()) // 100_000 * 100_000
                    actual = int(revenue[number, post.site])
                rows.append((month, post.site, unit, account, actual, usual))
    return Ledger(*(np.array(column, np.int64) for column in zip(*rows, strict=True)))


def _revenue(lines: Lines, months: list[int], sites: int) -> Ints:
    """Return the value in cents of the order lines completed in each month, by site.

    A line with two promises is completed with the later of them.
    """
    done = np.flatnonzero(lines.completed < OPEN)
    _, line = np.unique(lines.order[done] * 1_000 + lines.line[done], return_inverse=True)
    last = np.zeros(line.max() + 1, np.int64)
    np.maximum.at(last, line, lines.completed[done])
    month = np.searchsorted(months, last[line], "right") - 1
    total = np.zeros((len(months), sites), np.int64)
    here = month >= 0
    np.add.at(total, (month[here], lines.site[done][here]), lines.value_cents[done][here])
    return total


def known_share(company: Company, month: int, day: int) -> float:
    """Return how much of a month's actuals is booked on a day."""
    first = day_number(day_of(company.size.cut).replace(day=1))
    if month < first or day >= company.size.cut + CLOSING:
        return 1.0
    passed = max(day - company.size.cut, 0) / CLOSING
    return KNOWN_AT_MONTH_END + (1 - KNOWN_AT_MONTH_END) * passed


def quote_rates(company: Company) -> Rates:
    """Draw a random walk for each currency of a site but the euro."""
    size, rng = company.size, random(company.seed, "rates")
    names = list(dict.fromkeys(s.currency for s in company.sites if s.currency != BASE_CURRENCY))
    days = np.arange(size.first_day, size.last_day + 1)
    days = days[weekday(days) < WORKDAYS]
    walk = np.cumsum(rng.normal(0, RATE_SD, (len(days), len(names))), axis=0)
    # Drawn back to par over the year, so that three years do not run away.
    walk -= np.linspace(0, 1, len(days))[:, None] * walk[-1:]
    par = np.array([PAR[name] for name in names])
    average: Floats = par * np.exp(walk)
    closing: Floats = average * np.exp(rng.normal(0, EOD_SD, average.shape))
    return Rates(
        day=np.repeat(days, len(names)),
        currency=names * len(days),
        average=np.round(average.ravel() * 1e8).astype(np.int64),
        end_of_day=np.round(closing.ravel() * 1e8).astype(np.int64),
    )
