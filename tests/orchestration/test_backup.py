"""Backup, restore and rebuild drills on a whole home: what was published is what is published."""

import datetime as dt
import json
import shutil
import threading

import duckdb
import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.ingest.commit import content_hash
from orchestration.publication.snapshot import PUBLISHED, read_current, verify
from orchestration.resources.backup import BackupError, back_up, restore
from orchestration.resources.home import (
    HOME_FILE,
    HOME_VERSION,
    log_layout,
    wanted_layout,
)
from orchestration.resources.warehouse import Warehouse, WarehouseBusyError
from orchestration.run import NothingToDoError, run_company
from orchestration.settings import Settings

LAST = dt.date(2026, 10, 4)


def settings_of(home):
    return Settings.from_environment({"STEELYARD_HOME": str(home)})


def silent(_what, _done, _total):
    pass


def steelyard(monkeypatch, home, *words):
    monkeypatch.setenv("STEELYARD_HOME", str(home))
    return CliRunner().invoke(app, list(words))


def contents(settings):
    """The content hash of each published table, read from the warehouse itself."""
    with Warehouse(settings.company_home).connect() as con:
        return {name: content_hash(con, name, key) for name, key in PUBLISHED.items()}


@pytest.fixture(scope="module")
def backup(tiny_home, tmp_path_factory):
    destination = tmp_path_factory.mktemp("backups") / "tuesday"
    back_up(settings_of(tiny_home).company_home, destination, company="demo")
    return destination


@pytest.fixture
def home(tiny_home, tmp_path):
    """A copy of the published company, to be harmed."""
    shutil.copytree(tiny_home, tmp_path / "home", symlinks=True)
    return tmp_path / "home"


def test_a_restored_home_publishes_and_holds_what_the_old_one_did(
    tiny_home, backup, tmp_path, monkeypatch
):
    result = steelyard(monkeypatch, tmp_path, "restore", str(backup))

    assert result.exit_code == 0, result.output
    old, new = settings_of(tiny_home), settings_of(tmp_path)
    assert read_current(new.published).content_hash == read_current(old.published).content_hash
    assert verify(read_current(new.published)) == []
    assert contents(new) == contents(old)
    with pytest.raises(NothingToDoError):
        run_company(new, as_of=LAST, report=silent)


def test_a_backup_is_refused_while_a_run_holds_the_warehouse(tiny_home, tmp_path):
    home = settings_of(tiny_home).company_home
    held, done = threading.Event(), threading.Event()

    def hold():
        with Warehouse(home).lock("Dagster run 1"):
            held.set()
            done.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    try:
        with pytest.raises(WarehouseBusyError, match="Dagster run 1"):
            back_up(home, tmp_path / "copy", company="demo")
    finally:
        done.set()
        holder.join()
    assert not (tmp_path / "copy").exists()


def test_a_flipped_bit_in_a_backup_is_found_and_nothing_is_restored(backup, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(backup, damaged, symlinks=True)
    names = json.loads((damaged / "backup.json").read_text())["files"]
    victim = (
        damaged / "files" / max(names, key=lambda name: (damaged / "files" / name).stat().st_size)
    )
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)

    with pytest.raises(BackupError, match=f"1 of {len(names)} files"):
        restore(damaged, tmp_path / "home" / "demo", company="demo")

    assert list((tmp_path / "home").iterdir()) == []


def test_a_home_that_is_there_is_never_overwritten(backup, home):
    with pytest.raises(BackupError, match="not empty"):
        restore(backup, home / "demo", company="demo")


@pytest.mark.slow
def test_marts_that_were_wiped_are_rebuilt_from_landed_bytes_and_log(home, monkeypatch):
    settings = settings_of(home)
    before, published = contents(settings), read_current(settings.published).content_hash
    with duckdb.connect(str(Warehouse(settings.company_home).path)) as con:
        schemas = con.execute(
            "select schema_name from duckdb_schemas() where not internal "
            "and schema_name not in ('main', 'ops')"
        ).fetchall()
        for (schema,) in schemas:
            con.execute(f"drop schema {schema} cascade")
    assert {"raw", "core", "kpi", "scorecard"} <= {schema for (schema,) in schemas}
    shutil.rmtree(settings.published)
    shutil.rmtree(settings.landing)
    shutil.rmtree(settings.company_home / "lake")

    result = steelyard(monkeypatch, home, "rebuild")

    assert result.exit_code == 0, result.output
    assert contents(settings) == before
    assert read_current(settings.published).content_hash == published


def test_a_landed_file_that_changed_stops_a_rebuild_before_it_begins(home, monkeypatch):
    settings = settings_of(home)
    landed = next(path for path in (settings.company_home / "landing").rglob("*") if path.is_file())
    landed.write_bytes(landed.read_bytes()[:-1])

    result = steelyard(monkeypatch, home, "rebuild")

    assert result.exit_code == 1
    assert landed.name in result.output.replace("\n", "")
    assert read_current(settings.published).as_of == "2026-10-04"


# What the first version wrote otherwise, seen in a home that it wrote: no mark, another
# configuration of Dagster, and these tables; all other tables of `ops` were as they are.
FIRST_LOGS = """
create table ops.delivery_log (
    attempt_id varchar, run_id varchar, feed varchar, source varchar, source_system varchar,
    file_name varchar, relative_path varchar, sha256 varchar, bytes bigint,
    delivery_date date, received_at_utc timestamp,
    action varchar, reason_codes varchar[], message varchar,
    records bigint, rows_ok bigint, rows_quarantined bigint,
    rows_new bigint, rows_changed bigint, rows_unchanged bigint, rows_removed bigint,
    contract_hash varchar, lake_path varchar, recorded_at_utc timestamp
);
create table ops.run_parameters (
    run_id varchar not null, as_of_date date not null, definition_hash varchar not null,
    is_full boolean not null
);
create table ops.run_history (
    run_id varchar not null, as_of_date date not null, definition_hash varchar not null,
    is_full boolean not null, started_at_utc timestamp not null, published_at_utc timestamp
);
"""
FIRST_CHANGED = ("delivery_log", "run_parameters", "run_history")
FIRST_DAGSTER = """
telemetry:
  enabled: false
event_log_storage:
  module: orchestration.resources.dagster_events
  class: PooledSqliteEventLogStorage
  config:
    base_dir: "{}/history/runs"
run_monitoring:
  enabled: true
  start_timeout_seconds: 300
"""


@pytest.fixture
def first_home(home):
    """The home as the first version left it, after a run under its own definitions."""
    settings = settings_of(home)
    (settings.company_home / HOME_FILE).unlink()
    (settings.dagster_home / "dagster.yaml").write_text(FIRST_DAGSTER.format(settings.dagster_home))
    with duckdb.connect(str(Warehouse(settings.company_home).path)) as con:
        for table in FIRST_CHANGED:
            con.execute(f"alter table ops.{table} rename to {table}_now")
        con.execute("drop table ops.published_gaps")
        con.execute(FIRST_LOGS)
        for table in FIRST_CHANGED:
            names = ", ".join(log_layout(con)[table])
            con.execute(f"insert into ops.{table} select {names} from ops.{table}_now")
            con.execute(f"drop table ops.{table}_now")
        con.execute("update ops.run_history set definition_hash = 'of the first version'")
    return home


@pytest.mark.slow
def test_a_home_of_the_first_version_is_refused_with_the_cure_and_the_cure_helps(
    first_home, monkeypatch
):
    settings = settings_of(first_home)
    published = read_current(settings.published).content_hash
    log = "select attempt_id, sha256, action from ops.delivery_log order by all"
    with duckdb.connect(str(Warehouse(settings.company_home).path)) as con:
        attempts = con.execute(log).fetchall()

    foretold = steelyard(monkeypatch, first_home, "doctor")
    refused = steelyard(monkeypatch, first_home, "run")

    assert "Home of version 1" in foretold.output
    for told in (foretold, refused):
        assert told.exit_code == 1
        assert "run `steelyard rebuild`" in " ".join(told.output.split())
    with duckdb.connect(str(Warehouse(settings.company_home).path)) as con:
        assert con.execute(log).fetchall() == attempts

    cured = steelyard(monkeypatch, first_home, "rebuild")

    assert cured.exit_code == 0, cured.output
    assert read_current(settings.published).content_hash == published
    now = steelyard(monkeypatch, first_home, "doctor").output
    assert f"Home of version {HOME_VERSION}\n" in now
    with Warehouse(settings.company_home).connect() as con:
        assert log_layout(con) == wanted_layout()
