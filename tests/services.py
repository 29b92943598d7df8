"""Dagster's processes on a home of their own: started as services, ended as by faults."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import dagster as dg

from orchestration.publication.snapshot import read_current
from orchestration.settings import Settings, variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Found = TypeVar("Found")

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
POLL_SECONDS = 0.2
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def wait_for(what: str, look: Callable[[], Found | None], *, seconds: float) -> Found:
    """Return what ``look`` finds; a test fails that waits longer than what is promised."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(POLL_SECONDS)
    raise AssertionError(f"{what}: not within {seconds:g} s")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _program(name: str) -> str:
    return str(BIN / name) if (BIN / name).exists() else name


class Services:
    """The processes on one home; every one leads a process group, so that nothing is left over."""

    def __init__(self, settings: Settings, logs: Path) -> None:
        self.settings = settings
        self.logs = logs
        # An installed product needs no path; a checkout that is tested without one does.
        self.environment = os.environ | settings.environment() | {"PYTHONPATH": str(ROOT)}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [_program(command[0]), *command[1:]],
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._running[name] = process
        return process

    def start_daemon(self) -> subprocess.Popen[bytes]:
        return self.start("daemon", ["dagster-daemon", "run", "-w", "workspace.yaml"])

    def call(self, *command: str) -> str:
        """Run a command of the environment to its end, and return what it printed."""
        return subprocess.run(
            [_program(command[0]), *command[1:]],
            env=self.environment,
            cwd=ROOT,
            check=True,
            text=True,
            stdout=subprocess.PIPE,
        ).stdout

    def kill_tree(self, name: str) -> None:
        """End a process and all that it started, without a chance to say anything."""
        process = self._running.pop(name)
        # The leader may have been killed before, and nothing that it started be left.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def close(self) -> None:
        for name in list(self._running):
            self.kill_tree(name)

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        with (
            variables(self.settings.environment()),
            dg.DagsterInstance.from_config(str(self.settings.dagster_home)) as instance,
        ):
            yield instance


def published_hash(settings: Settings) -> str:
    return read_current(settings.published).content_hash
