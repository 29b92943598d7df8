"""What all shells share: the partitions, the locked warehouse, names of tags."""

import datetime as dt
import logging
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from orchestration.resources.dagster_runs import show_life
from orchestration.resources.home import adopt_home
from orchestration.resources.warehouse import Warehouse
from orchestration.settings import Settings

POOL = "warehouse"
PROGRESS = "steelyard.progress"


@dg.logger(description="Hands a run's log to whoever listens in this process: the CLI's progress.")
def progress_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """Return the logger that the command line listens to."""
    logger = logging.getLogger(PROGRESS)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    return logger


def delivery_days(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Return the partitions of every asset: days of delivery, today's included.

    One delivery carries many production days, so the day of production is no partition.
    """
    return dg.DailyPartitionsDefinition(
        start_date=settings.company.facts.first_delivery.isoformat(), end_offset=1
    )


def warehouse_resource(settings: Settings) -> dg.ResourceDefinition:
    """Return the warehouse, locked for the whole run against the CLI and other runs."""

    @dg.resource(description="The company's DuckDB file, locked for the whole run.")
    def locked_warehouse(context: dg.InitResourceContext) -> Iterator[Warehouse]:
        if context.run:
            show_life(settings.signs_of_life, context.run.run_id)
        warehouse = Warehouse.of(settings)
        run_id = context.run.run_id if context.run else "without id"
        with warehouse.lock(command=f"Dagster run {run_id}"), warehouse.kept_open():
            with warehouse.connect() as con:
                adopt_home(con, settings.company_home)
            yield warehouse

    return locked_warehouse


def run_days(context: dg.AssetExecutionContext) -> list[dt.date]:
    """Return the delivery days of this run, oldest first; the last one is its as-of."""
    window = context.partition_time_window
    first, last = window.start.date(), window.end.date()
    return [first + dt.timedelta(days=count) for count in range((last - first).days)]


def tags(*, domain: str, sensitivity: str, tier: str) -> dict[str, str]:
    """Return the tags that every asset carries."""
    return {
        "steelyard/domain": domain,
        "steelyard/sensitivity": sensitivity,
        "steelyard/tier": tier,
    }


def column_schema(columns: Mapping[str, str] | Sequence[tuple[str, str]]) -> dg.TableSchema:
    """Return name and type of columns as Dagster shows them."""
    pairs = columns.items() if hasattr(columns, "items") else columns
    return dg.TableSchema([dg.TableColumn(name, kind.lower()) for name, kind in pairs])
