"""One daily run of a company from the command line: the same Dagster job that the daemon runs."""

from __future__ import annotations

import datetime as dt
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestration.doctor import prepare_home
from orchestration.ingest.delivery_log import create_tables
from orchestration.ingest.landing import find_files, sha256_of
from orchestration.ingest.outcome import Outcome, read_outcome
from orchestration.ingest.run_state import last_published
from orchestration.ledger.definitions import load_act_types
from orchestration.ledger.landing import last_day, waiting
from orchestration.ledger.store import LedgerError
from orchestration.publication.snapshot import Snapshot, publish
from orchestration.publication.standing import snapshots_to_keep
from orchestration.quality.marts import UnsoundMartsError, require_sound_marts
from orchestration.registry.load import load_registers
from orchestration.registry.store import definition_hash
from orchestration.resources.dbt_models import DbtModels
from orchestration.resources.findings import is_unanswered
from orchestration.resources.home import HomeVersionError, adopt_home
from orchestration.resources.warehouse import Warehouse
from orchestration.settings import variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import dagster as dg
    import duckdb

    from orchestration.settings import Settings

    Report = Callable[[str, int, int], None]


class NothingToDoError(Exception):
    """Everything delivered has been loaded and published."""


class RunFailedError(RuntimeError):
    """A run did not reach publication; the message says at which step and why."""


def run_company(settings: Settings, *, as_of: dt.date | None, report: Report) -> Outcome:
    """Run the daily job over every delivery day that has something new.

    Parameters
    ----------
    settings : Settings
        Company and landing folder.
    as_of : date or None
        Day up to which deliveries are known; by default the company's own, or the last delivery.
    report : callable
        Told what is going on, and how many of how many steps are done.

    Raises
    ------
    NothingToDoError
        If there is nothing new up to the as-of.
    RunFailedError
        If the landing folder is missing or a step failed.
    """
    if not settings.landing.is_dir():
        raise RunFailedError(
            f"The landing folder {settings.landing} does not exist. "
            + (
                "Run `steelyard demo` first."
                if settings.company.name == "demo"
                else "Name the folder with the delivered files: --landing DIR."
            )
        )
    prepare_home(settings)
    first, last = _days_to_run(settings, as_of)
    result = _execute(settings, first, last, report)
    warehouse = Warehouse.of(settings)
    with warehouse.connect("read the delivery log") as con:
        return read_outcome(con, run_id=result.run_id, as_of=last)


def publish_again(settings: Settings) -> Snapshot:
    """Publish the marts as they stand, unless a check on them has failed since.

    Raises
    ------
    RunFailedError
        If no run has been published yet, or the last one stopped before publication.
    """
    warehouse = Warehouse.of(settings)
    with warehouse.connect("publish") as con:
        _adopt(con, settings)
        create_tables(con)
        published = last_published(con)
        if published is None:
            raise RunFailedError("Nothing has been built yet. Run `steelyard run` first.")
        if not published.is_latest:
            raise RunFailedError(
                "The last run stopped before publication, so the marts are half way. Look at its "
                "failed step in Dagster, then `steelyard run` again."
            )
        try:
            require_sound_marts(con)
        except UnsoundMartsError as error:
            raise RunFailedError(str(error)) from error
        return publish(
            con,
            settings.published,
            company=settings.company.name,
            as_of=published.as_of,
            keep_days=settings.keep_snapshot_days,
            keep=snapshots_to_keep(con),
        )


def _days_to_run(settings: Settings, as_of: dt.date | None) -> tuple[dt.date, dt.date]:
    """Return the first and last delivery day of a run over all that is new."""
    facts = settings.company.facts
    horizon = as_of or facts.as_of or dt.datetime.now(dt.UTC).date()
    declared = definition_hash(
        settings.company,
        load_registers(settings.register_folders),
        load_act_types(settings.register_folders),
        DbtModels(settings.dbt_project, settings.dbt_home, {}).fingerprint(),
    )
    warehouse = Warehouse.of(settings)
    with warehouse.connect("look for new deliveries") as con:
        _adopt(con, settings)
        create_tables(con)
        known = set(con.execute("select relative_path, sha256 from ops.delivery_log").fetchall())
        published = last_published(con)
        asks_again = is_unanswered(con)
    found: list[dt.date] = []
    pending: list[dt.date] = []
    for name in settings.company.feeds:
        for file in find_files(settings.company, name, settings.folder_of(name), as_of=horizon):
            if file.delivery_date <= horizon:
                found.append(file.delivery_date)
                if (file.relative_path, sha256_of(file.path)) not in known:
                    pending.append(file.delivery_date)
    if not found:
        raise RunFailedError(
            f"No file under {settings.landing} up to {horizon} lies where a profile of "
            f"{settings.company.name} expects one. Look at the `files:` of its profiles."
        )
    # What has no answer may have been published for a day after the newest delivery.
    asked_again = {published.as_of} if published and asks_again else set()
    last = as_of or max(asked_again | {facts.as_of or max(found)})
    if published is not None and as_of is not None and as_of < published.as_of:
        raise RunFailedError(
            f"The warehouse already stands at {published.as_of} and cannot go back to {as_of}. "
            "Build a past as-of in a home of its own: set STEELYARD_HOME to an empty folder."
        )
    if _are_acts_waiting(settings):
        # The run delivers them itself as of its last day, and deliveries come in their order.
        delivered = last_day(settings.company_home)
        last = last if as_of else max(last, delivered)
        pending += [last] if last >= delivered else []
    is_published = published is not None and published.is_latest
    if is_published and published.definition_hash != declared:
        pending.append(facts.first_delivery)
    # Of a day that is published, only what the statistics could not answer is worth another run.
    stands_at = last + dt.timedelta(days=asks_again)
    if not pending and is_published and published.as_of >= stands_at:
        raise NothingToDoError(
            f"Nothing new: all {len(found):,} files up to {last} are loaded and published."
        )
    return max(min([*pending, last]), facts.first_delivery), last


def _are_acts_waiting(settings: Settings) -> bool:
    try:
        return waiting(settings.ledger_url, settings.company_home) is not None
    except LedgerError as error:
        raise RunFailedError(str(error)) from error


def _adopt(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    try:
        adopt_home(con, settings.company_home)
    except HomeVersionError as error:
        raise RunFailedError(str(error)) from error


def _execute(
    settings: Settings, first: dt.date, last: dt.date, report: Report
) -> dg.ExecuteInProcessResult:
    report("Starting Dagster", 0, 1)
    import dagster as dg  # noqa: PLC0415 (1.6 s of imports)

    from orchestration.defs import build_definitions  # noqa: PLC0415
    from orchestration.defs.automation import JOB  # noqa: PLC0415
    from orchestration.resources.dagster_events import close_left_logs  # noqa: PLC0415
    from orchestration.resources.dagster_runs import give_up_lost_runs  # noqa: PLC0415

    close_left_logs(settings.event_logs)
    job = build_definitions(settings).resolve_job_def(JOB)
    steps = len(job.graph.node_dict)
    with (
        variables(settings.environment()),
        dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance,
        _listen(report, steps),
    ):
        give_up_lost_runs(instance)
        result = job.execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"progress": {"config": {}}}},
            tags={
                "dagster/asset_partition_range_start": first.isoformat(),
                "dagster/asset_partition_range_end": last.isoformat(),
            },
        )
    if not result.success:
        raise RunFailedError(_why(result))
    return result


class _StepCounter(logging.Handler):
    """Turns Dagster's log into a count of finished steps."""

    def __init__(self, report: Report, steps: int) -> None:
        super().__init__()
        self.report, self.steps, self.done, self.current = report, steps, 0, ""

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "dagster_meta", {}).get("dagster_event")
        if event is None:
            self.report(f"{self.current}: {record.getMessage()[:60]}", self.done, self.steps)
        elif event.is_step_start:
            self.current = event.step_key
            self.report(self.current, self.done, self.steps)
        elif event.is_step_success or event.is_step_failure:
            self.done += 1
            self.report(self.current, self.done, self.steps)


@contextmanager
def _listen(report: Report, steps: int) -> Iterator[None]:
    from orchestration.defs.common import PROGRESS  # noqa: PLC0415 (Dagster's imports)

    logger = logging.getLogger(PROGRESS)
    handler = _StepCounter(report, steps)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _why(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            said = _first_cause(event.step_failure_data.error)
            return f"The step {event.step_key} failed: {said} (run {result.run_id})"
    for event in result.all_events:
        if event.is_failure:
            said = _first_cause(event.job_failure_data.error)
            return f"The run failed: {said} (run {result.run_id})"
    return f"The run {result.run_id} failed without a failed step; look at it in Dagster."


def _first_cause(error: dg.SerializableErrorInfo | None) -> str:
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error else "no message"
