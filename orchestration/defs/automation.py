"""When things run: every morning, and whenever a file arrives."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from orchestration.ingest.landing import find_deliveries, landing_hash

if TYPE_CHECKING:
    from orchestration.settings import Settings

JOB = "daily"


def daily_job(settings: Settings, days: dg.PartitionsDefinition) -> dg.UnresolvedAssetJobDefinition:  # type: ignore[name-defined]
    """Return the job that does everything for one or more delivery days."""
    return dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.all(),
        partitions_def=days,
        description=(
            f"All of {settings.company.facts.title}: land and guard the deliveries, build the "
            "marts, judge, publish."
        ),
        tags={"dagster/max_retries": "2", "dagster/retry_strategy": "FROM_FAILURE"},
    )


def daily_schedule(settings: Settings, days: dg.PartitionsDefinition) -> dg.ScheduleDefinition:
    """Return the schedule: every morning the day that has just begun, whatever has arrived."""

    @dg.schedule(
        name="every_morning",
        job_name=JOB,
        cron_schedule="30 6 * * *",
        execution_timezone="UTC",
        description="Loads the day's deliveries at 06:30 UTC, also when some are missing.",
    )
    def _every_morning(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = context.scheduled_execution_time.date().isoformat()
        return dg.RunRequest(run_key=day, partition_key=day)

    return _every_morning


def landing_sensor(settings: Settings, days: dg.PartitionsDefinition) -> dg.SensorDefinition:
    """Return the sensor: new content in the landing folder asks for its day's run."""

    @dg.sensor(
        name="landing_folder",
        job_name=JOB,
        minimum_interval_seconds=60,
        description="One run per day and content of the landing folder: a rewrite runs again.",
    )
    def _landing_folder(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        known = set(days.get_partition_keys())
        today = dt.datetime.now(dt.UTC).date()
        deliveries = find_deliveries(settings.company, settings.landing, as_of=today)
        by_day: dict[dt.date, list] = {}
        for delivery in deliveries:
            by_day.setdefault(delivery.delivery_date, []).append(delivery)
        if not by_day:
            yield dg.SkipReason(f"No deliveries under {settings.landing}.")
        # A run's as-of never moves back, so only the newest day is asked for; it takes along
        # whatever older day has changed.
        for day in sorted(by_day)[-1:]:
            if day.isoformat() in known:
                yield dg.RunRequest(
                    run_key=landing_hash(deliveries), partition_key=day.isoformat()
                )

    return _landing_folder
