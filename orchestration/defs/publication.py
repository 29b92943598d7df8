"""Checks on marts, and the snapshot that everyone reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from orchestration.defs.common import POOL, run_days, tags
from orchestration.ingest.run_state import finish_run
from orchestration.publication.snapshot import PUBLISHED, publish
from orchestration.quality.marts import check_marts, load_mart_rules
from orchestration.resources.warehouse import Warehouse

if TYPE_CHECKING:
    from orchestration.settings import Settings


def mart_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """Return one definition with a check per rule on a mart; each blocks publication."""
    rules = load_mart_rules(settings.root / "expectations" / "marts")
    specs = [
        dg.AssetCheckSpec(
            rule.id,
            asset=dg.AssetKey(relation.split(".")),
            description=rule.description or f"{rule.expectation} {rule.kwargs}",
            metadata={"owner": rule.owner, "severity": rule.severity},
            blocking=rule.severity != "warn",
        )
        for relation, relation_rules in rules.items()
        for rule in relation_rules
    ]

    @dg.multi_asset_check(name="mart_rules", specs=specs, pool=POOL)
    def _mart_rules(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.AssetCheckResult]:
        for relation, result in check_marts(warehouse, rules, run_id=context.run_id):
            yield dg.AssetCheckResult(
                asset_key=dg.AssetKey(relation.split(".")),
                check_name=result.rule_id,
                passed=result.success,
                severity=dg.AssetCheckSeverity.WARN
                if result.severity == "warn"
                else dg.AssetCheckSeverity.ERROR,
                metadata={
                    "evaluated": result.evaluated,
                    "unexpected": result.unexpected,
                    "owner": result.owner,
                    "what": result.sentence,
                },
            )

    return [_mart_rules]


def snapshot(settings: Settings, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that publishes."""

    @dg.asset(
        key=["published", "snapshot"],
        deps=[dg.AssetKey(relation.split(".")) for relation in PUBLISHED if "registry" not in relation],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="publication",
        kinds={"parquet", "duckdb"},
        owners=["team:performance-reporting"],
        tags=tags(domain="performance", sensitivity="confidential", tier="published"),
        code_version="1",
        pool=POOL,
    )
    def _snapshot(
        context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.MaterializeResult:
        """The marts as files that never change: a row is whatever its mart says.

        Read by the terminal scorecard, dashboards, BI tools and auditors; nothing else is.
        """
        as_of = run_days(context)[-1]
        with warehouse.connect("publish") as con:
            published = publish(
                con, settings.published, company=settings.company.name, as_of=as_of
            )
            finish_run(con, run_id=context.run_id)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(table.rows for table in published.tables),
                "as_of": published.as_of,
                "content_hash": published.content_hash,
                "folder": dg.MetadataValue.path(str(published.folder)),
                "tables": dg.MetadataValue.md(
                    "\n".join(
                        f"- `{table.relation}`: {table.rows:,} rows" for table in published.tables
                    )
                ),
            }
        )

    return _snapshot
