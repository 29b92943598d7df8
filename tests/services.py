"""Dagster's processes on a home of their own: started as services, ended as by faults."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import dagster as dg
import psycopg2
import pytest

from orchestration.publication.snapshot import read_current
from orchestration.settings import Settings, variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Found = TypeVar("Found")

ROOT = Path(__file__).parents[1]
WORKSPACE = str(ROOT / "workspace.yaml")
BIN = Path(sys.executable).parent
# Debian keeps the server's programs off the path.
POSTGRES_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
POLL_SECONDS = 0.2
# Patience: a busy machine takes its time to start a process.
COME_UP_SECONDS = 600
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


def system_program(name: str, *, package: str) -> str:
    """Return a program of the operating system; without it a test is skipped, but never in CI."""
    places = [os.environ["PATH"], "/usr/sbin", *map(str, POSTGRES_PROGRAMS)]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        skip_but_not_in_ci(f"{name} is not installed: apt-get install {package}")
    return found


def skip_but_not_in_ci(reason: str) -> NoReturn:
    """Skip a test that this machine cannot run; where all must run, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


class Services:
    """The processes on one home; every one leads a process group, so that nothing is left over.

    They are started in the folder of their logs: Dagster would rather believe the checkout's `.env`
    than their environment.
    """

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
                cwd=self.logs,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._running[name] = process
        return process

    def start_daemon(self) -> subprocess.Popen[bytes]:
        return self.start("daemon", ["dagster-daemon", "run", "-w", WORKSPACE])

    def call(self, *command: str) -> str:
        """Run a command of the environment to its end, and return what it printed."""
        return subprocess.run(
            [_program(command[0]), *command[1:]],
            env=self.environment,
            cwd=self.logs,
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


@contextmanager
def postgres(name: str) -> Iterator[str]:
    """A Postgres server on the loopback for the duration; yields the URL of an empty database."""
    initdb, server = (
        system_program(program, package="postgresql") for program in ("initdb", "postgres")
    )
    # Postgres refuses to run as root.
    user = "postgres" if os.getuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="steelyard-postgres-") as folder:
        password = Path(folder, "password")
        password.write_text("counterweight\n", encoding="utf-8")
        if user is not None:
            for path in (folder, password):
                shutil.chown(path, user)
        port, data = free_port(), str(Path(folder, "data"))
        log = Path(folder, "log")
        login = ["--username=steelyard", f"--pwfile={password}", "--auth=scram-sha-256"]
        with log.open("wb") as out:
            run = {"user": user, "cwd": folder, "stdout": out, "stderr": out}
            subprocess.run([initdb, "-D", data, "--no-sync", *login], check=True, **run)
            listen = ["-h", "127.0.0.1", "-p", str(port), "-k", ""]
            process = subprocess.Popen([server, "-D", data, "-F", *listen], **run)
        url = f"postgresql://steelyard:counterweight@127.0.0.1:{port}"
        try:
            wait_for("Postgres", lambda: _accepts(f"{url}/postgres"), seconds=COME_UP_SECONDS)
            with closing(psycopg2.connect(f"{url}/postgres")) as con:
                con.autocommit = True
                con.cursor().execute(f"create database {name}")
            yield f"{url}/{name}"
        finally:
            # Its fast way down, which does not wait for clients.
            process.send_signal(signal.SIGINT)
            process.wait()


def _accepts(url: str) -> bool:
    try:
        psycopg2.connect(url).close()
    except psycopg2.OperationalError:
        return False
    return True
