"""What the registers may say: the schema of every file under `seeds/registry`.

Values that people set at run time (targets, overrides, waivers) do not belong here; they are
deliveries or acts. A register holds shape and rules.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

EntityKind = Literal[
    "enterprise",
    "site",
    "line",
    "work_unit",
    "org_unit",
    "leader",
    "supplier",
    "product_category",
    "scrap_reason",
]
PeriodKind = Literal["day", "week", "month", "quarter", "year"]
Direction = Literal["higher", "lower", "band", "neutral"]
ChartKind = Literal["i_mr", "p", "laney_p", "u", "laney_u", "none"]
Domain = Literal["production", "supply", "people", "safety", "leadership"]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class Entry(BaseModel):
    """Base of all register entries: unknown keys are errors, entries do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Measure(Entry):
    """One additive quantity that a dbt model computes at its own grain."""

    id: Identifier
    description: str
    unit: str
    entity_kind: EntityKind
    period_kind: Literal["day", "month"] = "day"
    over_time: Literal["sum", "average", "last"] = "sum"
    distribution: Literal["binomial", "poisson", "continuous"]
    feeds: tuple[str, ...] = Field(min_length=1)


class MeasureFile(Entry):
    """The file `measures.yml`: every measure that the models compute."""

    measures: tuple[Measure, ...]


class Term(Entry):
    """One summand of a numerator or denominator."""

    measure: Identifier
    coefficient: Decimal = Decimal(1)


class Band(Entry):
    """Where a value stands when no target was agreed: the register's own levels.

    `floor` earns 0 points, `threshold` 5, `target` 8, `stretch` 10.
    """

    floor: Decimal
    threshold: Decimal
    target: Decimal
    stretch: Decimal


class ChartPlan(Entry):
    """Which control chart a KPI is judged on, and on how long a baseline."""

    kind: ChartKind
    baseline_readings: int = Field(default=24, ge=8)
    why: str


class Version(Entry):
    """One entry of a KPI's change log."""

    version: int = Field(ge=1)
    valid_from: dt.date
    change: str


class Kpi(Entry):
    """One KPI: what it asks, how it is computed, where it is expected, how it is judged.

    `not_computable` is for a company's override: why its input cannot carry the KPI although the
    feeds come. No value is computed then, and every reading repeats the reason.
    """

    id: Identifier
    name: str
    question: str
    definition: str
    unit: str
    multiplier: Decimal = Decimal(1)
    decimals: int = Field(default=1, ge=0, le=6)
    direction: Direction
    timing: Literal["leading", "lagging", "structural"]
    domain: Domain
    owner: str
    steward: str
    cadence: Literal["daily", "weekly", "monthly", "quarterly"]
    sensitivity: Literal["public", "internal", "confidential", "restricted"]
    numerator: tuple[Term, ...] = Field(min_length=1)
    denominator: tuple[Term, ...] = ()
    trials: tuple[Term, ...] = ()
    absent_numerator_is_zero: bool = False
    minimum_denominator: Decimal | None = None
    not_computable: str | None = None
    grain: dict[EntityKind, tuple[PeriodKind, ...]]
    chart: ChartPlan
    bands: Band | None = None
    counter_kpis: tuple[Identifier, ...] = ()
    versions: tuple[Version, ...] = Field(min_length=1)

    @field_validator("grain")
    @classmethod
    def _grain_is_not_empty(
        cls, grain: dict[EntityKind, tuple[PeriodKind, ...]]
    ) -> dict[EntityKind, tuple[PeriodKind, ...]]:
        if not grain or not all(grain.values()):
            raise ValueError("name at least one entity kind, each with at least one period kind")
        return grain

    @model_validator(mode="after")
    def _bands_follow_the_direction(self) -> Kpi:
        if self.bands is None:
            return self
        levels = [self.bands.floor, self.bands.threshold, self.bands.target, self.bands.stretch]
        if self.direction == "higher" and levels != sorted(levels):
            raise ValueError("with direction higher: floor <= threshold <= target <= stretch")
        if self.direction == "lower" and levels != sorted(levels, reverse=True):
            raise ValueError("with direction lower: floor >= threshold >= target >= stretch")
        return self


class ScorecardItem(Entry):
    """One line of a scorecard and what it weighs."""

    kpi: Identifier
    weight: Decimal = Field(gt=0, le=1)


class ScorecardTemplate(Entry):
    """A scorecard for one kind of subject; a changed template is a new version."""

    id: Identifier
    version: int = Field(ge=1)
    title: str
    subject_kind: EntityKind
    period_kind: PeriodKind
    valid_from: dt.date
    valid_to: dt.date | None = None
    items: tuple[ScorecardItem, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _weights_sum_to_one(self) -> ScorecardTemplate:
        total = sum((item.weight for item in self.items), Decimal(0))
        if total != 1:
            raise ValueError(f"the weights sum to {total}, not to 1: change the weights of `items`")
        kpis = [item.kpi for item in self.items]
        if len(set(kpis)) != len(kpis):
            raise ValueError("a KPI is listed twice in `items`")
        return self
