"""One user of the warehouse at a time, who is named to those who wait."""

import subprocess
import sys
import threading

import duckdb
import pandas as pd
import pytest

from orchestration.resources.warehouse import Warehouse, WarehouseBusyError

HOLDER = """
import pathlib, sys
from orchestration.resources.warehouse import Warehouse
with Warehouse(pathlib.Path(sys.argv[1])).lock("steelyard run --company plant"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the warehouse until it is told to stop."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_who_waits_in_vain_is_told_who_holds_the_warehouse(tmp_path, holder):
    with pytest.raises(WarehouseBusyError) as refusal:
        Warehouse(tmp_path, wait_seconds=0).read("raw.anything")

    message = str(refusal.value)
    assert f"process {holder.pid} (steelyard run --company plant) since 20" in message
    assert "waited 0 s" in message


def test_a_holder_that_dies_leaves_the_warehouse_free(tmp_path, holder):
    holder.kill()
    holder.wait()

    with Warehouse(tmp_path, wait_seconds=0).connect() as con:
        assert con.execute("select 1").fetchall() == [(1,)]


def test_the_holder_may_use_the_warehouse_again_and_other_threads_wait(tmp_path):
    warehouse = Warehouse(tmp_path, wait_seconds=0)
    refused = []

    def other():
        try:
            warehouse.read("t")
        except WarehouseBusyError as error:
            refused.append(str(error))

    with warehouse.lock("the first"):
        warehouse.replace("t", pd.DataFrame({"x": [1]}))
        assert list(warehouse.read("t")["x"]) == [1]
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    assert len(refused) == 1
    assert "the first" in refused[0]
    other()
    assert len(refused) == 1


def test_no_connection_stays_open_between_uses(tmp_path):
    warehouse = Warehouse(tmp_path)
    warehouse.replace("kpi.t", pd.DataFrame({"x": [1]}))

    # DuckDB refuses a second connection with other settings while one is open in the process.
    with duckdb.connect(str(warehouse.path), config={"threads": 1}) as con:
        assert con.execute("select x from kpi.t").fetchall() == [(1,)]


def test_a_replaced_table_holds_the_new_rows_only_and_names_need_no_care(tmp_path):
    warehouse = Warehouse(tmp_path)
    warehouse.replace('kpi.odd "name"', pd.DataFrame({"a b": [1, 2], "select": ["x", None]}))
    warehouse.replace('kpi.odd "name"', pd.DataFrame({"a b": [3], "select": ["y"]}))

    assert warehouse.read('kpi.odd "name"').to_dict("list") == {"a b": [3], "select": ["y"]}


def test_a_failed_replacement_leaves_the_old_rows(tmp_path):
    warehouse = Warehouse(tmp_path)
    warehouse.replace("kpi.t", pd.DataFrame({"x": [1]}))

    with pytest.raises(duckdb.Error):
        warehouse.replace("kpi.t", pd.DataFrame())

    assert list(warehouse.read("kpi.t")["x"]) == [1]


def test_times_are_read_in_utc(tmp_path):
    with Warehouse(tmp_path).connect() as con:
        assert con.execute("select current_setting('TimeZone')").fetchall() == [("UTC",)]


def test_a_file_that_is_kept_open_is_free_for_another_engine_once_it_is_released(tmp_path):
    warehouse = Warehouse(tmp_path, memory_limit="1GB")

    with warehouse.kept_open():
        with warehouse.connect() as con:
            con.execute("create table t as select 1 as n; create temp table own as select 2 as n")
        with warehouse.connect() as con, pytest.raises(duckdb.CatalogException):
            con.execute("select n from own")
        with pytest.raises(duckdb.ConnectionException, match="different configuration"):
            duckdb.connect(str(warehouse.path), config={"memory_limit": "2GB"})
        warehouse.release()
        with duckdb.connect(str(warehouse.path), config={"memory_limit": "2GB"}) as other:
            assert other.execute("select n from t").fetchall() == [(1,)]

    # Closed for good: another process may have it.
    seen = "import duckdb, sys; print(duckdb.connect(sys.argv[1]).execute('from t').fetchall())"
    command = [sys.executable, "-c", seen, str(warehouse.path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[(1,)]\n"
