"""When things run: every morning, and whenever a file arrives."""

import datetime as dt
import json
from typing import Any

import dagster as dg

from orchestration.defs.publication import SNAPSHOT
from orchestration.ingest.landing import DeliveredFile, find_files, landing_content_hash
from orchestration.ingest.run_state import first_day_to_load
from orchestration.ledger.landing import last_day, waiting
from orchestration.settings import Settings

JOB = "daily"
# Beside the days of delivery in the sensor's cursor: what was waiting in the ledger.
ACTS = "acts"


def _days(first: str, last: str) -> dict[str, str]:
    """Return the tags that make a run load a range of delivery days."""
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


def daily_job(settings: Settings) -> Any:
    """Return the job that does everything for one or more delivery days.

    (Its type, an unresolved asset job, has no public name.)
    """
    return dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.all(),
        description=(
            f"All of {settings.company.facts.title}: land and guard the deliveries, build the "
            "marts, judge, publish."
        ),
        tags={"dagster/max_retries": "2", "dagster/retry_strategy": "FROM_FAILURE"},
    )


def daily_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Return the schedule: every morning all days up to the one that has just begun.

    After a standstill Dagster asks for the newest morning alone, so its run begins on the day
    after the last one that was published, however long ago that is.
    """
    first_delivery = settings.company.facts.first_delivery

    @dg.schedule(
        name="every_morning",
        job_name=JOB,
        cron_schedule="30 6 * * *",
        execution_timezone="UTC",
        description="Loads all deliveries since the last run at 06:30 UTC, also when some are "
        "missing.",
    )
    def _every_morning(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = context.scheduled_execution_time.date()
        published = context.instance.get_materialized_partitions(SNAPSHOT)
        first = first_day_to_load(map(dt.date.fromisoformat, published), day, first_delivery)
        return dg.RunRequest(
            run_key=day.isoformat(), tags=_days(first.isoformat(), day.isoformat())
        )

    return _every_morning


def landing_sensor(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor: new content in the landing folder asks for a run over its days."""

    @dg.sensor(
        name="landing_folder",
        job_name=JOB,
        minimum_interval_seconds=60,
        description="One run per content of the landing folder, from its oldest day with news on, "
        "and per acts that no run has landed.",
    )
    def _landing_folder(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        today = dt.datetime.now(dt.UTC).date()
        days: dict[str, list[DeliveredFile]] = {}
        for name, feed in settings.company.feeds.items():
            if feed.folder == "home":
                # Written by the runs themselves, which are no news to anyone.
                continue
            for file in find_files(settings.company, name, settings.landing, as_of=today):
                if file.delivery_date <= today:
                    days.setdefault(file.delivery_date.isoformat(), []).append(file)
        if not days:
            return dg.SkipReason(f"No deliveries under {settings.landing}.")
        content = {day: landing_content_hash(files) for day, files in sorted(days.items())}
        seen = json.loads(context.cursor or "{}")
        news = [day for day, digest in content.items() if seen.get(day) != digest]
        newest = max(*content, last_day(settings.company_home).isoformat())
        acts = waiting(settings.ledger_url, settings.company_home) or ""
        if acts and acts != seen.get(ACTS):
            # The run delivers them itself, as of its last day.
            news.append(newest)
        if not news:
            return dg.SkipReason("Nothing new.")
        context.update_cursor(json.dumps(content | {ACTS: acts or seen.get(ACTS, "")}))
        # A late file lies in the folder of an older day; the newest day is the as-of of the run.
        digest = landing_content_hash(file for files in days.values() for file in files)
        return dg.RunRequest(
            run_key=f"{digest}-acts-{acts}" if acts else digest,
            tags=_days(min(news), newest),
        )

    return _landing_folder
