"""Tells Dagster which runs still have a process, so that it gives up those that have none.

Dagster's own launcher cannot tell: after a power cut, or when the code server died with its runs,
a run stays "started" and every later run waits behind it in the pool. Here each run holds a file
lock for as long as its process lives; the operating system drops it at the moment of death. A
process id would not do: after a reboot it belongs to somebody else.
"""

from __future__ import annotations

import fcntl
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import DagsterRunStatus, DefaultRunLauncher, RunsFilter, StringSource
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from dagster import DagsterInstance, DagsterRun
    from dagster._serdes import ConfigurableClassData

# Between Dagster's word that a run has begun and the run's own sign lie milliseconds; a sign that
# is missing a minute later will not come any more.
SIGN_WITHIN_SECONDS = 60.0
_OWN_SIGNS: dict[str, TextIO] = {}


def show_life(folder: Path, run_id: str) -> None:
    """Hold the sign of life of a run until this process ends; those of ended ones are removed.

    It is not given back when the run ends: Dagster hears of the end a little later, and would take
    a run without a sign for a dead one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for sign in folder.iterdir():
        if sign.name not in _OWN_SIGNS and not _is_held(sign):
            sign.unlink(missing_ok=True)
    if run_id not in _OWN_SIGNS:
        handle = (folder / run_id).open("a", encoding="utf-8")
        # Waits for the instant in which another process looks at it, no longer.
        fcntl.flock(handle, fcntl.LOCK_EX)
        _OWN_SIGNS[run_id] = handle


def is_alive(folder: Path, run_id: str, *, started_at: float | None) -> bool:
    """Return whether the process of a run lives, or may still be coming up."""
    sign = folder / run_id
    if sign.is_file():
        return _is_held(sign)
    return started_at is not None and time.time() - started_at < SIGN_WITHIN_SECONDS


def _is_held(sign: Path) -> bool:
    try:
        with sign.open(encoding="utf-8") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's own launcher, which also knows whether a run it launched is still there.

    Dagster's run monitoring asks it every few seconds, and about runs of the command line too.
    """

    def __init__(self, signs_of_life: str, inst_data: ConfigurableClassData | None = None) -> None:
        self.signs_of_life = Path(signs_of_life)
        super().__init__(inst_data=inst_data)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return what `dagster.yaml` configures."""
        return {"signs_of_life": StringSource}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> WatchedRunLauncher:
        """Return the launcher that `dagster.yaml` configures."""
        return cls(inst_data=inst_data, **config_value)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether run monitoring may ask."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Say whether the process of a started run is still there."""
        record = self._instance.get_run_record_by_id(run.run_id)
        started_at = record.start_time if record else None
        if is_alive(self.signs_of_life, run.run_id, started_at=started_at):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(
            WorkerStatus.NOT_FOUND, "Its process ended without a word: killed, or a power cut."
        )


def give_up_lost_runs(instance: DagsterInstance) -> list[str]:
    """Mark runs whose process is gone as failed, free their pool slots, and return their ids.

    The daemon does the same by itself; this is for a command line without a daemon.
    """
    launcher = instance.run_launcher
    assert isinstance(launcher, WatchedRunLauncher)
    lost = []
    filters = RunsFilter(statuses=[DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])
    for run in instance.get_runs(filters):
        health = launcher.check_run_worker_health(run)
        if health.status is not WorkerStatus.RUNNING:
            instance.report_run_failed(run, health.msg)
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            lost.append(run.run_id)
    return lost
