"""The version of a home: adopted, brought up to date, or refused with the cure."""

import hashlib
import json

import duckdb
import pytest

from orchestration.ingest import delivery_log, run_state
from orchestration.resources.home import (
    HOME_FILE,
    HOME_VERSION,
    HomeVersionError,
    adopt_home,
    home_version,
    log_layout,
    wanted_layout,
)

# The tables of `ops` of this version of a home. With other tables raise HOME_VERSION: homes of
# the version before are then completed, or refused with the cure.
LAYOUT_OF_THIS_VERSION = (4, "c372bfdebecbdc8437c3fa4309a9e38ed8d3c551c8d3c1c751ab58f93fc94ec7")


def test_other_log_tables_are_another_version_of_a_home():
    layout = json.dumps(wanted_layout(), sort_keys=True)

    assert (HOME_VERSION, hashlib.sha256(layout.encode()).hexdigest()) == LAYOUT_OF_THIS_VERSION


@pytest.fixture
def con():
    with duckdb.connect() as con:
        con.execute(delivery_log.DDL)
        con.execute(run_state.DDL)
        yield con


def test_a_new_home_is_marked_with_this_version(con, tmp_path):
    adopt_home(con, tmp_path)

    assert home_version(tmp_path) == HOME_VERSION


def test_a_home_whose_logs_lack_columns_is_completed_and_keeps_its_rows(con, tmp_path):
    con.execute("insert into ops.touched values ('r1', 'f', date '2026-10-01', null)")
    con.execute("alter table ops.touched drop column to_date")
    # One in the middle: some rows are written by position.
    con.execute("insert into ops.delivery_log (attempt_id, bytes) values ('a1', 7)")
    con.execute("alter table ops.delivery_log drop column manifest_sha256")

    adopt_home(con, tmp_path)

    present, wanted = log_layout(con), wanted_layout()
    assert {table: list(columns) for table, columns in present.items()} == {
        table: list(columns) for table, columns in wanted.items()
    }
    assert con.execute("select run_id, to_date from ops.touched").fetchall() == [("r1", None)]
    assert con.execute(
        "select attempt_id, manifest_sha256, bytes from ops.delivery_log"
    ).fetchall() == [("a1", None, 7)]
    assert home_version(tmp_path) == HOME_VERSION


def test_a_log_that_does_not_say_what_must_be_known_is_refused_with_the_cure(con, tmp_path):
    con.execute("insert into ops.delivery_log (attempt_id) values ('a1')")
    con.execute("alter table ops.delivery_log drop column last_date")

    with pytest.raises(HomeVersionError, match=r"does not say last_date: run `steelyard rebuild`"):
        adopt_home(con, tmp_path)


def test_the_mark_of_this_version_does_not_stand_for_tables_that_changed_since(con, tmp_path):
    adopt_home(con, tmp_path)
    con.execute("alter table ops.delivery_log drop column manifest_sha256")

    adopt_home(con, tmp_path)

    assert list(log_layout(con)["delivery_log"]) == list(wanted_layout()["delivery_log"])


def test_a_home_whose_logs_cannot_be_completed_stays_as_it_was(con, tmp_path):
    con.execute(
        "insert into ops.run_history values ('r1', now(), 'h', true, now(), null, null, null)"
    )
    con.execute("alter table ops.run_history drop column definition_hash")
    con.execute("alter table ops.touched drop column to_date")
    before = log_layout(con)

    with pytest.raises(HomeVersionError, match="run `steelyard rebuild`"):
        adopt_home(con, tmp_path)

    assert log_layout(con) == before
    assert con.execute("select run_id from ops.run_history").fetchall() == [("r1",)]
    assert not (tmp_path / HOME_FILE).exists()


def test_a_home_whose_logs_mean_something_else_is_refused_with_the_cure(con, tmp_path):
    con.execute("alter table ops.delivery_log add column verdict varchar")

    with pytest.raises(HomeVersionError, match=r"has verdict otherwise: run `steelyard rebuild`"):
        adopt_home(con, tmp_path)

    assert not (tmp_path / HOME_FILE).exists()


def test_a_home_of_a_later_version_is_refused(con, tmp_path):
    (tmp_path / HOME_FILE).write_text(json.dumps({"version": HOME_VERSION + 1}))

    with pytest.raises(HomeVersionError, match="later version"):
        adopt_home(con, tmp_path)


def test_what_a_killed_run_left_half_written_is_removed(con, tmp_path):
    half_landed = tmp_path / "landing" / ".incoming-abc"
    half_kept = tmp_path / "lake" / ".incoming-def" / "rows.parquet"
    spilled = tmp_path / "warehouse.duckdb.tmp" / "duckdb_temp_storage-0.tmp"
    landed = tmp_path / "landing" / "ab" / "abc"
    for path in (half_landed, half_kept, spilled, landed):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")

    adopt_home(con, tmp_path)

    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["home.json", "abc"]
