"""Days without a scheduler and feeds without files, judged by Dagster's own evaluation.

Its scheduler and its freshness daemon are asked about mornings and hours that are given to them;
nothing waits for a clock.
"""

import datetime as dt
import logging
import re
import shutil
from contextlib import chdir, contextmanager
from dataclasses import replace

import dagster as dg
import duckdb
import pytest
from dagster._core.definitions.freshness import FreshnessState
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon.freshness import FreshnessDaemon
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import (
    QueuedRunCoordinatorDaemon,
)
from dagster._scheduler.scheduler import launch_scheduled_runs

from orchestration.defs.landing import delivered_key
from orchestration.demo import TINY, generate
from orchestration.doctor import prepare_home
from orchestration.ingest.delivery_log import late_after
from orchestration.publication.snapshot import read_current
from orchestration.run import run_company
from orchestration.settings import Settings, variables
from tests.services import ROOT, WORKSPACE, wait_for

FIRST = dt.date(2026, 10, 1)
MISSED_DAYS = 5
TO_FINISH = 900
SHORTLY = dt.timedelta(minutes=1)
QUEUED = dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])


def silent(_what, _done, _total):
    pass


def settings_of(home):
    return Settings.from_environment({"STEELYARD_HOME": str(home)})


@contextmanager
def dagster_of(settings):
    """The home's instance, and its workspace as a daemon has it."""
    with (
        # Its code server would take a `.env` of the folder it starts in for the truth.
        chdir(settings.home),
        variables(settings.environment()),
        dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance,
        create_test_daemon_workspace_context(WorkspaceFileTarget([WORKSPACE]), instance) as context,
    ):
        yield instance, context


def repository_of(context):
    (entry,) = context.create_request_context().get_code_location_entries().values()
    assert entry.code_location, entry.load_error
    (repository,) = entry.code_location.get_repositories().values()
    return repository


def morning(day):
    return dt.datetime.combine(day, dt.time(6, 31), dt.UTC)


def look_at_the_clock(context, now):
    """Let the scheduler find that it is now."""
    with freeze_time(now):
        for error in launch_scheduled_runs(context, logging.getLogger("scheduler"), now, {}):
            assert error is None, error


@pytest.fixture(scope="module")
def stood_still(tmp_path_factory):
    """A company that loaded its first delivery; then came five more, and no scheduler."""
    settings = settings_of(tmp_path_factory.mktemp("standstill"))
    generate(settings.landing, size=replace(TINY, daily_deliveries=MISSED_DAYS))
    run_company(settings, as_of=FIRST, report=silent)
    return settings


@pytest.fixture(scope="module")
def caught_up(stood_still):
    """The company after the scheduler came back, and the runs that it asked for."""
    settings, last = stood_still, FIRST + dt.timedelta(days=MISSED_DAYS)
    with dagster_of(settings) as (instance, context):
        with freeze_time(morning(FIRST)):
            instance.start_schedule(repository_of(context).get_schedule("every_morning"))
        look_at_the_clock(context, morning(FIRST) + SHORTLY)
        assert instance.get_runs(QUEUED) == []

        look_at_the_clock(context, morning(last))
        # It may look as often as it likes.
        look_at_the_clock(context, morning(last) + SHORTLY)
        asked_for = instance.get_runs(QUEUED)
        for run in asked_for:
            list(QueuedRunCoordinatorDaemon(interval_seconds=1).run_iteration(context))
            wait_for(
                "the run",
                lambda run=run: instance.get_run_by_id(run.run_id).is_finished,
                seconds=TO_FINISH,
            )
        runs = [instance.get_run_by_id(run.run_id) for run in asked_for]
    return settings, last, runs


@pytest.mark.slow
def test_after_five_days_without_a_scheduler_every_delivery_is_loaded_once(caught_up):
    settings, last, runs = caught_up

    assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS]
    assert read_current(settings.published).as_of == last.isoformat()
    came = {
        str(file.relative_to(settings.landing))
        for file in settings.landing.rglob("*")
        if file.is_file() and FIRST.isoformat() < file.parent.name <= last.isoformat()
    }
    assert len({name.split("/")[-2] for name in came}) == MISSED_DAYS
    with duckdb.connect(str(settings.company_home / "warehouse.duckdb"), read_only=True) as con:
        judged = con.execute(
            "select relative_path, count(*) from ops.delivery_log where delivery_date > ? "
            "group by all",
            [FIRST],
        ).fetchall()
    # Refused ones are in the log too: every file that came was judged once.
    assert dict(judged) == dict.fromkeys(came, 1)


@pytest.mark.endurance
def test_what_is_published_after_the_standstill_is_what_five_mornings_publish(caught_up, tmp_path):
    settings, last, _ = caught_up
    daily = settings_of(tmp_path).with_choices(landing=settings.landing)
    for number in range(MISSED_DAYS + 1):
        run_company(daily, as_of=FIRST + dt.timedelta(days=number), report=silent)

    assert read_current(settings.published).as_of == last.isoformat()
    assert (
        read_current(settings.published).content_hash == read_current(daily.published).content_hash
    )


@pytest.fixture
def going_on(tiny_home, tmp_path):
    """Dagster's history of the tiny company's run, as of a company whose clock goes on."""
    folder = tmp_path / "company"
    shutil.copytree(ROOT / "expectations" / "companies" / "demo", folder / "expectations")
    facts = (ROOT / "seeds" / "companies" / "demo" / "company.yml").read_text(encoding="utf-8")
    (folder / "company.yml").write_text(
        re.sub(r"^as_of: .*\n", "", facts, flags=re.MULTILINE), encoding="utf-8"
    )
    settings = Settings.from_environment(
        {"STEELYARD_HOME": str(tmp_path / "home"), "STEELYARD_COMPANY": str(folder)}
    )
    ran = settings_of(tiny_home)
    shutil.copytree(ran.dagster_home, settings.dagster_home)
    shutil.copytree(ran.dbt_home, settings.dbt_home)
    prepare_home(settings)
    return settings


@pytest.mark.slow
def test_a_feed_turns_red_when_it_is_late_and_not_before(going_on):
    feeds = going_on.company.feeds
    with dagster_of(going_on) as (instance, context):
        loaded_at, allowed = {}, {}
        for name, feed in feeds.items():
            event = instance.get_latest_materialization_event(delivered_key(feed))
            window = late_after(feed.contract)
            if event is not None and window is not None:
                loaded_at[name] = dt.datetime.fromtimestamp(event.timestamp, dt.UTC)
                allowed[name] = window
        newest, shortest, longest = (
            max(loaded_at.values()),
            min(allowed.values()),
            max(allowed.values()),
        )
        # One run loaded them all, in less time than lies between two of the contracts' windows.
        assert newest - min(loaded_at.values()) < dt.timedelta(hours=12)
        assert shortest + dt.timedelta(days=1) <= longest

        def red(after):
            with freeze_time(newest + after):
                list(FreshnessDaemon().run_iteration(context))
            records = instance.get_freshness_state_records(list(map(delivered_key, feeds.values())))
            state = {name: records[delivered_key(feeds[name])].freshness_state for name in allowed}
            assert set(state.values()) <= {FreshnessState.PASS, FreshnessState.FAIL}
            return {name for name, seen in state.items() if seen is FreshnessState.FAIL}

        assert red(SHORTLY) == set()
        assert red(shortest + SHORTLY) == {
            name for name, window in allowed.items() if window == shortest
        }
        assert red(longest + SHORTLY) == allowed.keys()
