"""Reads, validates and tabulates the registers; where a company overrides a file, its file wins."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from orchestration.registry.model import (
    Consequence,
    ConsequenceFile,
    Kpi,
    KpiReview,
    Measure,
    MeasureFile,
    Notices,
    ScorecardTemplate,
    Term,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

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


def load_registers(folders: Iterable[Path]) -> Registers:
    """Read the registers of `folders`, the shipped ones first and the company's last.

    Parameters
    ----------
    folders : iterable of Path
        Each may hold `measures.yml`, `kpis/**/*.yml`, `consequences.yml`, `kpi_review.yml`,
        `notices.yml` and `scorecards/*.yml`. A KPI, measure, consequence or scorecard version of a
        later folder replaces the one of the same id.

    Returns
    -------
    Registers
        Validated entries, in order of id.

    Raises
    ------
    RegisterError
        If a file does not follow the schema, or a term or scorecard names something that
        does not exist.
    """
    measures: dict[str, Measure] = {}
    kpis: dict[str, Kpi] = {}
    scorecards: dict[tuple[str, int], ScorecardTemplate] = {}
    hanging: dict[str, Consequence] = {}
    review: KpiReview | None = None
    notices: Notices | None = None
    for folder in folders:
        for path in sorted(folder.glob("kpi_review.yml")):
            review = read_entry(path, KpiReview)
        for path in sorted(folder.glob("notices.yml")):
            notices = read_entry(path, Notices)
        for path in sorted(folder.glob("consequences.yml")):
            hanging |= {one.kpi: one for one in read_entry(path, ConsequenceFile).consequences}
        for path in sorted(folder.glob("measures.yml")):
            measures |= {entry.id: entry for entry in read_entry(path, MeasureFile).measures}
        for path in sorted(folder.glob("kpis/**/*.yml")):
            kpi = read_entry(path, Kpi)
            kpis[kpi.id] = kpi
        for path in sorted(folder.glob("scorecards/*.yml")):
            template = read_entry(path, ScorecardTemplate)
            scorecards[template.id, template.version] = template
    for one in hanging.values():
        if one.kpi not in kpis:
            raise RegisterError(
                f"consequences.yml names the KPI {one.kpi!r}, which has no file: correct the id or "
                "drop the entry."
            )
        kpis[one.kpi] = kpis[one.kpi].model_copy(
            update={"consequences": one.hang_on_it, "consequences_from": one.since}
        )
    registers = Registers(
        measures=dict(sorted(measures.items())),
        kpis=dict(sorted(kpis.items())),
        scorecards=[scorecards[key] for key in sorted(scorecards)],
        review=review,
        notices=notices,
    )
    _check_references(registers)
    return registers


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
        Table name to rows: `kpis`, `kpi_terms`, `kpi_grains`, `measures`, `measure_feeds`,
        `scorecard_templates`, `scorecard_items`, `kpi_review`, `notices`.
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
        "scorecard_templates": [],
        "scorecard_items": [],
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
        "baseline_readings": kpi.chart.baseline_readings,
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
