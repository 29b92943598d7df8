"""Feeds: what was delivered, judged by its contract, in its raw table."""

from collections.abc import Iterator

import dagster as dg

from orchestration.contracts.model import Contract
from orchestration.defs.common import POOL, column_schema, run_days, tags
from orchestration.defs.landing import delivered_key
from orchestration.ingest.delivery_log import contract_hash
from orchestration.ingest.pipeline import FeedResult, ingest_feed
from orchestration.ledger.definitions import load_act_types
from orchestration.ledger.exemptions import read_exemptions
from orchestration.resources.warehouse import Warehouse
from orchestration.settings import Settings

CONTRACT_CHECK = "contract"
FILES_SHOWN = 40


def feeds(settings: Settings, days: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Return one asset per feed of the catalogue, also for feeds that never come."""
    return [_feed(settings, days, contract) for contract in settings.company.canonical.values()]


def _feed(
    settings: Settings, days: dg.PartitionsDefinition, canonical: Contract
) -> dg.AssetsDefinition:
    company = settings.company
    feed = canonical.feed
    delivered = company.feeds.get(feed)
    contract = delivered.contract if delivered else canonical
    key = dg.AssetKey([canonical.schema_name, feed])
    acts = dg.AssetKey(["raw", "acts"])
    ends = load_act_types(settings.register_folders).ending()
    checks = [
        dg.AssetCheckSpec(
            CONTRACT_CHECK,
            asset=key,
            description="Every delivered file kept its contract; no row was set aside.",
            metadata={"steward": contract.steward, "runbook": contract.runbook},
        ),
        *(
            dg.AssetCheckSpec(
                rule.id,
                asset=key,
                description=rule.description or f"{rule.expectation} {rule.kwargs}",
                metadata={"owner": rule.owner, "severity": rule.severity, "mostly": rule.mostly},
            )
            for rule in contract.rules
        ),
    ]

    @dg.asset(
        key=key,
        deps=[
            *([delivered_key(delivered)] if delivered else []),
            # Which rules are waived is read from the acts that have landed.
            *([acts] if key != acts else []),
        ],
        check_specs=checks,
        description=contract.description,
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="raw",
        kinds={"duckdb", "parquet", "greatexpectations"},
        owners=[contract.owner],
        tags=tags(domain=contract.domain, sensitivity=contract.sensitivity, tier="raw"),
        code_version=contract_hash(contract)[:16],
        metadata={
            "dagster/column_schema": column_schema(contract.typed_columns()),
            "steward": contract.steward,
            "runbook": contract.runbook,
        },
        pool=POOL,
    )
    def _raw(
        context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        delivery_days = run_days(context)
        with warehouse.connect() as con:
            exemptions = read_exemptions(con, feed, ends)
        result = ingest_feed(
            warehouse,
            company,
            feed,
            settings.folder_of(feed),
            delivery_days,
            as_of=delivery_days[-1],
            run_id=context.run.run_id,
            exemptions=exemptions,
            progress=context.log.debug,
        )
        accepted = [delivery for delivery in result.deliveries if delivery.visible]
        if delivered and accepted and delivered.folder == "landing":
            # What the freshness of the feed counts from.
            newest = max(delivery.delivery_date for delivery in accepted)
            context.log_event(
                dg.AssetMaterialization(
                    delivered_key(delivered), metadata={"delivery_date": newest.isoformat()}
                )
            )
        yield dg.MaterializeResult(asset_key=key, metadata=_metadata(result))
        yield _contract_check(key, result)
        for rule in contract.rules:
            yield _rule_check(key, result, rule.id)

    return _raw


def _metadata(result: FeedResult) -> dict[str, dg.MetadataValue | int | str]:
    attempts = [attempt for delivery in result.deliveries for attempt in delivery.attempts]
    files = [
        f"- `{attempt.relative_path}` {attempt.action}: {attempt.rows_ok:,} rows, "
        f"sha256 `{attempt.sha256}`"
        for attempt in attempts[-FILES_SHOWN:]
    ]
    return {
        "dagster/row_count": result.raw_rows,
        "state": result.state,
        "reason": result.reason,
        "files": len(attempts),
        "rows_new": result.total("rows_new"),
        "rows_changed": result.total("rows_changed"),
        "rows_removed": result.total("rows_removed"),
        "rows_quarantined": result.total("rows_quarantined"),
        "delivered_files": dg.MetadataValue.md("\n".join(files) or "Nothing new."),
    }


def _contract_check(key: dg.AssetKey, result: FeedResult) -> dg.AssetCheckResult:
    refused = [
        f"- `{attempt.relative_path}`: {attempt.message}"
        for delivery in result.deliveries
        for attempt in delivery.attempts
        if not attempt.accepted and attempt.action != "skip_file"
    ]
    quarantined = result.total("rows_quarantined")
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=CONTRACT_CHECK,
        passed=not refused and not quarantined,
        # A file with bad rows is work for its steward; a feed that stands still is an error.
        severity=dg.AssetCheckSeverity.ERROR
        if result.state in {"blocked", "rejected"}
        else dg.AssetCheckSeverity.WARN,
        metadata={
            **result.trend,
            "files_refused": len(refused),
            "rows_quarantined": quarantined,
            "refused": dg.MetadataValue.md("\n".join(refused[:FILES_SHOWN]) or "None."),
        },
    )


def _rule_check(key: dg.AssetKey, result: FeedResult, rule_id: str) -> dg.AssetCheckResult:
    rules = [
        rule for delivery in result.deliveries for rule in delivery.rules if rule.rule_id == rule_id
    ]
    failed = [rule for rule in rules if not rule.success]
    trend = next((one.trend for one in result.rule_summary if one.rule_id == rule_id), {})
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=rule_id,
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR
        if any(rule.severity == "quarantine" for rule in failed)
        else dg.AssetCheckSeverity.WARN,
        metadata={
            **trend,
            "deliveries": len(rules),
            "what": failed[0].sentence if failed else "Nothing failed beyond its share.",
        },
    )
