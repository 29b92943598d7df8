"""Public series of the world outside, in which the shocks show before they reach the plants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo.size import day_number, day_of, random

if TYPE_CHECKING:
    from orchestration.demo.company import Company, Floats, Ints

# Days by which a series runs ahead of the plants, and the log of its change at the full shock.
LEAD_DAYS = 30
MONTHS_BEFORE = 12
PUBLICATION_DAY = 12  # of the month after; the revision comes a month later
REVISION_SD, PERSISTENCE = 0.01, 0.5


@dataclass(frozen=True)
class Factor:
    """One kind of series, published for each country."""

    name: str
    source: str
    level: float
    noise: float
    shock: str
    effect: float


FACTORS = (
    Factor("FREIGHT_INDEX", "Freight Exchange Monthly", 100, 0.03, "supply", 0.30),
    Factor("STEEL_PRICE_INDEX", "Metal Bulletin", 100, 0.02, "supply", 0.18),
    Factor("PMI", "Purchasing Managers Survey", 52, 0.015, "demand", -0.16),
)


@dataclass(frozen=True)
class Series:
    """One row per factor, country and month: what was said first and what it was."""

    factor: Ints
    country: list[str]
    month: Ints
    first: Floats
    final: Floats
    published: Ints
    revised: Ints

    def level(self, factor: str, country: str, month: int) -> float:
        """Return the final value of one month."""
        kind = next(n for n, one in enumerate(FACTORS) if one.name == factor)
        row = next(
            n
            for n, place in enumerate(self.country)
            if place == country and self.factor[n] == kind and self.month[n] == month
        )
        return float(self.final[row])


def month_starts(first: int, last: int) -> list[int]:
    """Return the first days of the months from that of `first` to that of `last`."""
    starts, day = [], day_of(first).replace(day=1)
    while day_number(day) <= last:
        starts.append(day_number(day))
        day = _months_later(day, 1)
    return starts


def _months_later(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def countries(company: Company) -> list[str]:
    """Return the countries of the sites, each once."""
    return list(dict.fromkeys(site.country for site in company.sites))


def observe(company: Company) -> Series:
    """Draw all series, from a year before the first production day."""
    size, rng = company.size, random(company.seed, "external")
    begin = day_number(_months_later(day_of(size.first_day), -MONTHS_BEFORE))
    months = month_starts(begin, size.last_day)
    columns: list[tuple[int, str, int, float, float]] = []
    for number, factor in enumerate(FACTORS):
        for country in countries(company):
            noise = 0.0
            for month in months:
                noise = PERSISTENCE * noise + rng.normal(0, factor.noise)
                change = factor.effect * _share(company, factor, country, month)
                final = factor.level * np.exp(noise + change)
                first = final * np.exp(rng.normal(0, REVISION_SD))
                columns.append((number, country, month, first, final))
    month = np.array([row[2] for row in columns])
    return Series(
        factor=np.array([row[0] for row in columns]),
        country=[row[1] for row in columns],
        month=month,
        first=np.array([row[3] for row in columns]),
        final=np.array([row[4] for row in columns]),
        published=_publication(month, 1),
        revised=_publication(month, 2),
    )


def _publication(months: Ints, later: int) -> Ints:
    return np.array(
        [
            day_number(_months_later(day_of(m), later).replace(day=PUBLICATION_DAY))
            for m in months.tolist()
        ]
    )


def _share(company: Company, factor: Factor, country: str, month: int) -> float:
    """Return the share of a month's days that lie in a shock, moved ahead by the lead."""
    days = np.arange(month, day_number(_months_later(day_of(month), 1))) + LEAD_DAYS
    inside = np.zeros(len(days), bool)
    for shock in company.shocks:
        if shock.kind == factor.shock and country in {
            company.sites[n].country for n in shock.sites
        }:
            inside |= (days >= shock.first) & (days <= shock.last)
    return float(inside.mean())
