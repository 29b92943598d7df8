"""What lies in the stores: finished goods by batch, materials without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo.plant import PRODUCTS_PER_LINE, Products
from orchestration.demo.size import random

if TYPE_CHECKING:
    from orchestration.demo.company import Company, Floats, Ints

MATERIALS_PER_SITE = 20
# Stock over safety stock: its mean, its swing over four weeks, its noise; and how much of a
# material is left in a supply shock, which the stores feel two weeks late.
COVER, SWING, NOISE_SD = 1.6, 0.35, 0.06
SHOCK_FACTOR, SHOCK_LAG_DAYS = 0.45, 14
CYCLE_DAYS = 28


@dataclass(frozen=True)
class Items:
    """One row per site and product or material; `product` is -1 for a material."""

    site: Ints
    product: Ints
    material: Ints
    safety: Ints
    cost_cents: Ints
    phase: Floats


def items(company: Company, products: Products) -> Items:
    """Draw what each site keeps in stock."""
    rng = random(company.seed, "stock")
    made = np.arange(len(products.cost_cents))
    plants = company.size.plants
    bought = np.tile(np.arange(MATERIALS_PER_SITE), plants)
    count = len(made) + len(bought)
    return Items(
        site=np.r_[
            company.line_site[made // PRODUCTS_PER_LINE],
            np.repeat(np.arange(plants), MATERIALS_PER_SITE),
        ],
        product=np.r_[made, np.full(len(bought), -1)],
        material=np.r_[np.full(len(made), -1), bought],
        safety=rng.integers(4, 40, count) * 50,
        cost_cents=np.r_[products.cost_cents, rng.integers(40, 4_000, len(bought))],
        phase=rng.random(count),
    )


def level(company: Company, kept: Items, day: int) -> Ints:
    """Return the stock of each item at the end of a day."""
    wave = SWING * np.sin(2 * np.pi * (day / CYCLE_DAYS + kept.phase))
    noise = random(company.seed, "stock level", day).normal(0, NOISE_SD, len(kept.site))
    stock = kept.safety * (COVER + wave + noise)
    for shock in company.shocks:
        if shock.kind == "supply" and (
            shock.first + SHOCK_LAG_DAYS <= day <= shock.last + SHOCK_LAG_DAYS
        ):
            hit = np.isin(kept.site, shock.sites) & (kept.material >= 0)
            stock = np.where(hit, stock * SHOCK_FACTOR, stock)
    return np.round(stock).astype(np.int64)
