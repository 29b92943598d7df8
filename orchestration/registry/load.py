"""Reads, validates and tabulates the registers; where a company overrides a file, its file wins."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from orchestration.registry.model import (
    AlarmBudgetFile,
    Benchmark,
    BenchmarkPolicy,
    CapacityBound,
    CapacityFile,
    Consequence,
    ConsequenceFile,
    Driver,
    DriverFile,
    FeatureName,
    FeedbackPolicy,
    GamingCheck,
    GamingFile,
    GoalPolicy,
    Kpi,
    KpiReview,
    Leading,
    Measure,
    MeasureFile,
    Notices,
    PayPlan,
    ProfileFile,
    Quiz,
    RatingAudit,
    RatingPolicy,
    ScorecardTemplate,
    SpotCheckFile,
    Term,
    Trial,
    UnitProfile,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

FEATURES: Final[tuple[FeatureName, ...]] = ("industry", "process", "region", "size")
Model = TypeVar("Model", bound=BaseModel)
Row = dict[str, object]


class RegisterError(ValueError):
    """A register file that cannot be used; the message names file, place and remedy."""


@dataclass(frozen=True)
class Registers:
    """All validated registers of one company."""

    measures: Mapping[str, Measure]
    kpis: Mapping[str, Kpi]
    scorecards: Sequence[ScorecardTemplate]
    review: KpiReview | None = None
    notices: Notices | None = None
    feedback: FeedbackPolicy | None = None
    ratings: RatingPolicy | None = None
    goals: GoalPolicy | None = None
    capacity: Mapping[tuple[str, str | None], CapacityBound] = field(default_factory=dict)
    alarms: AlarmBudgetFile | None = None
    quiz: Quiz | None = None
    drivers: Sequence[Driver] = ()
    pay_plans: Sequence[PayPlan] = ()
    audits: Mapping[str, RatingAudit] = field(default_factory=dict)
    trials: Mapping[str, Trial] = field(default_factory=dict)
    gaming: Mapping[str, GamingCheck] = field(default_factory=dict)
    spot_checks: SpotCheckFile | None = None
    leading: Leading | None = None
    benchmarks: Mapping[str, Benchmark] = field(default_factory=dict)
    comparability: BenchmarkPolicy | None = None
    profiles: Mapping[str, UnitProfile] = field(default_factory=dict)


def load_registers(folders: Iterable[Path]) -> Registers:
    """Read the registers of `folders`, the shipped ones first and the company's last.

    Parameters
    ----------
    folders : iterable of Path
        Each may hold `measures.yml`, `drivers.yml`, `kpis/**/*.yml`, `consequences.yml`,
        `kpi_review.yml`, `notices.yml`, `feedback.yml`, `rating_policy.yml`, `goal_policy.yml`,
        `alarm_budgets.yml`, `capacity.yml`, `gaming.yml`, `spot_checks.yml`, `leading.yml`,
        `benchmark_policy.yml`, `unit_profiles.yml`, `quiz.yml`, `scorecards/*.yml`,
        `pay_plans/*.yml`, `audits/*.yml`, `benchmarks/*.yml` and `trials/*.yml`. A KPI, measure,
        consequence, check of gaming, pay plan, scorecard version, audit, benchmark or trial of a
        later folder replaces the one of the same id, a driver that of the same KPI and factor,
        a bound of capacity that of the same KPI and org unit.

    Returns
    -------
    Registers
        Validated entries, in order of id.

    Raises
    ------
    RegisterError
        If a file does not follow the schema, or a term, scorecard or trial names something that
        does not exist.
    """
    folders = list(folders)
    merged = partial(_merged, folders)
    measures = merged("measures.yml", MeasureFile, lambda file: file.measures, "id")
    kpis = merged("kpis/**/*.yml", Kpi, _one, "id")
    scorecards = merged("scorecards/*.yml", ScorecardTemplate, _one, "id", "version")
    audits = merged("audits/*.yml", RatingAudit, _one, "id")
    trials = merged("trials/*.yml", Trial, _one, "id")
    drivers = merged("drivers.yml", DriverFile, lambda file: file.drivers, "kpi", "factor")
    gaming = merged("gaming.yml", GamingFile, lambda file: file.checks, "id")
    pay_plans = merged("pay_plans/*.yml", PayPlan, _one, "id")
    capacity = merged("capacity.yml", CapacityFile, lambda file: file.bounds, "kpi", "org_unit")
    benchmarks = merged("benchmarks/*.yml", Benchmark, _one, "id")
    profiles = _last(folders, "unit_profiles.yml", ProfileFile)
    registers = Registers(
        measures=dict(sorted(measures.items())),
        kpis=dict(sorted(_with_consequences(kpis, folders).items())),
        scorecards=[scorecards[key] for key in sorted(scorecards)],
        audits=dict(sorted(audits.items())),
        trials=dict(sorted(trials.items())),
        benchmarks=dict(sorted(benchmarks.items())),
        comparability=_last(folders, "benchmark_policy.yml", BenchmarkPolicy),
        profiles=profiles.sites if profiles else {},
        review=_last(folders, "kpi_review.yml", KpiReview),
        notices=_last(folders, "notices.yml", Notices),
        feedback=_last(folders, "feedback.yml", FeedbackPolicy),
        ratings=_last(folders, "rating_policy.yml", RatingPolicy),
        goals=_last(folders, "goal_policy.yml", GoalPolicy),
        capacity={key: capacity[key] for key in sorted(capacity, key=str)},
        alarms=_last(folders, "alarm_budgets.yml", AlarmBudgetFile),
        quiz=_last(folders, "quiz.yml", Quiz),
        drivers=[drivers[key] for key in sorted(drivers)],
        pay_plans=[pay_plans[key] for key in sorted(pay_plans)],
        gaming=dict(sorted(gaming.items())),
        spot_checks=_last(folders, "spot_checks.yml", SpotCheckFile),
        leading=_last(folders, "leading.yml", Leading),
    )
    _check_references(registers)
    return registers


def _merged(
    folders: Iterable[Path],
    pattern: str,
    file: type[Model],
    entries: Callable[[Model], Iterable[BaseModel]],
    *key: str,
) -> dict[Any, Any]:
    """Return the entries of all files by key; one of a later folder replaces that of the same."""
    of = attrgetter(*key)
    return {
        of(entry): entry
        for folder in folders
        for path in sorted(folder.glob(pattern))
        for entry in entries(read_entry(path, file))
    }


def _one(entry: Model) -> tuple[Model]:
    return (entry,)


def _last(folders: Iterable[Path], name: str, model: type[Model]) -> Model | None:
    """Return what the last of the folders that has a file says in it."""
    found = [folder / name for folder in folders if (folder / name).exists()]
    return read_entry(found[-1], model) if found else None


def _with_consequences(kpis: Mapping[str, Kpi], folders: Iterable[Path]) -> dict[str, Kpi]:
    """Return the KPIs with what a company says hangs on them."""
    hanging: dict[str, Consequence] = {}
    for folder in folders:
        for path in sorted(folder.glob("consequences.yml")):
            hanging |= {one.kpi: one for one in read_entry(path, ConsequenceFile).consequences}
    for unknown in sorted(hanging.keys() - kpis.keys()):
        raise RegisterError(
            f"consequences.yml names the KPI {unknown!r}, which has no file: correct the id or "
            "drop the entry."
        )
    return dict(kpis) | {
        one.kpi: kpis[one.kpi].model_copy(
            update={"consequences": one.hang_on_it, "consequences_from": one.since}
        )
        for one in hanging.values()
    }


def register_tables(
    registers: Registers, latency_days_by_feed: Mapping[str, int]
) -> dict[str, list[Row]]:
    """Tabulate the registers for the warehouse.

    Parameters
    ----------
    registers : Registers
        Validated registers.
    latency_days_by_feed : mapping of str to int
        Days after a period's end until deliveries of a feed are complete, from its contract.

    Returns
    -------
    dict of str to list of dict
        Table name to rows: `kpis`, `kpi_terms`, `kpi_grains`, `kpi_counters`, `measures`,
        `measure_feeds`, `scorecard_templates`, `scorecard_items`, `kpi_review`, `notices`,
        `kpi_drivers`, `pay_plan_items`, `gaming_checks`, `gaming_check_plans`, `spot_checks`,
        `audit_attributes`, `trials`, `trial_lines`, `trial_steps`, `feedback_groups`,
        `rating_policy`, `goal_policy`, `capacity_bounds`, `benchmarks`, `benchmark_policy`,
        `unit_profiles`, `kpi_leads`, `card_balance`, `alarm_budgets`, `quiz`.
    """
    tables: dict[str, list[Row]] = {
        "kpis": [_kpi_row(kpi) for kpi in registers.kpis.values()],
        "kpi_terms": [
            {
                "kpi_id": kpi.id,
                "factor": factor,
                "role": role,
                "measure_id": term.measure,
                "constant": term.constant,
                "coefficient": term.coefficient,
            }
            for kpi in registers.kpis.values()
            for factor, role, terms in _sides(kpi)
            for term in terms
        ],
        "kpi_grains": [
            {"kpi_id": kpi.id, "entity_kind": entity_kind, "period_kind": period_kind}
            for kpi in registers.kpis.values()
            for entity_kind, period_kinds in kpi.grain.items()
            for period_kind in period_kinds
        ],
        "kpi_counters": [
            {"kpi_id": kpi.id, "counter_kpi_id": counter}
            for kpi in registers.kpis.values()
            for counter in kpi.counter_kpis
        ],
        "measures": [
            {
                "measure_id": measure.id,
                "description": measure.description,
                "unit": measure.unit,
                "entity_kind": measure.entity_kind,
                "period_kind": measure.period_kind,
                "over_time": measure.over_time,
                "distribution": measure.distribution,
            }
            for measure in registers.measures.values()
        ],
        "measure_feeds": [
            {
                "measure_id": measure.id,
                "feed": feed,
                "latency_days": latency_days_by_feed.get(feed, 0),
            }
            for measure in registers.measures.values()
            for feed in measure.feeds
        ],
        "kpi_review": [registers.review.model_dump()] if registers.review else [],
        "notices": [registers.notices.model_dump()] if registers.notices else [],
        "quiz": [registers.quiz.model_dump()] if registers.quiz else [],
        "rating_policy": [registers.ratings.model_dump()] if registers.ratings else [],
        "goal_policy": [
            {
                "least_odds": policy.least_odds,
                **(policy.volatility.model_dump() if policy.volatility else {}),
            }
            for policy in [registers.goals]
            if policy is not None
        ],
        "capacity_bounds": [
            {
                "kpi_id": one.kpi,
                "org_unit_id": one.org_unit,
                "bound_level": one.bound,
                "reason": one.why,
            }
            for one in registers.capacity.values()
        ],
        "benchmarks": [_benchmark_row(one) for one in registers.benchmarks.values()],
        "benchmark_policy": [
            {
                **{f"{name}_weight": policy.weights.get(name, 0) for name in FEATURES},
                **policy.model_dump(exclude={"weights"}),
            }
            for policy in [registers.comparability]
            if policy is not None
        ],
        "unit_profiles": [
            {"site_id": site} | _profile_row(profile)
            for site, profile in sorted(registers.profiles.items())
        ],
        "feedback_groups": [
            {
                "relationship_code": relationship,
                "weight": weight,
                "least_raters": policy.least_raters[relationship],
                "least_ratees": policy.least_ratees,
                "least_weight": policy.least_weight,
            }
            for policy in [registers.feedback]
            if policy is not None
            for relationship, weight in sorted(policy.weights.items())
        ],
        "alarm_budgets": [
            {
                "audience": budget.audience,
                "title": budget.title,
                "kpi_id": kpi,
                "entity_kind": entity_kind,
                "period_kind": period_kind,
                "false_alarms_per_month": budget.false_alarms_per_month,
            }
            for file in [registers.alarms]
            if file is not None
            for budget in file.budgets
            for kpi in budget.kpis
            for entity_kind in budget.entity_kinds
            for period_kind in budget.period_kinds
            if period_kind in registers.kpis[kpi].grain.get(entity_kind, ())
        ],
        "scorecard_templates": [],
        "scorecard_items": [],
        "audit_attributes": [
            {
                "audit_id": audit.id,
                "attribute_name": attribute,
                "reference_group_code": reference,
                "favourable_points": audit.favourable_points,
                "ratio_cut": audit.ratio_cut,
                "alpha": audit.alpha,
                "least_members": audit.least_members,
                "site_role": audit.strata.get("site"),
                "level_role": audit.strata.get("level"),
            }
            for audit in registers.audits.values()
            for attribute, reference in sorted(audit.references.items())
        ],
        "trials": [
            {
                "trial_id": trial.id,
                "title": trial.title,
                "question": trial.question,
                "kpi_id": trial.kpi,
                "decided_on_date": trial.decided_on,
                "smallest_effect": trial.smallest_effect,
                "decision": trial.decision,
                "least_fidelity": trial.least_fidelity,
            }
            for trial in registers.trials.values()
        ],
        "trial_lines": [
            {"trial_id": trial.id, "line_id": line, "starts_on_date": wave.starts_on}
            for trial in registers.trials.values()
            for wave in trial.waves
            for line in wave.lines
        ],
        "trial_steps": [
            {
                "trial_id": trial.id,
                "line_id": line,
                "step_id": step.id,
                "title": step.title,
                "due_date": step.due,
            }
            for trial in registers.trials.values()
            for (line, _), step in trial.steps_by_line.items()
        ],
        "kpi_drivers": [
            {
                "kpi_id": driver.kpi,
                "factor_id": driver.factor,
                "role_code": driver.role,
                "lag_months": driver.lag_months,
            }
            for driver in registers.drivers
        ],
        "gaming_checks": [
            {
                "check_id": check.id,
                "check_kind": check.kind,
                "event_source": check.events,
                "subject_id": check.subject,
                "level_name": check.level,
                "step": check.step,
                "round_every": check.round_every,
                "late_days": check.late_days,
            }
            for check in registers.gaming.values()
        ],
        "gaming_check_plans": [
            {"check_id": check.id, "plan_id": plan}
            for check in registers.gaming.values()
            for plan in check.plans
        ],
        "spot_checks": [
            {
                "kpi_id": check.kpi,
                "entity_kind": check.entity_kind,
                "period_kind": check.period_kind,
                "per_site_and_month": check.per_site_and_month,
                "tolerance": check.tolerance,
                "second_source": check.second_source,
                "seed": registers.spot_checks.seed,
            }
            for check in registers.spot_checks.checks
        ]
        if registers.spot_checks
        else [],
        "kpi_leads": [
            {"leading_kpi_id": pair.leading, "lagging_kpi_id": pair.lagging}
            for pair in (registers.leading.pairs if registers.leading else ())
        ],
        "card_balance": [registers.leading.model_dump(exclude={"pairs"})]
        if registers.leading
        else [],
        "pay_plan_items": [row for plan in registers.pay_plans for row in pay_plan_rows(plan)],
    }
    for template in registers.scorecards:
        identity = {"template_id": template.id, "template_version": template.version}
        tables["scorecard_templates"].append(
            identity
            | {
                "title": template.title,
                "subject_kind": template.subject_kind,
                "period_kind": template.period_kind,
                "valid_from": template.valid_from,
                "valid_to": _last_day(template, registers.scorecards),
                "template_hash": content_hash(template),
            }
        )
        tables["scorecard_items"] += [
            identity | {"position": position, "kpi_id": item.kpi, "weight": item.weight}
            for position, item in enumerate(template.items, start=1)
        ]
    return tables


def content_hash(entry: BaseModel) -> str:
    """Return the sha256 of an entry's content, the same however its file is laid out."""
    text = json.dumps(entry.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _sides(kpi: Kpi) -> Iterator[tuple[int, str, tuple[Term, ...]]]:
    for factor, (numerator, denominator) in enumerate(kpi.ratios(), start=1):
        yield factor, "numerator", numerator
        yield factor, "denominator", denominator
    yield 1, "trials", kpi.trials


def pay_plan_rows(plan: PayPlan) -> Iterator[Row]:
    """Return one row per KPI that pays or is a gate."""
    whole = {
        "plan_id": plan.id,
        "plan_version": plan.version,
        "title": plan.title,
        "subject_kind": plan.subject_kind,
        "cap": plan.cap,
        "leverage": plan.leverage,
    }
    for item in plan.items:
        at = dict(zip(("threshold", "target", "stretch"), item.pay_at, strict=True))
        yield whole | {
            "kpi_id": item.kpi,
            "is_gate": False,
            "weight": item.weight,
            **{f"pay_at_{level}": pay for level, pay in at.items()},
        }
    for gate in plan.gates:
        yield whole | {
            "kpi_id": gate,
            "is_gate": True,
            **dict.fromkeys(("weight", "pay_at_threshold", "pay_at_target", "pay_at_stretch"), 0),
        }


def _benchmark_row(one: Benchmark) -> Row:
    return {
        "benchmark_id": one.id,
        "kpi_id": one.kpi,
        "title": one.title,
        "source_name": one.source,
        "published_on_date": one.published_on,
        "period_end_date": one.period_end,
        "unit_count": one.units,
        "definition_share": one.definition,
        "per_doubling": one.per_doubling,
        **_profile_row(one.profile),
        **{f"p{share}_level": level for share, level in one.percentiles.items()},
    }


def _profile_row(profile: UnitProfile) -> Row:
    return {
        "industry_code": profile.industry,
        "process_code": profile.process,
        "region_code": profile.region,
        "employee_count": profile.employees,
    }


def _kpi_row(kpi: Kpi) -> Row:
    bands = kpi.bands
    return {
        "kpi_id": kpi.id,
        "kpi_name": kpi.name,
        "question": kpi.question,
        "definition": kpi.definition,
        "unit": kpi.unit,
        "multiplier": kpi.multiplier,
        "decimals": kpi.decimals,
        "direction": kpi.direction,
        "timing": kpi.timing,
        "domain": kpi.domain,
        "owner": kpi.owner,
        "steward": kpi.steward,
        "sensitivity": kpi.sensitivity,
        "has_consequences": bool(kpi.consequences),
        "consequences_from_date": kpi.consequences_from,
        "factor_count": len(kpi.ratios()),
        "has_denominator": bool(kpi.denominator or kpi.factors),
        "absent_numerator_is_zero": kpi.absent_numerator_is_zero,
        "absent_denominator_is_zero": kpi.absent_denominator_is_zero,
        "has_trials": bool(kpi.trials),
        "minimum_denominator": kpi.minimum_denominator,
        "not_computable_reason": kpi.not_computable,
        "chart_kind": kpi.chart.kind,
        "when_rare": kpi.chart.when_rare,
        "rule_set": kpi.chart.convention,
        "baseline_readings": kpi.chart.baseline_readings,
        "baseline_from_date": kpi.chart.baseline.first if kpi.chart.baseline else None,
        "baseline_to_date": kpi.chart.baseline.last if kpi.chart.baseline else None,
        "when_not_in_control": kpi.chart.when_not_in_control,
        "floor_level": bands.floor if bands else None,
        "threshold_level": bands.threshold if bands else None,
        "target_level": bands.target if bands else None,
        "stretch_level": bands.stretch if bands else None,
        "definition_version": max(version.version for version in kpi.versions),
        "definition_hash": content_hash(kpi),
    }


def _check_references(registers: Registers) -> None:
    for kpi in registers.kpis.values():
        for measure in sorted(kpi.measures()):
            if measure not in registers.measures:
                raise RegisterError(
                    f"KPI {kpi.id} names the measure {measure!r}, which measures.yml "
                    "does not define: correct the name or define the measure."
                )
        for counter in kpi.counter_kpis:
            if counter not in registers.kpis:
                raise RegisterError(
                    f"KPI {kpi.id} names the counter-KPI {counter!r}, which has no file: "
                    "correct the id or add the KPI."
                )
    _check_charts(registers)
    _check_alarm_budgets(registers)
    _check_trials(registers)
    _check_drivers(registers)
    _check_capacity(registers)
    _check_benchmarks(registers)
    _check_pay_plans(registers)
    _check_gaming(registers)
    _check_spot_checks(registers)
    _check_leads(registers)
    _check_one_template_at_a_time(registers.scorecards)
    for template in registers.scorecards:
        for item in template.items:
            if item.kpi not in registers.kpis:
                raise RegisterError(
                    f"Scorecard {template.id} version {template.version} names {item.kpi!r}, "
                    "which has no file: correct the id or add the KPI."
                )
            periods = registers.kpis[item.kpi].grain.get(template.subject_kind, ())
            if template.period_kind not in periods:
                raise RegisterError(
                    f"Scorecard {template.id} version {template.version} wants {item.kpi} per "
                    f"{template.subject_kind} and {template.period_kind}, which the KPI's `grain` "
                    "does not list: add it there or drop the item."
                )


_COUNTED = {
    **dict.fromkeys(("p", "laney_p", "g"), "binomial"),
    **dict.fromkeys(("u", "laney_u", "t", "c"), "poisson"),
}


def _check_charts(registers: Registers) -> None:
    """Refuse a chart of counts for a KPI whose measures count nothing of the kind."""
    for kpi in registers.kpis.values():
        kind = kpi.chart.kind
        if kind not in _COUNTED:
            continue
        if kpi.factors:
            raise RegisterError(
                f"KPI {kpi.id} is a product of ratios and has a {kind} chart, which needs one "
                "count: take i_mr."
            )
        if bool(kpi.denominator) == (kind == "c"):
            need = "no denominator" if kind == "c" else "a denominator"
            raise RegisterError(
                f"KPI {kpi.id} has a {kind} chart, which needs {need}: take "
                f"{'u' if kind == 'c' else 'c or i_mr'}."
            )
        for term in kpi.numerator:
            if term.measure is None:
                continue
            found = registers.measures[term.measure].distribution
            if found != _COUNTED[kind]:
                raise RegisterError(
                    f"KPI {kpi.id} has a {kind} chart, which needs {_COUNTED[kind]} counts, and "
                    f"{term.measure} is {found}: take a chart that fits, or correct the measure."
                )


def _check_gaming(registers: Registers) -> None:
    plans = {card.id for card in registers.scorecards} | {plan.id for plan in registers.pay_plans}
    for check in registers.gaming.values():
        for plan in check.plans:
            if plan not in plans:
                raise RegisterError(
                    f"The check {check.id} of gaming.yml names the plan {plan!r}, which is neither "
                    "a scorecard nor a pay plan: correct the id."
                )


def _check_spot_checks(registers: Registers) -> None:
    for check in registers.spot_checks.checks if registers.spot_checks else ():
        kpi = registers.kpis.get(check.kpi)
        if kpi is None or check.period_kind not in kpi.grain.get(check.entity_kind, ()):
            raise RegisterError(
                f"spot_checks.yml draws {check.kpi!r} per {check.entity_kind} and "
                f"{check.period_kind}, which is no reading of a KPI: correct the entry."
            )


def _check_leads(registers: Registers) -> None:
    for pair in registers.leading.pairs if registers.leading else ():
        for name, timing in ((pair.leading, "leading"), (pair.lagging, "lagging")):
            kpi = registers.kpis.get(name)
            if kpi is None or kpi.timing != timing:
                raise RegisterError(
                    f"leading.yml names {name!r} as {timing}, which no file of a KPI says: correct "
                    "the pair or the `timing` of the KPI."
                )


def _check_alarm_budgets(registers: Registers) -> None:
    for budget in registers.alarms.budgets if registers.alarms else ():
        unknown = sorted(set(budget.kpis) - registers.kpis.keys())
        if unknown:
            raise RegisterError(
                f"The alarm budget of {budget.audience} names the KPI {unknown[0]!r}, which has no "
                "file: correct the id or drop it."
            )
        grains = [registers.kpis[name].grain for name in budget.kpis]
        periods = {one for kind in budget.entity_kinds for by in grains for one in by.get(kind, ())}
        if not periods & set(budget.period_kinds):
            raise RegisterError(
                f"The alarm budget of {budget.audience} covers no chart: none of its KPIs has a "
                f"grain of {' or '.join(budget.entity_kinds)} per "
                f"{' or '.join(budget.period_kinds)}; correct the kinds."
            )


def _check_trials(registers: Registers) -> None:
    for trial in registers.trials.values():
        kpi = registers.kpis.get(trial.kpi)
        if kpi is None or "month" not in kpi.grain.get("line", ()):
            raise RegisterError(
                f"Trial {trial.id} names {trial.kpi!r}, which is no KPI with a monthly reading of "
                "lines: correct the id, or add the grain to the KPI."
            )


def _last_day(
    template: ScorecardTemplate, templates: Sequence[ScorecardTemplate]
) -> dt.date | None:
    """Return the last day of a version: its own, or the day before a later version begins."""
    ends = [
        later.valid_from - dt.timedelta(days=1)
        for later in templates
        if later.id == template.id
        and later.version > template.version
        and later.valid_from > template.valid_from
    ]
    if template.valid_to is not None:
        ends.append(template.valid_to)
    return min(ends, default=None)


def _check_drivers(registers: Registers) -> None:
    for driver in registers.drivers:
        if driver.kpi not in registers.kpis:
            raise RegisterError(
                f"drivers.yml names the KPI {driver.kpi!r}, which has no file: correct the id or "
                "add the KPI."
            )


def _check_benchmarks(registers: Registers) -> None:
    for benchmark in registers.benchmarks.values():
        kpi = registers.kpis.get(benchmark.kpi)
        has_months = kpi is not None and "month" in kpi.grain.get("site", ())
        if kpi is None or not has_months or kpi.direction not in {"higher", "lower"}:
            raise RegisterError(
                f"Benchmark {benchmark.id} names {benchmark.kpi!r}, which is no KPI with a better "
                "side and a monthly reading of sites: correct the id, or add the grain to the KPI."
            )


def _check_capacity(registers: Registers) -> None:
    for bound in registers.capacity.values():
        kpi = registers.kpis.get(bound.kpi)
        if kpi is None or kpi.direction not in {"higher", "lower"}:
            raise RegisterError(
                f"capacity.yml names {bound.kpi!r}, which is no KPI with a better side: correct "
                "the id or drop the bound."
            )


def _check_pay_plans(registers: Registers) -> None:
    for plan in registers.pay_plans:
        _check_pay_plan(plan, registers.kpis)


def _check_pay_plan(plan: PayPlan, kpis: Mapping[str, Kpi]) -> None:
    for name in [*(item.kpi for item in plan.items), *plan.gates]:
        if name not in kpis:
            raise RegisterError(
                f"Pay plan {plan.id} names {name!r}, which has no file: correct the id or add the "
                "KPI."
            )
        kpi = kpis[name]
        if "month" not in kpi.grain.get(plan.subject_kind, ()):
            raise RegisterError(
                f"Pay plan {plan.id} pays {plan.subject_kind}s for {name}, which has no monthly "
                f"readings of them: take another KPI, or add them to the grain of {name}."
            )
        if kpi.bands is None:
            raise RegisterError(
                f"Pay plan {plan.id} names {name}, which has no bands to pay along: add them to "
                "its file."
            )
    for item in plan.items:
        if "pay" not in kpis[item.kpi].consequences:
            raise RegisterError(
                f"Pay plan {plan.id} pays for {item.kpi}, on which no pay hangs: say since when in "
                "consequences.yml, so that the board approves it and changes need more consent."
            )


def _check_one_template_at_a_time(templates: Sequence[ScorecardTemplate]) -> None:
    """Refuse templates that overlap: the weights of a card of both would not sum to one."""
    for one, other in itertools.combinations(templates, 2):
        if (
            (one.subject_kind, one.period_kind) == (other.subject_kind, other.period_kind)
            and one.valid_from <= (_last_day(other, templates) or dt.date.max)
            and other.valid_from <= (_last_day(one, templates) or dt.date.max)
        ):
            raise RegisterError(
                f"Scorecards {one.id} version {one.version} and {other.id} version "
                f"{other.version} are both in force per {one.subject_kind} and "
                f"{one.period_kind}: end one with `valid_to`, or give yours the id and version "
                "of the one that it replaces."
            )


def read_entry(path: Path, model: type[Model]) -> Model:
    """Return what one register file says, validated.

    Raises
    ------
    RegisterError
        If it is no YAML, or says something that cannot be: which file, which key and why.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return model.model_validate(content)
    except yaml.YAMLError as error:
        raise RegisterError(f"{path}: not readable as YAML: {error}") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'file'}: {problem['msg']}"
            for problem in error.errors()
        )
        raise RegisterError(f"{path}: {problems}") from error
