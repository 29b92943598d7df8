"""Checks on marts, and the snapshot that everyone reads."""

import datetime as dt
from collections.abc import Iterator

import dagster as dg

from orchestration.defs.common import POOL, tags
from orchestration.ingest.run_state import current_as_of, finish_run
from orchestration.publication.decisions import published_rows
from orchestration.publication.outbox import write_notices
from orchestration.publication.snapshot import PUBLISHED, STANDS_IN, publish
from orchestration.publication.standing import snapshots_to_keep
from orchestration.quality.docs import write_company_docs
from orchestration.quality.marts import (
    MART_RULES,
    check_marts,
    load_mart_rules,
    require_sound_marts,
)
from orchestration.resources.warehouse import Warehouse
from orchestration.settings import Settings

NOTICES = "governance.fct_notices"
SNAPSHOT = dg.AssetKey(["published", "snapshot"])
# A run every morning, and two hours for it.
FRESH_FOR = dt.timedelta(hours=26)


def mart_rules(settings: Settings, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that judges the marts; its failing checks block publication.

    The checks belong to this asset and not to the marts: a blocking check on a mart that another
    model of the same dbt step reads is a circle to Dagster.
    """
    marts = load_mart_rules(MART_RULES)
    key = dg.AssetKey(["quality", "mart_rules"])
    specs = [
        dg.AssetCheckSpec(
            rule.id,
            asset=key,
            description=f"{mart.relation}: {rule.description or rule.expectation}",
            metadata={"mart": mart.relation, "owner": rule.owner, "severity": rule.severity},
            blocking=rule.severity != "warn",
        )
        for mart in marts
        for rule in mart.rules
    ]

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(mart.relation.split(".")) for mart in marts],
        check_specs=specs,
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="publication",
        kinds={"greatexpectations", "duckdb"},
        owners=["team:performance-analytics"],
        tags=tags(domain="platform", sensitivity="internal", tier="published"),
        code_version="1",
        pool=POOL,
    )
    def _mart_rules(
        warehouse: dg.ResourceParam[Warehouse],
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        """Say what each rule finds in the marts: one row per rule.

        Read by publication, which refuses marts that fail, and by stewards, who find the failing
        rows with rule and owner in `ops.expectation_failures`.
        """
        results = check_marts(warehouse, marts)
        with warehouse.connect("write data docs") as con:
            write_company_docs(con, settings.company, marts, settings.data_docs)
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={
                "dagster/row_count": len(results),
                "data_docs": dg.MetadataValue.path(str(settings.data_docs / "index.html")),
            },
        )
        for relation, result in results:
            yield dg.AssetCheckResult(
                asset_key=key,
                check_name=result.rule_id,
                passed=result.success,
                severity=dg.AssetCheckSeverity.WARN
                if result.severity == "warn"
                else dg.AssetCheckSeverity.ERROR,
                metadata={
                    "mart": relation,
                    **result.trend,
                    "owner": result.owner,
                    "what": result.sentence,
                },
            )

    return _mart_rules


def snapshot(settings: Settings, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that publishes."""

    @dg.asset(
        key=SNAPSHOT,
        deps=[
            dg.AssetKey(["quality", "mart_rules"]),
            dg.AssetKey(["registry", "registers"]),
            *(
                dg.AssetKey(STANDS_IN.get(relation, relation).split("."))
                for relation in PUBLISHED
                if not relation.startswith("registry.")
            ),
        ],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="publication",
        kinds={"parquet", "duckdb"},
        owners=["team:performance-reporting"],
        tags=tags(domain="performance", sensitivity="confidential", tier="published"),
        freshness_policy=None
        if settings.company.facts.as_of
        else dg.FreshnessPolicy.time_window(fail_window=FRESH_FOR),
        code_version="1",
        pool=POOL,
    )
    def _snapshot(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        """Write the marts as files that never change: a row is whatever its mart says.

        Read by the terminal scorecard, dashboards, BI tools and auditors; nothing else is.
        """
        with warehouse.connect("publish") as con:
            require_sound_marts(con)
            as_of = current_as_of(con)
            published = publish(
                con,
                settings.published,
                company=settings.company.name,
                as_of=as_of,
                keep_days=settings.keep_snapshot_days,
                keep=snapshots_to_keep(con),
            )
            finish_run(con, content_hash=published.content_hash)
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


def outbox(settings: Settings, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that writes who is to be told of what."""

    @dg.asset(
        key=["published", "outbox"],
        deps=[SNAPSHOT],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="publication",
        kinds={"json", "duckdb"},
        owners=["team:performance-reporting"],
        tags=tags(domain="governance", sensitivity="confidential", tier="published"),
        code_version="1",
        pool=POOL,
    )
    def _outbox(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        """Write each notice of an act once: a row is an act and a person to tell of it.

        Read by whatever sends mail; nothing leaves the machine from here.
        """
        rows = published_rows(settings, NOTICES, order_by=("act_seq", "person_id"))
        with warehouse.connect("read the as-of") as con:
            as_of = current_as_of(con)
        path, count = write_notices(rows, settings.company_home, as_of=as_of)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": count,
                "file": dg.MetadataValue.path(str(path)) if path else "no news",
            }
        )

    return _outbox
