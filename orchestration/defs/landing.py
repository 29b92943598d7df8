"""Delivered files, where lineage begins: those of other systems, and those of our own ledger."""

import dagster as dg

from orchestration.contracts.model import CompanyFeed
from orchestration.defs.common import POOL, run_days, tags
from orchestration.ingest.delivery_log import late_after
from orchestration.ledger.landing import export_acts
from orchestration.ledger.opening import sign_head
from orchestration.resources.warehouse import Warehouse
from orchestration.settings import Settings


def delivered_key(feed: CompanyFeed) -> dg.AssetKey:
    """Return the key under which a feed's delivered files stand in the lineage."""
    return dg.AssetKey(["delivered", feed.source_system, feed.contract.feed])


def freshness(settings: Settings, feed: CompanyFeed) -> dg.FreshnessPolicy | None:
    """Return when Dagster calls a feed late: as the contract says, on the day after the last.

    It hangs on the delivered files and not on the raw table: every run makes the raw table, also
    when nothing was delivered. A company whose clock stands still is never late.
    """
    window = late_after(feed.contract)
    if window is None or settings.company.facts.as_of is not None:
        return None
    return dg.FreshnessPolicy.time_window(fail_window=window)


def delivered_files(settings: Settings) -> list[dg.AssetSpec]:
    """Return one external asset per feed that the company's systems deliver."""
    specs = []
    for feed in settings.company.feeds.values():
        if feed.folder == "home":
            continue
        contract = feed.contract
        forms = [
            *feed.forms,
            *(form for source in feed.sources.values() for form in source.forms),
        ]
        specs.append(
            dg.AssetSpec(
                key=delivered_key(feed),
                description=f"Files of {feed.source_system} for {contract.feed}, as delivered.",
                group_name="landing",
                kinds={"file"},
                owners=[contract.owner],
                tags=tags(domain=contract.domain, sensitivity=contract.sensitivity, tier="landing"),
                freshness_policy=freshness(settings, feed),
                metadata={
                    "files": dg.MetadataValue.md("\n".join(f"- `{form.files}`" for form in forms)),
                    "cadence": contract.delivery.cadence,
                    "steward": contract.steward,
                },
            )
        )
    return specs


def acts(settings: Settings, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that delivers what the ledger has recorded since the last run."""
    feed = settings.company.feeds["acts"]
    contract = feed.contract

    @dg.asset(
        key=delivered_key(feed),
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="ledger",
        kinds={"file"},
        owners=[contract.owner],
        tags=tags(domain=contract.domain, sensitivity=contract.sensitivity, tier="landing"),
        code_version="1",
        pool=POOL,
    )
    def _acts(
        context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.MaterializeResult:
        """A row per entry of the ledger of acts that no run has landed, in files of their own.

        Read by the guard like the files of any other system. Without a ledger there are none.
        """
        sign_head(settings)
        exported = export_acts(settings.ledger_url, warehouse.home, as_of=run_days(context)[-1])
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": exported.entries,
                "erased": exported.erased,
                "files": [path.name for path in exported.files],
            }
        )

    return _acts
