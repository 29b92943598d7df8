"""What a killed run leaves of Dagster's event log is read, and nothing of it is lost."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from orchestration.resources.dagster_events import close_left_logs

KILLED = """
import os, signal, sqlite3
connection = sqlite3.connect("run.db", isolation_level=None)
connection.execute("pragma journal_mode = wal")
for statement in {statements!r}:
    connection.execute(statement)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("statements", "events"),
    [
        pytest.param(["create table e (n)", "insert into e values (1)"], [(1,)], id="noted"),
        pytest.param(
            ["create table e (n)", "begin", "insert into e values (1)"], [], id="half noted"
        ),
        pytest.param(["begin", "create table e (n)"], None, id="nothing yet"),
    ],
)
def test_the_log_of_a_killed_run_is_taken_in(tmp_path, statements, events):
    code = KILLED.format(statements=statements)
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False)
    assert (tmp_path / "run.db-wal").is_file()

    close_left_logs(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["run.db"]
    if events is not None:
        with closing(sqlite3.connect(tmp_path / "run.db")) as connection:
            assert connection.execute("select * from e").fetchall() == events


def test_a_log_that_somebody_has_open_is_left_to_them(tmp_path):
    with closing(sqlite3.connect(tmp_path / "run.db", isolation_level=None)) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("create table e (n)")

        close_left_logs(tmp_path)

        connection.execute("insert into e values (1)")
        assert connection.execute("select * from e").fetchall() == [(1,)]
