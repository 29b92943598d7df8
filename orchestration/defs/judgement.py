"""What readings mean, and which of the published ones stand whatever they mean now."""

import dagster as dg
import pandas as pd

from orchestration.defs.common import POOL, column_schema, tags
from orchestration.governance.questions import Question, bars, tally
from orchestration.publication.standing import write_standing
from orchestration.resources.findings import find
from orchestration.resources.relations import describe_relations
from orchestration.resources.warehouse import Warehouse
from orchestration.settings import Settings

STANDING = dg.AssetKey(["standing", "figures"])


def answer(question: Question, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that answers a question by Python."""
    output = f"statistics.{question.name}"

    @dg.asset(
        key=["statistics", question.name],
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
    )
    def _answer(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        found = find(
            warehouse,
            question.sources,
            output,
            question.method,
            by=question.by,
            only=question.only,
        )
        with warehouse.connect("look at what was found") as con:
            relation = describe_relations(con, [output])[output]
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": relation.rows,
                "dagster/column_schema": column_schema(relation.columns),
                **({"unchanged": True} if found is None else _of(found)),
            }
        )

    return _answer


def _of(found: pd.DataFrame) -> dict[str, object]:
    """Return what a run has found anew, as a table with bars; no row of a person."""
    return {
        "found": len(found),
        "answers": dg.MetadataValue.md(bars(tally(found))),
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
