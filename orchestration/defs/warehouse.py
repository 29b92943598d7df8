"""Registers, the plan of a run, and the dbt models."""

from collections.abc import Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets

from orchestration.defs.common import POOL, column_schema, run_days, tags
from orchestration.ingest.run_state import are_views_current, begin_run, is_full_run
from orchestration.ledger.definitions import load_act_types
from orchestration.registry.archive import archive
from orchestration.registry.load import load_registers
from orchestration.registry.logic import logics
from orchestration.registry.store import (
    definition_hash,
    registers_hash,
    store_logics,
    store_registers,
)
from orchestration.resources.archive import archive_definitions
from orchestration.resources.dbt_models import DbtModels, NodeResult
from orchestration.resources.relations import describe_relations
from orchestration.resources.warehouse import Warehouse
from orchestration.settings import Settings

UNIQUE_ID = "dagster_dbt/unique_id"
MATERIALIZED = "dagster-dbt/materialization_type"
OWNERS = {
    "staging": "team:data-platform",
    "intermediate": "team:data-platform",
    "mart": "team:performance-analytics",
}


def dbt_models(settings: Settings) -> DbtModels:
    """Return the dbt project as it is built into this company's warehouse."""
    return DbtModels(settings.dbt_project, settings.dbt_home, settings.environment())


def declared_hash(settings: Settings) -> str:
    """Return the hash over contracts, registers and models as they are now."""
    return definition_hash(
        settings.company,
        load_registers(settings.register_folders),
        load_act_types(settings.register_folders),
        dbt_models(settings).fingerprint(),
    )


def registers(settings: Settings, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that loads what people declared."""
    declared = load_registers(settings.register_folders)
    act_types = load_act_types(settings.register_folders)
    version = registers_hash(settings.company, declared, act_types)
    project = dbt_models(settings)

    @dg.asset(
        key=["registry", "registers"],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="declared",
        kinds={"yaml", "duckdb"},
        owners=["team:performance-analytics"],
        tags=tags(domain="performance", sensitivity="internal", tier="declared"),
        code_version=version[:16],
        pool=POOL,
    )
    def _registers(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        """Tables of KPIs, measures, scorecards, acts, feeds, sites: a row per declared thing.

        Read by every model that computes or judges: a KPI is defined here and nowhere else.
        """
        found = logics(declared, project.read_manifest())
        archive(settings.company_home, found.values())
        with warehouse.connect("load registers") as con:
            rows = store_registers(con, settings.company, declared, act_types)
            store_logics(con, found)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(rows.values()),
                "registers_hash": version,
                **{f"rows_{table}": count for table, count in rows.items()},
            }
        )

    return _registers


def run_plan(settings: Settings, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that enters a run's as-of and what the run replaces."""
    declared = declared_hash(settings)

    @dg.asset(
        key=["ops", "run_plan"],
        deps=[
            dg.AssetKey(["registry", "registers"]),
            *(
                dg.AssetKey([contract.schema_name, feed])
                for feed, contract in settings.company.canonical.items()
            ),
        ],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="raw",
        kinds={"duckdb"},
        owners=["team:data-platform"],
        tags=tags(domain="platform", sensitivity="internal", tier="raw"),
        code_version=declared[:16],
        pool=POOL,
    )
    def _run_plan(
        context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.MaterializeResult:
        """One row: the as-of of the run and whether it builds everything anew.

        Read by every model that must know "today", and by auditors: the same inputs and as-of
        give the same figures.
        """
        as_of = run_days(context)[-1]
        archive_definitions(settings, declared)
        with warehouse.connect("plan the run") as con:
            plan = begin_run(con, run_id=context.run.run_id, as_of=as_of, definition_hash=declared)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": 1,
                "as_of": plan.as_of.isoformat(),
                "builds_everything": plan.is_full,
                "touched_from": plan.touched_from.isoformat(),
                "definition_hash": declared,
            }
        )

    return _run_plan


class Translator(DagsterDbtTranslator):
    """How a dbt model looks in Dagster: its header is its description, its folder its group."""

    def __init__(self) -> None:
        super().__init__(
            DagsterDbtTranslatorSettings(
                enable_asset_checks=True, enable_duplicate_source_asset_keys=True
            )
        )

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Return the comment at the head of the model: its grain, and why it exists."""
        lines = dbt_resource_props.get("raw_code", "").splitlines()
        comment = [line[3:] for line in lines if line.startswith("-- ")]
        return " ".join(comment) or dbt_resource_props.get("description", "")

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Return the layer, and for marts their area."""
        if dbt_resource_props["resource_type"] == "source":
            return "raw"
        folders: list[str] = dbt_resource_props["fqn"][1:-1]
        return folders[1] if folders[0] == "marts" else folders[0]

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        """Return the team that answers for the layer; sources are other assets' business."""
        if dbt_resource_props["resource_type"] == "source":
            return []
        return [OWNERS[dbt_resource_props["config"]["meta"]["tier"]]]

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> dict[str, str]:
        """Return domain, sensitivity and tier."""
        if dbt_resource_props["resource_type"] == "source":
            return {}
        meta = dbt_resource_props["config"]["meta"]
        return tags(domain=meta["domain"], sensitivity=meta["sensitivity"], tier=meta["tier"])


def models(settings: Settings, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return all dbt models as assets; Dagster splits them around the Python judgement."""
    project, declared = dbt_models(settings), declared_hash(settings)

    @dbt_assets(
        manifest=project.manifest_path,
        select="resource_type:model",
        name="dbt_models",
        dagster_dbt_translator=Translator(),
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=POOL,
    )
    def _models(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        dbt: dg.ResourceParam[DbtModels],
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        specs = {
            spec.metadata[UNIQUE_ID]: spec
            for spec in context.assets_def.specs
            if spec.key in context.selected_asset_keys
        }
        checks = {
            spec.metadata[UNIQUE_ID]: spec
            for spec in context.assets_def.check_specs
            if spec.key in context.selected_asset_check_keys
        }
        with warehouse.connect() as con:
            full_refresh = is_full_run(con)
            views_stand = are_views_current(con, declared)
        standing = {
            unique_id
            for unique_id, spec in specs.items()
            if views_stand and spec.metadata[MATERIALIZED] == "view"
        }
        nodes = [unique_id for unique_id in (*specs, *checks) if unique_id not in standing]
        warehouse.release()
        results = dbt.build(nodes, full_refresh=full_refresh, report=context.log.debug)
        built = {
            specs[result.unique_id].key: result
            for result in results
            if result.unique_id in specs and result.status == "success"
        }
        with warehouse.connect() as con:
            relations = describe_relations(con, [".".join(key.path) for key in built])
        unchanged = {specs[unique_id].key for unique_id in standing}
        for key in _parents_first(specs.values()):
            if key in built:
                relation = relations[".".join(key.path)]
                yield dg.MaterializeResult(
                    asset_key=key,
                    metadata={
                        "dagster/row_count": relation.rows,
                        "dagster/column_schema": column_schema(relation.columns),
                        "seconds": built[key].seconds,
                    },
                )
            elif key in unchanged:
                yield dg.MaterializeResult(asset_key=key, metadata={"unchanged": True})
        for result in results:
            if result.unique_id in checks:
                yield _check_result(checks[result.unique_id], result)
        failed = [result for result in results if result.status in {"error", "fail", "skipped"}]
        if failed:
            first = failed[0]
            raise dg.Failure(
                f"{len(failed)} of {len(results)} dbt nodes failed or were skipped; the first, "
                f"{first.unique_id.split('.')[2]}: {first.message}",
                allow_retries=False,
            )

    return _models


def _parents_first(specs: Iterable[dg.AssetSpec]) -> Iterator[dg.AssetKey]:
    """Return the keys of assets in the order in which Dagster wants to hear of them."""
    parents = {spec.key: {dep.asset_key for dep in spec.deps} for spec in specs}
    return (key for key in TopologicalSorter(parents).static_order() if key in parents)


def _check_result(spec: dg.AssetCheckSpec, result: NodeResult) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=result.status == "pass",
        severity=dg.AssetCheckSeverity.WARN
        if result.status == "warn"
        else dg.AssetCheckSeverity.ERROR,
        metadata={"failing_rows": result.failures, "message": result.message},
    )
