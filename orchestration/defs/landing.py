"""The files that other systems deliver: not ours to make, but where lineage begins."""

import dagster as dg

from orchestration.contracts.model import CompanyFeed
from orchestration.defs.common import tags
from orchestration.ingest.delivery_log import late_after
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
