"""What the registers may say: the schema of every file under `seeds/registry`.

Values that people set at run time (targets, overrides, waivers) do not belong here; they are
deliveries or acts. A register holds shape and rules.
"""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

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
ChartKind = Literal["i_mr", "p", "laney_p", "u", "laney_u", "c", "g", "t", "none"]
# What a chart is judged by: sets of rules, and single ones (`statistics/spc/rule_sets.py`).
RuleSet = Literal[
    "limits", "nelson_1_2", "nhs", "anhoej", "western_electric", "nelson", "montgomery"
]
RuleName = Literal[
    "nelson_1", "nelson_2", "nelson_3", "nelson_4", "nelson_5", "nelson_6", "nelson_7", "nelson_8",
    "we_4", "nhs_run", "nhs_trend", "nhs_two_in_three", "anhoej_run", "anhoej_crossings",
]  # fmt: skip
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
    """One summand of a numerator or denominator: a measure's sum, or a constant.

    A constant is added once, after the sums, whatever the entity and the period.
    """

    measure: Identifier | None = None
    constant: Decimal | None = None
    coefficient: Decimal = Decimal(1)

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Term:
        if (self.measure is None) == (self.constant is None):
            raise ValueError("give a term either a `measure` or a `constant`")
        return self


class Factor(Entry):
    """One ratio of sums of a KPI that is a product of such ratios."""

    numerator: tuple[Term, ...] = Field(min_length=1)
    denominator: tuple[Term, ...] = Field(min_length=1)


class Band(Entry):
    """Where a value stands when no target was agreed: the register's own levels.

    `floor` earns 0 points, `threshold` 5, `target` 8, `stretch` 10.
    """

    floor: Decimal
    threshold: Decimal
    target: Decimal
    stretch: Decimal


class Ewma(Entry):
    """A chart of the weighted average beside: finds small shifts that last.

    With its limit at 2.86 an EWMA of weight 0.2 alone flags one reading in 370 by chance, as
    three-sigma limits do (`run_length.ewma_arl`).
    """

    kind: Literal["ewma"]
    weight: Decimal = Field(default=Decimal("0.2"), gt=0, le=1)
    limit: Decimal = Field(default=Decimal("2.86"), gt=0)

    def __str__(self) -> str:
        return f"ewma({self.weight},{self.limit})"


class Cusum(Entry):
    """A chart of cumulated distances beside: slack and decision interval in sigma."""

    kind: Literal["cusum"]
    slack: Decimal = Field(default=Decimal("0.5"), ge=0)
    interval: Decimal = Field(default=Decimal(5), gt=0)

    def __str__(self) -> str:
        return f"cusum({self.slack},{self.interval})"


class Window(Entry):
    """Periods that begin between two days, both inclusive."""

    first: dt.date
    last: dt.date

    @model_validator(mode="after")
    def _is_a_while(self) -> Window:
        if self.last <= self.first:
            raise ValueError(f"the baseline ends on {self.last}, not after {self.first}")
        return self


class ChartPlan(Entry):
    """Which control chart a KPI is judged on, by which rules, and on which baseline.

    Attributes
    ----------
    kind : str
        `g` (trials) and `t` (exposure) chart what lies between events.
    when_rare : str, optional
        The chart of those series of a p or u chart of which fewer than one event is expected a
        period.
    rules : str or list
        A set of rules, or several sets and rules together.
    beside : Ewma or Cusum, optional
        A chart with a memory, whose signals count as well.
    baseline_readings : int
        The first so many final readings set the limits.
    baseline : Window, optional
        The final readings of these periods do, instead. A phase that an act begins has its own.
    when_not_in_control : str
        Of a baseline with readings that break the chart's own rules: ``warn`` draws limits from it,
        which stay trial; ``refuse`` draws none.
    """

    kind: ChartKind
    when_rare: Literal["g", "t"] | None = None
    rules: tuple[RuleSet | RuleName, ...] = Field(default=("nelson_1_2",), min_length=1)
    beside: Ewma | Cusum | None = Field(default=None, discriminator="kind")
    baseline_readings: int = Field(default=24, ge=8)
    baseline: Window | None = None
    when_not_in_control: Literal["warn", "refuse"] = "warn"
    why: str

    @field_validator("rules", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_serializer(mode="wrap")
    def _says_no_more_than_the_file(self, handler: SerializerFunctionWrapHandler) -> object:
        """Leave out what version 1 of this schema did not know: no hash changes by it."""
        later = {"when_rare", "rules", "beside", "baseline", "when_not_in_control"}
        later -= self.model_fields_set
        return {name: said for name, said in handler(self).items() if name not in later}

    @property
    def convention(self) -> str:
        """Rules and what stands beside, as `rule_sets.read_convention` reads them."""
        return "+".join([*self.rules, *([str(self.beside)] if self.beside else [])])

    @model_validator(mode="after")
    def _parts_fit_the_kind(self) -> ChartPlan:
        counts = {"g": ("p", "laney_p"), "t": ("u", "laney_u")}
        if self.when_rare is not None and self.kind not in counts[self.when_rare]:
            fitting = " or ".join(counts[self.when_rare])
            raise ValueError(
                f"`when_rare: {self.when_rare}` takes the place of a {fitting} chart, and this one "
                f"is {self.kind}: correct either"
            )
        zones = {"nelson", "western_electric", "montgomery", "nhs", "nhs_two_in_three"}
        zones |= {f"nelson_{number}" for number in (5, 6, 7, 8)}
        asked = sorted(zones & set(self.rules)) + ([self.beside.kind] if self.beside else [])
        if self.kind == "g" and asked:
            raise ValueError(
                f"a g chart has no zones of sigma, which {asked[0]} asks for: take limits, "
                "nelson_1_2 or anhoej, or another chart"
            )
        if self.kind == "none" and self.model_fields_set - {"kind", "why", "baseline_readings"}:
            raise ValueError("a KPI without a chart has no rules and no baseline: drop them")
        return self


class Version(Entry):
    """One entry of a KPI's change log."""

    version: int = Field(ge=1)
    valid_from: dt.date
    change: str


class KpiReview(Entry):
    """What makes a KPI a candidate for retirement; the file `kpi_review.yml`."""

    months_without_reading: int = Field(ge=1)
    months_unchanged: int = Field(ge=2)
    days_without_use: int = Field(ge=1)
    months_between_reviews: int = Field(ge=1)
    reasons_needed: int = Field(ge=1)


class Notices(Entry):
    """When whoever was told of an act is reminded; the file `notices.yml`."""

    remind_after_days: int = Field(ge=1)


Relationship = Literal["direct_report", "peer", "manager", "cross_functional"]


class FeedbackPolicy(Entry):
    """How 360 feedback is summed up; the file `feedback.yml`.

    Attributes
    ----------
    weights, least_raters : mapping of relationship to number
        What a relationship weighs in the result over all, and the fewest raters to be shown.
    least_ratees : int
        Leaders that a rater must have rated, for their severity to be taken off.
    least_weight : Decimal
        Weight of the shown relationships, below which there is no result over all.
    """

    weights: dict[Relationship, Decimal] = Field(min_length=1)
    least_raters: dict[Relationship, int]
    least_ratees: int = Field(ge=2)
    least_weight: Decimal = Field(gt=0, le=1)

    @model_validator(mode="after")
    def _weights_sum_to_one(self) -> FeedbackPolicy:
        total = sum(self.weights.values(), Decimal(0))
        if total != 1 or min(self.weights.values()) < 0:
            raise ValueError(f"the weights sum to {total}, not to 1, or one is negative")
        if self.weights.keys() != self.least_raters.keys():
            raise ValueError("`weights` and `least_raters` name the same relationships")
        several = self.least_raters.keys() - {"manager"}
        if any(self.least_raters[one] < 2 for one in several):  # noqa: PLR2004 - one is a person
            raise ValueError("one rater alone may be shown of the manager only")
        return self


class RatingPolicy(Entry):
    """How ratings are compared and when one has to be explained; the file `rating_policy.yml`.

    Attributes
    ----------
    least_ratees : int
        Ratings by a rater and in a unit in one cycle, below which nothing is said.
    outlier_residual : Decimal
        Standard deviations from what is expected, beyond which a rating is an outlier.
    """

    least_ratees: int = Field(ge=3)
    outlier_residual: Decimal = Field(ge=1)


class VolatilityRule(Entry):
    """When the floor of a goal stands in for its target.

    Attributes
    ----------
    window_months, baseline_months : int
        The newest months, and those before that they are held against.
    least_ratio, alpha : Decimal
        Ratio of standard deviations, and its chance; a month is volatile beyond both.
    lasts_months : int
        Months for which one volatile month switches the scoring, itself with them.
    """

    window_months: int = Field(ge=4)
    baseline_months: int = Field(ge=12)
    least_ratio: Decimal = Field(ge=1)
    alpha: Decimal = Field(gt=0, lt=1)
    lasts_months: int = Field(ge=1)


class GoalPolicy(Entry):
    """When a target asks for too much, or a goal falls back; the file `goal_policy.yml`.

    Attributes
    ----------
    least_odds : Decimal
        Odds of the published forecast, below which a target needs an override.
    volatility : VolatilityRule or None
        Without one no goal falls back.
    """

    least_odds: Decimal = Field(ge=0, lt=1)
    volatility: VolatilityRule | None = None


class CapacityBound(Entry):
    """Beyond which level no target of a KPI can lie: of one org unit, or of all."""

    kpi: Identifier
    org_unit: str | None = None
    bound: Decimal
    why: str = Field(min_length=10)


class CapacityFile(Entry):
    """The file `capacity.yml`: every declared bound."""

    bounds: tuple[CapacityBound, ...]

    @model_validator(mode="after")
    def _each_once(self) -> CapacityFile:
        keys = [(one.kpi, one.org_unit) for one in self.bounds]
        for kpi, unit in keys:
            if keys.count((kpi, unit)) > 1:
                raise ValueError(f"{kpi} of {unit or 'all units'} has two bounds: remove one")
        return self


EventSource = Literal[
    "line_days",
    "failure_minutes",
    "maintenance_finished",
    "orders_completed",
    "complaint_costs",
    "ticket_closures",
]
# What the events of a source are: a value each, a count by month, or a count by whoever closed.
_EVENTS_OF: dict[str, tuple[str, ...]] = {
    "bunching": ("line_days",),
    "heaping": ("failure_minutes", "complaint_costs"),
    "first_digits": ("complaint_costs",),
    "last_digits": ("failure_minutes", "complaint_costs"),
    "period_end": ("maintenance_finished", "orders_completed"),
    "reopened": ("ticket_closures",),
}


class GamingCheck(Entry):
    """Where a figure could be steered, and how it would show.

    Attributes
    ----------
    events : str
        Which events, one of those that `int_gaming__events` knows.
    subject : str, optional
        KPI or thing that the events make; not for `line_days`, whose KPIs are those of the plans.
    level : str, optional
        For bunching: which level in force.
    plans : tuple of str
        Scorecards and pay plans.
    step : Decimal
        Resolution of the values, for heaps and last digits.
    round_every, late_days : int
        Every so many steps a figure is round; days that end a month.
    """

    id: Identifier
    kind: Literal["bunching", "heaping", "period_end", "first_digits", "last_digits", "reopened"]
    events: EventSource
    subject: Identifier | None = None
    level: Literal["threshold", "target", "stretch"] | None = None
    plans: tuple[Identifier, ...] = ()
    step: Decimal = Field(default=Decimal(1), gt=0)
    round_every: int = Field(default=5, ge=3)
    late_days: int = Field(default=3, ge=1, le=10)
    why: str = Field(min_length=10)

    @model_validator(mode="after")
    def _kind_fits_its_events(self) -> GamingCheck:
        if self.events not in _EVENTS_OF[self.kind]:
            raise ValueError(f"a check of {self.kind} reads {' or '.join(_EVENTS_OF[self.kind])}")
        is_pile = self.kind == "bunching"
        if is_pile != (self.level is not None) or is_pile == (self.subject is not None):
            raise ValueError("give bunching a `level` and no `subject`, any other kind a `subject`")
        if is_pile and not self.plans:
            raise ValueError("name the `plans` whose KPIs could be steered")
        return self


class GamingFile(Entry):
    """The file `gaming.yml`: checks of steered figures."""

    checks: tuple[GamingCheck, ...]


class SpotCheck(Entry):
    """Readings of a KPI that are drawn by lot and looked up in a second source.

    Attributes
    ----------
    per_site_and_month : int
        Readings drawn at each site of each month.
    tolerance : Decimal
        Distance of the two values, in the unit of the KPI, up to which they agree.
    """

    kpi: Identifier
    entity_kind: Literal["line", "site", "work_unit"]
    period_kind: Literal["day", "month"]
    per_site_and_month: int = Field(ge=1, le=50)
    tolerance: Decimal = Field(ge=0)
    second_source: str = Field(min_length=10)


class SpotCheckFile(Entry):
    """The file `spot_checks.yml` of a company: the draw, and what is drawn."""

    seed: int
    checks: tuple[SpotCheck, ...]


class AlarmBudget(Entry):
    """How many false alarms a month an audience puts up with, on the charts that it looks at."""

    audience: Identifier
    title: str
    kpis: tuple[Identifier, ...] = Field(min_length=1)
    # Of leaders and days nobody reviews charts (`int_charts__input`).
    entity_kinds: tuple[
        Literal[
            "enterprise",
            "site",
            "line",
            "work_unit",
            "org_unit",
            "supplier",
            "product_category",
            "scrap_reason",
        ],
        ...,
    ] = Field(min_length=1)
    period_kinds: tuple[Literal["week", "month", "quarter"], ...] = Field(min_length=1)
    false_alarms_per_month: Decimal = Field(gt=0)


class AlarmBudgetFile(Entry):
    """The file `alarm_budgets.yml`: every audience once."""

    budgets: tuple[AlarmBudget, ...]

    @model_validator(mode="after")
    def _each_once(self) -> AlarmBudgetFile:
        names = [one.audience for one in self.budgets]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the audience {twice[0]} has two budgets: make one of them")
        return self


FeatureName = Literal["industry", "process", "region", "size"]


class UnitProfile(Entry):
    """What decides with whom a site can be compared; what is not known agrees with nothing."""

    industry: Identifier | None = None
    process: Identifier | None = None
    region: Identifier | None = None
    employees: int | None = Field(default=None, ge=1)


class ProfileFile(Entry):
    """The file `unit_profiles.yml` of a company: its sites."""

    sites: dict[str, UnitProfile]


class BenchmarkPolicy(Entry):
    """When the units of others are comparable; the file `benchmark_policy.yml`.

    Attributes
    ----------
    weights : mapping of feature to Decimal
        What agreement in each adds to the score.
    size_scale : Decimal
        Ratio of employees from which on size does not agree at all.
    least_score, years_valid, least_units
        Below, or beyond, which a benchmark is context only.
    """

    weights: dict[FeatureName, Decimal] = Field(min_length=1)
    size_scale: Decimal = Field(gt=1)
    least_score: Decimal = Field(gt=0, le=1)
    years_valid: int = Field(ge=1)
    least_units: int = Field(ge=2)

    @model_validator(mode="after")
    def _weights_sum_to_one(self) -> BenchmarkPolicy:
        total = sum(self.weights.values(), Decimal(0))
        if total != 1 or min(self.weights.values()) < 0:
            raise ValueError(f"the weights sum to {total}, not to 1, or one is negative")
        return self


class Benchmark(Entry):
    """What others reach in a KPI, as somebody published it: percentiles over their units.

    Attributes
    ----------
    definition : Decimal
        How far their KPI is defined as ours is: 1 for the same, 0 for another figure altogether.
    per_doubling : Decimal
        What the KPI gains when a unit has twice the employees, in its unit, by the same source.
    percentiles : mapping of percentage to level
        The median and at least one other of 10, 25, 75 and 90, rising.
    """

    id: Identifier
    kpi: Identifier
    title: str
    source: str = Field(min_length=10)
    published_on: dt.date
    period_end: dt.date
    units: int = Field(ge=1)
    definition: Decimal = Field(ge=0, le=1)
    profile: UnitProfile
    per_doubling: Decimal = Decimal(0)
    percentiles: dict[Literal[10, 25, 50, 75, 90], Decimal] = Field(min_length=2)

    @model_validator(mode="after")
    def _percentiles_rise_about_the_median(self) -> Benchmark:
        levels = [self.percentiles[share] for share in sorted(self.percentiles)]
        if 50 not in self.percentiles:  # noqa: PLR2004 - the median
            raise ValueError("give the median (50) among the percentiles")
        if any(later <= earlier for earlier, later in itertools.pairwise(levels)):
            raise ValueError("the levels of the percentiles rise with their share")
        return self


class Quiz(Entry):
    """When a quiz on reading variation is passed; the file `quiz.yml`.

    Attributes
    ----------
    pass_mark : Decimal
        Of 100.
    least_people : int
        Fewest people who took it, of whom a share is told.
    """

    pass_mark: Decimal = Field(gt=0, le=100)
    least_people: int = Field(ge=3)


Hanging = Literal["pay", "promotion", "termination"]


class Consequence(Entry):
    """What hangs on a KPI for people in one company, and since or from which day on."""

    kpi: Identifier
    hang_on_it: tuple[Hanging, ...] = Field(min_length=1)
    since: dt.date


class ConsequenceFile(Entry):
    """The file `consequences.yml` of a company: the shipped catalogue cannot know it."""

    consequences: tuple[Consequence, ...]


class Kpi(Entry):
    """One KPI: what it asks, how it is computed, where it is expected, how it is judged.

    The value is `numerator` over `denominator`, or the product of the ratios under `factors`, each
    a ratio of sums; a reading then keeps the products as its parts. `absent_denominator_is_zero`
    serves counts of what may never have happened, such as failures + 1.

    `not_computable` is for a company's override: why its input cannot carry the KPI although the
    feeds come. No value is computed then, and every reading repeats the reason.

    `consequences` says what hangs on it for people, from the day `consequences_from` on; with any,
    its impact is high: a change of it needs more people's consent, and from that day on no card
    has it unless the board approved it. A company says so of shipped KPIs in `consequences.yml`.
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
    consequences: tuple[Hanging, ...] = ()
    consequences_from: dt.date | None = None
    numerator: tuple[Term, ...] = ()
    denominator: tuple[Term, ...] = ()
    factors: tuple[Factor, ...] = Field(default=(), max_length=3)
    trials: tuple[Term, ...] = ()
    absent_numerator_is_zero: bool = False
    absent_denominator_is_zero: bool = False
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
    def _consequences_begin_on_a_day(self) -> Kpi:
        if bool(self.consequences) != (self.consequences_from is not None):
            raise ValueError("give `consequences` and `consequences_from` together, or neither")
        return self

    @model_validator(mode="after")
    def _formula_is_one_ratio_or_a_product(self) -> Kpi:
        if bool(self.numerator) == bool(self.factors):
            raise ValueError("give either `numerator` (and `denominator`) or `factors`")
        if self.factors and (self.denominator or self.minimum_denominator is not None):
            raise ValueError(
                "with `factors` neither `denominator` nor `minimum_denominator` is read"
            )
        if self.absent_denominator_is_zero and not any(
            term.constant for _, denominator in self.ratios() for term in denominator
        ):
            raise ValueError("`absent_denominator_is_zero` would divide by zero without a constant")
        for terms in (self.trials, *(side for ratio in self.ratios() for side in ratio if side)):
            if terms and all(term.measure is None for term in terms):
                raise ValueError("a sum of constants alone measures nothing: name a measure")
        return self

    def ratios(self) -> tuple[tuple[tuple[Term, ...], tuple[Term, ...]], ...]:
        """Numerator and denominator of each factor; of most KPIs there is one."""
        if not self.factors:
            return ((self.numerator, self.denominator),)
        return tuple((factor.numerator, factor.denominator) for factor in self.factors)

    def measures(self) -> frozenset[str]:
        """Return the ids of all measures that the KPI reads."""
        terms = [*self.trials, *(t for ratio in self.ratios() for side in ratio for t in side)]
        return frozenset(term.measure for term in terms if term.measure is not None)

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


class Lead(Entry):
    """A KPI that is declared to run ahead of another."""

    leading: Identifier
    lagging: Identifier
    why: str = Field(min_length=10)


class Leading(Entry):
    """What is said of leading KPIs; the file `leading.yml`.

    Attributes
    ----------
    least_leading_weight, least_lagging_weight : Decimal
        Share of a scorecard's weight that leading and lagging KPIs shall have at least.
    """

    least_leading_weight: Decimal = Field(ge=0, le=1)
    least_lagging_weight: Decimal = Field(ge=0, le=1)
    pairs: tuple[Lead, ...] = ()

    @model_validator(mode="after")
    def _can_be_met(self) -> Leading:
        if self.least_leading_weight + self.least_lagging_weight > 1:
            raise ValueError("the least weights sum to more than 1: no card could have both")
        pairs = [(one.leading, one.lagging) for one in self.pairs]
        if len(set(pairs)) != len(pairs):
            raise ValueError("a pair is declared twice: remove one")
        return self


class Driver(Entry):
    """What a series of the world outside does to a KPI of the sites in its country, as declared.

    Only an `exogenous` one may be taken out of a change: what leaders share in (`shared`) or bring
    about (`leader_influenced`) would take their work with it.
    """

    kpi: Identifier
    factor: Identifier
    role: Literal["exogenous", "shared", "leader_influenced"]
    lag_months: int = Field(default=0, ge=0, le=24)
    why: str = Field(min_length=10)


class DriverFile(Entry):
    """The file `drivers.yml`: every declared driver."""

    drivers: tuple[Driver, ...]

    @model_validator(mode="after")
    def _each_once(self) -> DriverFile:
        pairs = [(driver.kpi, driver.factor) for driver in self.drivers]
        twice = sorted({pair for pair in pairs if pairs.count(pair) > 1})
        if twice:
            raise ValueError(f"{twice[0][1]} is declared twice for {twice[0][0]}: remove one")
        return self


class PayItem(Entry):
    """One KPI of a pay plan: its weight, and what is paid at threshold, target and stretch."""

    kpi: Identifier
    weight: Decimal = Field(gt=0, le=1)
    pay_at: tuple[Decimal, Decimal, Decimal]

    @model_validator(mode="after")
    def _pay_rises(self) -> PayItem:
        if list(self.pay_at) != sorted(self.pay_at) or self.pay_at[0] < 0:
            raise ValueError("`pay_at` must rise from threshold over target to stretch, from 0 on")
        return self


class PayPlan(Entry):
    """What would be paid for which KPIs, in multiples of the pay on target.

    Nothing is paid below a KPI's threshold and no more beyond its stretch; nothing at all while a
    KPI of `gates` misses its threshold. `leverage` moves the sum about 1, `cap` ends it.
    """

    id: Identifier
    version: int = Field(ge=1)
    title: str
    subject_kind: Literal["site", "line"]
    items: tuple[PayItem, ...] = Field(min_length=1)
    gates: tuple[Identifier, ...] = ()
    cap: Decimal = Field(gt=0)
    leverage: Decimal = Field(default=Decimal(1), ge=0)

    @model_validator(mode="after")
    def _weights_sum_to_one(self) -> PayPlan:
        total = sum((item.weight for item in self.items), Decimal(0))
        if total != 1:
            raise ValueError(f"the weights sum to {total}, not to 1: change the weights of `items`")
        kpis = [*(item.kpi for item in self.items), *self.gates]
        if len(set(kpis)) != len(kpis):
            raise ValueError("a KPI is listed twice in `items` and `gates`")
        return self


StratumName = Literal["site", "level"]
StratumRole = Literal["legitimate", "possibly_tainted"]
AttributeName = Literal["gender", "age_band", "ethnicity", "disability"]


class RatingAudit(Entry):
    """What an audit of ratings holds to be fair, said before anybody has seen its result.

    Attributes
    ----------
    favourable_points : Decimal
        Rating points from which a rating counts as favourable.
    ratio_cut : Decimal
        Ratio of favourable shares below which a difference matters.
    alpha : Decimal
        Share of false findings that is put up with.
    least_members : int
        Members of a group, below which nothing is said of it.
    references : mapping of attribute to group
        Attributes that are audited, each with the group that the others are held against.
    strata : mapping of stratum to role
        Whether the stratum may rightly explain a difference (`legitimate`) or may itself come of
        bias (`possibly_tainted`).
    """

    id: Identifier
    title: str
    declared_on: dt.date
    favourable_points: Decimal
    ratio_cut: Decimal = Field(gt=0, le=1)
    alpha: Decimal = Field(gt=0, lt=1)
    least_members: int = Field(ge=2)
    references: dict[AttributeName, str] = Field(min_length=1)
    strata: dict[StratumName, StratumRole] = Field(default_factory=dict)


class TrialWave(Entry):
    """Lines on which a change began on the same day."""

    starts_on: dt.date
    lines: tuple[str, ...] = Field(min_length=1)

    @field_validator("starts_on")
    @classmethod
    def _begins_with_a_month(cls, value: dt.date) -> dt.date:
        if value.day != 1:
            raise ValueError(
                f"{value} is no first day of a month: a month in which a change began is neither "
                "before nor after it, so name the first whole month"
            )
        return value


class TrialStep(Entry):
    """What lines under a change have to do, and by which day; without `lines` all of them.

    Lines with other days stand in another entry of the same id.
    """

    id: Identifier
    title: str
    due: dt.date
    lines: tuple[str, ...] | None = Field(default=None, min_length=1)


class Trial(Entry):
    """A change that was tried on some lines, and what was decided about it before it began.

    Attributes
    ----------
    smallest_effect : Decimal
        In the unit of the KPI, above 0: what the change must be worth.
    decision : str
        What will be done on which result.
    steps : tuple of TrialStep
        What the change consists of; whether it was done is recorded by acts (`trial_step`).
    least_fidelity : Decimal
        Share of its due steps, done in time, from which on a line counts as having done it.
    """

    id: Identifier
    title: str
    question: str
    kpi: Identifier
    decided_on: dt.date
    smallest_effect: Decimal = Field(gt=0)
    decision: str
    waves: tuple[TrialWave, ...] = Field(min_length=1)
    steps: tuple[TrialStep, ...] = ()
    least_fidelity: Decimal = Field(default=Decimal("0.8"), gt=0, le=1)

    @property
    def lines(self) -> tuple[str, ...]:
        """Lines under the change, by wave."""
        return tuple(line for wave in self.waves for line in wave.lines)

    @property
    def steps_by_line(self) -> dict[tuple[str, str], TrialStep]:
        """Steps by line and id."""
        return {(line, step.id): step for step in self.steps for line in (step.lines or self.lines)}

    @model_validator(mode="after")
    def _steps_are_those_of_its_lines(self) -> Trial:
        seen: set[tuple[str, str]] = set()
        for step in self.steps:
            if step.due < self.decided_on:
                raise ValueError(
                    f"step {step.id} is due on {step.due}, before the trial was decided on: "
                    "correct the day"
                )
            for line in step.lines or self.lines:
                if line not in self.lines:
                    raise ValueError(
                        f"step {step.id} names {line}, which no wave has: correct the line"
                    )
                if (line, step.id) in seen:
                    raise ValueError(
                        f"step {step.id} of {line} is declared twice: name other lines in the "
                        "second entry, or give it an id of its own"
                    )
                seen.add((line, step.id))
        return self

    @model_validator(mode="after")
    def _is_decided_before_it_begins(self) -> Trial:
        first = min(wave.starts_on for wave in self.waves)
        if self.decided_on >= first:
            raise ValueError(
                f"it was decided on {self.decided_on} and began on {first}: what counts as success "
                "is written down before the start"
            )
        twice = sorted({line for line in self.lines if self.lines.count(line) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} begins twice: keep each line in one wave")
        return self
