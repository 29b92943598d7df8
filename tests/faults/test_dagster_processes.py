"""What Dagster's own processes leave behind when they are killed: nothing that stays.

The run of the killed processes is failed and tried again within two minutes of the restart, no
place in the pool is held, and the published figures are those of a run that nobody disturbed.
"""

import os
import random
import shutil
import signal
from pathlib import Path

import dagster as dg
import pytest

from orchestration.doctor import prepare_home
from orchestration.publication.snapshot import read_current, verify
from orchestration.settings import Settings
from tests.services import UNFINISHED, WORKSPACE, Services, published_hash, wait_for

# The promise: two minutes after the restart a killed run is over.
TO_SETTLE = 120
# Patience: a busy machine takes its time to start a run and to do it.
TO_COME_UP = TO_FINISH = 600
ENDURANCE_ROUNDS = 10


@pytest.fixture
def services(tiny_home, tmp_path):
    """A home with deliveries and nothing loaded, whose sensor will ask for a run."""
    settings = Settings.from_environment({"STEELYARD_HOME": str(tmp_path / "home")})
    shutil.copytree(tiny_home / "demo" / "inbox", settings.landing)
    # A parsed project saves each process 10 s and does not matter here.
    shutil.copytree(tiny_home / "demo" / "dbt", settings.dbt_home)
    prepare_home(settings)
    services = Services(settings, tmp_path)
    services.call("dagster", "sensor", "start", "landing_folder", "-w", WORKSPACE)
    yield services
    services.close()


def models_built(services):
    log = services.settings.dbt_home / "logs" / "dbt.log"
    return log.read_text(encoding="utf-8").count(" OK created ") if log.is_file() else 0


def run_until_models_are_built(services, count):
    """Start the daemon and wait until dbt has built some models of the run it asked for."""
    (services.settings.dbt_home / "logs" / "dbt.log").unlink(missing_ok=True)
    daemon = services.start_daemon()
    wait_for("dbt at work", lambda: models_built(services) >= count, seconds=TO_COME_UP)
    with services.instance() as instance:
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.STARTED
    return daemon, run.run_id


def worker_of(services, run_id):
    """Return the process that holds the run's sign of life."""
    inode = (services.settings.signs_of_life / run_id).stat().st_ino
    with Path("/proc/locks").open(encoding="ascii") as locks:
        (holder,) = {
            int(line.split()[4])
            for line in locks
            if line.split()[1] == "FLOCK" and int(line.split()[5].split(":")[2]) == inode
        }
    return holder


def settles(services, run_id, *, seconds=TO_SETTLE):
    """Wait until the run is over, and until what it left undone has been done again."""
    with services.instance() as instance:

        def outcome():
            run = instance.get_run_by_id(run_id)
            return run if run.is_finished else None

        first = wait_for("the run is over", outcome, seconds=seconds)

        def all_over():
            return not instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)) and [
                run
                for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]))
                if run_id in {run.run_id, run.parent_run_id, run.root_run_id}
            ]

        wait_for("its work is done", all_over, seconds=TO_FINISH)
        pool = instance.event_log_storage.get_concurrency_info("warehouse")
        assert not pool.claimed_slots
        assert not pool.pending_steps
    return first


def assert_undisturbed(services, tiny_home):
    undisturbed = Settings.from_environment({"STEELYARD_HOME": str(tiny_home)})
    assert published_hash(services.settings) == published_hash(undisturbed)
    assert verify(read_current(services.settings.published)) == []


@pytest.mark.slow
def test_a_run_killed_with_the_whole_tree_in_dbt_is_done_again_after_the_restart(
    services, tiny_home
):
    _, run_id = run_until_models_are_built(services, 20)
    services.kill_tree("daemon")

    services.start_daemon()

    assert settles(services, run_id).status == dg.DagsterRunStatus.FAILURE
    assert_undisturbed(services, tiny_home)


def kill_worker(services, run_id):
    os.kill(worker_of(services, run_id), signal.SIGKILL)


def kill_daemon_alone(services, daemon):
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.wait()
    services.start("second-daemon", ["dagster-daemon", "run", "-w", WORKSPACE])


def newest_run(services):
    with services.instance() as instance:
        return instance.get_runs(limit=1)[0]


@pytest.mark.slow
def test_a_killed_worker_is_noticed_and_its_retry_outlives_the_daemon(services, tiny_home):
    daemon, run_id = run_until_models_are_built(services, 20)

    kill_worker(services, run_id)
    with services.instance() as instance:
        wait_for(
            "the run is failed",
            lambda: instance.get_run_by_id(run_id).is_failure,
            seconds=TO_SETTLE,
        )
    wait_for(
        "its retry is at work",
        lambda: (
            newest_run(services).run_id != run_id
            and newest_run(services).status == dg.DagsterRunStatus.STARTED
        ),
        seconds=TO_COME_UP,
    )
    kill_daemon_alone(services, daemon)

    settles(services, run_id)
    with services.instance() as instance:
        # The one that was killed, and one retry that nobody did a second time.
        assert [run.status for run in instance.get_runs()] == [
            dg.DagsterRunStatus.SUCCESS,
            dg.DagsterRunStatus.FAILURE,
        ]
    assert_undisturbed(services, tiny_home)


@pytest.mark.endurance
@pytest.mark.parametrize("seed", range(ENDURANCE_ROUNDS))
@pytest.mark.parametrize("victim", ["tree", "worker", "daemon"])
def test_whatever_is_killed_anywhere_in_dbt_the_figures_are_those_of_an_undisturbed_run(
    services, tiny_home, victim, seed
):
    models = random.Random(seed).randint(1, 75)
    daemon, run_id = run_until_models_are_built(services, models)

    if victim == "tree":
        services.kill_tree("daemon")
        services.start_daemon()
    elif victim == "worker":
        kill_worker(services, run_id)
    else:
        kill_daemon_alone(services, daemon)

    first = settles(services, run_id, seconds=TO_FINISH if victim == "daemon" else TO_SETTLE)
    with services.instance() as instance:
        runs = instance.get_runs()
    if victim == "daemon":
        assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS]
    else:
        # The last models may have been built, and the run ended, just before the blow.
        assert first.is_finished
        assert runs[0].status == dg.DagsterRunStatus.SUCCESS
    assert_undisturbed(services, tiny_home)
