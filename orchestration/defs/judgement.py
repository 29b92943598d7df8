"""What readings mean, and which of the published ones stand whatever they mean now."""

from collections.abc import Callable, Sequence

import dagster as dg
import pandas as pd

from orchestration.defs.common import POOL, column_schema, tags
from orchestration.governance.questions import METHODS, QUESTIONS, Question, bars, methods, tally
from orchestration.publication.standing import write_standing
from orchestration.resources.findings import (
    UNANSWERED,
    Unanswered,
    find,
    note_unanswered,
    unanswered,
)
from orchestration.resources.relations import describe_relations
from orchestration.resources.warehouse import Warehouse
from orchestration.settings import Settings

STANDING = dg.AssetKey(["standing", "figures"])
ANSWERED = "answered"


def answer(question: Question, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that answers a question by Python."""
    output = f"statistics.{question.name}"
    key = dg.AssetKey(["statistics", question.name])

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(source.split(".")) for source in question.sources],
        description=question.description,
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="statistics",
        kinds={"python", "numpy", "duckdb"},
        owners=["team:performance-analytics"],
        tags=tags(domain=question.domain, sensitivity=question.sensitivity, tier="judgement"),
        code_version="1",
        pool=POOL,
        check_specs=[
            dg.AssetCheckSpec(
                ANSWERED,
                asset=key,
                description="The method raised no exception, on any part of the question.",
            )
        ],
    )
    def _answer(
        context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.MaterializeResult:
        found = find(
            warehouse,
            question.sources,
            output,
            question.answer,
            by=question.by,
            apart=question.apart,
            only=question.only,
            log=context.log.error,
        )
        with warehouse.connect("look at what was found") as con:
            relation = describe_relations(con, [output])[output]
            missing = unanswered(con, [output])
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": relation.rows,
                "dagster/column_schema": column_schema(relation.columns),
                **({"unchanged": True} if found is None else _of(found, question.said)),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=ANSWERED,
                    passed=not missing,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"unanswered": len(missing), "why": _why(missing)},
                )
            ],
        )

    return _answer


def _about_questions(
    table: str, days: dg.PartitionsDefinition, *, deps: Sequence[dg.AssetKey] = ()
) -> Callable[[Callable[..., dg.MaterializeResult]], dg.AssetsDefinition]:
    """Return what makes an asset of a table that is about all questions and no answer of one."""
    return dg.asset(
        key=table.split("."),
        deps=deps,
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="statistics",
        kinds={"python", "duckdb"},
        owners=["team:performance-analytics"],
        tags=tags(domain="platform", sensitivity="internal", tier="judgement"),
        code_version="1",
        pool=POOL,
    )


def register_of_methods(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that says by what questions are answered."""

    @_about_questions(METHODS, days)
    def _register_of_methods(
        warehouse: dg.ResourceParam[Warehouse],
    ) -> dg.MaterializeResult:
        """By which method, convention and version each question is answered: one row per question.

        Read by `rpt_methods`, so that a figure can be told from one by another method.
        """
        warehouse.replace(METHODS, methods(QUESTIONS))
        return dg.MaterializeResult(metadata={"dagster/row_count": len(QUESTIONS)})

    return _register_of_methods


def unanswered_questions(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that says which questions have no answer."""

    @_about_questions(
        UNANSWERED,
        days,
        deps=[dg.AssetKey(["statistics", question.name]) for question in QUESTIONS],
    )
    def _unanswered_questions(
        warehouse: dg.ResourceParam[Warehouse],
    ) -> dg.MaterializeResult:
        """Parts of questions on which the method raised an exception: one row per part.

        Read by `rpt_unanswered_questions`, so that what is missing is never taken for quiet.
        """
        found = note_unanswered(warehouse, [f"statistics.{one.name}" for one in QUESTIONS])
        return dg.MaterializeResult(
            metadata={"dagster/row_count": len(found), "why": _why(found)},
        )

    return _unanswered_questions


def _why(missing: Sequence[Unanswered]) -> dg.MarkdownMetadataValue:
    """Return what has no answer, and by which exception."""
    rows = [f"| {one.question} | {one.part} | {one.error}: {one.text} |" for one in missing]
    return dg.MetadataValue.md(
        "\n".join(["| question | part | exception |", "|---|---|---|", *rows])
    )


def _of(found: pd.DataFrame, said: str) -> dict[str, object]:
    """Return what a run has found anew, as a table with bars; no row of a person."""
    return {
        "found": len(found),
        "answers": dg.MetadataValue.md(bars(tally(found, said))),
        **found.attrs,
    }


def standing_figures(settings: Settings, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that finds the published rows that must not change."""

    @dg.asset(
        key=STANDING,
        deps=[
            dg.AssetKey(["core", "bridge_entity_units"]),
            dg.AssetKey(["core", "dim_org_units"]),
            dg.AssetKey(["governance", "reg_period_lock"]),
            dg.AssetKey(["intermediate", "int_kpis__publication"]),
            dg.AssetKey(["intermediate", "int_locks__in_force"]),
        ],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="governance",
        kinds={"python", "parquet", "duckdb"},
        owners=["team:performance-analytics"],
        tags=tags(domain="governance", sensitivity="confidential", tier="judgement"),
        code_version="1",
        pool=POOL,
    )
    def _standing_figures(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        """Rows of earlier snapshots that stand: of locked periods and of withheld KPIs.

        Read by the published readings, judgements and scorecards, which put each row in the place
        of what was built, so that nobody's card changes after it was settled or unapproved.
        """
        with warehouse.connect("find what stands") as con:
            standing = write_standing(con, settings.published)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": standing.readings,
                "withheld_kpis": standing.withheld_kpis,
                "locks": standing.locks,
            }
        )

    return _standing_figures
