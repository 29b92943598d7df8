"""Loading a feed from real files: the laws of delivery, and what a damaged file may not do."""

import datetime as dt
import hashlib
import json
import shutil

import pytest
import yaml

from orchestration.contracts.load import load_company
from orchestration.ingest import commit, pipeline
from orchestration.ingest.commit import content_hash
from orchestration.ingest.exemptions import Exemption
from orchestration.ingest.landing import find_files, landing_content_hash
from orchestration.ingest.pipeline import ingest_feed, prepare
from orchestration.resources.warehouse import Warehouse

AS_OF = dt.date(2026, 3, 31)

COUNTS = {
    "feed": "mes_production_counts",
    "system": "mes",
    "domain": "production",
    "steward": "production-data-steward",
    "delivery": {"mode": "append", "cadence": "daily", "late_after_days": 3},
    "key": ["event_id"],
    "time_zone": {"site_column": "site"},
    "touches": {"from": "event_ts", "to": "event_ts"},
    "columns": {
        "event_id": {"type": "key", "pattern": "E[0-9]+"},
        "site": {"type": "code", "values": ["BER", "CHI"]},
        "event_ts": {"type": "ts"},
        "good_qty": {"type": "dec(15,3)"},
        "scrap_qty": {"type": "dec(15,3)?"},
    },
    "rules": [
        {
            "id": "good_qty_not_negative",
            "expectation": "expect_column_values_to_be_between",
            "kwargs": {"column": "good_qty", "min_value": 0},
            "severity": "quarantine",
            "owner": "line-steward",
            "mostly": 0.6,
        },
        {
            "id": "scrap_stated",
            "expectation": "expect_column_values_to_not_be_null",
            "kwargs": {"column": "scrap_qty"},
            "severity": "warn",
            "owner": "line-steward",
        },
    ],
}
REASONS = {
    "feed": "mes_reason_codes",
    "system": "mes",
    "domain": "production",
    "delivery": {"mode": "snapshot", "cadence": "weekly"},
    "key": ["reason_code"],
    "columns": {"reason_code": {"type": "key"}, "reason_text": {"type": "text"}},
}
ORDERS = {
    "feed": "erp_production_orders",
    "system": "erp",
    "domain": "production",
    "delivery": {"mode": "snapshot"},
    "key": ["production_order_id"],
    "columns": {
        "production_order_id": {"type": "key"},
        "product_id": {"type": "key"},
        "order_qty": {"type": "dec(15,3)"},
    },
}
PROFILE = {
    "profile": "plant_mes",
    "source_system": "mes",
    "feeds": {
        "mes_production_counts": {"files": "mes/mes_production_counts/{delivery_date}/*.csv"},
        "mes_reason_codes": {"files": "mes/mes_reason_codes/{delivery_date}/*.csv"},
    },
}
ERP_PROFILE = {
    "profile": "plant_erp",
    "source_system": "erp",
    "sources": {
        "work_order": {
            "forms": [{"files": "erp/WorkOrder*.csv"}],
            "key": ["work_order_id"],
            "columns": {
                "work_order_id": {"type": "key", "pattern": "[0-9]+"},
                "product_id": {"type": "key"},
            },
        },
        "quantity": {
            "forms": [{"files": "erp/Quantity.csv"}],
            "key": ["work_order_id"],
            "columns": {"work_order_id": {"type": "key"}, "qty": {"type": "int"}},
        },
    },
    "feeds": {
        "erp_production_orders": {
            "from": ["work_order", "quantity"],
            "select": "select work_order_id as production_order_id, product_id, qty as order_qty "
            "from work_order left join quantity using (work_order_id)",
        }
    },
}
FACTS = {
    "name": "plant",
    "title": "A plant",
    "enterprise": {"id": "E", "name": "Enterprise"},
    "first_delivery": "2026-01-01",
    "sites": {
        "BER": {"name": "Berlin", "zone": "Europe/Berlin", "country": "DE"},
        "CHI": {"name": "Chicago", "zone": "America/Chicago", "country": "US"},
    },
}


class Plant:
    """A company with its landing folder and its home, all in a temporary folder."""

    def __init__(self, folder):
        self.folder = folder
        self.landing = folder / "landing"
        self.runs = 0
        self.declare(COUNTS)
        self.declare(REASONS)
        self.declare(ORDERS)
        self.write("plant/company.yml", FACTS)
        self.write("plant/expectations/mes.yml", PROFILE)
        self.write("plant/expectations/erp.yml", ERP_PROFILE)
        self.home = folder / "home"

    def declare(self, contract):
        self.write(f"expectations/feeds/{contract['system']}/{contract['feed']}.yml", contract)

    def write(self, place, content):
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    def put(self, place, text):
        path = self.landing / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    @property
    def company(self):
        return load_company(self.folder / "plant", root=self.folder)

    @property
    def warehouse(self):
        return Warehouse(self.home)

    def counts(self, day, *rows, name="counts.csv"):
        lines = ["event_id,site,event_ts,good_qty,scrap_qty", *rows]
        return self.put(f"mes/mes_production_counts/{day}/{name}", "\n".join(lines) + "\n")

    def reasons(self, day, *rows, name="reasons.csv"):
        lines = ["reason_code,reason_text", *rows]
        return self.put(f"mes/mes_reason_codes/{day}/{name}", "\n".join(lines) + "\n")

    def load(self, feed="mes_production_counts", days=None, as_of=AS_OF, exemptions=()):
        self.runs += 1
        dates = None if days is None else [dt.date.fromisoformat(day) for day in days]
        return ingest_feed(
            self.warehouse,
            self.company,
            feed,
            self.landing,
            dates,
            as_of=as_of,
            run_id=f"run-{self.runs}",
            exemptions=exemptions,
        )

    def query(self, sql):
        with self.warehouse.connect() as con:
            return con.execute(sql).fetchall()

    def content(self, feed="mes_production_counts", key=("event_id",)):
        with self.warehouse.connect() as con:
            return content_hash(con, f"raw.{feed}", key)


@pytest.fixture
def plant(tmp_path):
    return Plant(tmp_path)


def event(number, day="2026-03-01", good=5, scrap="1", clock="08:00:00+01:00"):
    return f"E{number},BER,{day}T{clock},{good},{scrap}"


# ------------------------------------------------------------------------------------ the laws


def fill(plant):
    plant.counts("2026-03-02", event(1), event(2), event(3, good=-1))
    plant.counts("2026-03-03", event(2, good=7), event(4, day="2026-03-02"))
    plant.counts("2026-03-04", event(1), event(5, day="2026-03-03", scrap=""))
    plant.counts("2026-03-05", event(6, good=-1), event(7, good=-2), event(8))
    plant.counts("2026-03-06", event(9, day="2026-03-05"))


def test_deliveries_one_by_one_leave_what_all_at_once_leave(tmp_path):
    at_once, stepwise = Plant(tmp_path / "a"), Plant(tmp_path / "b")
    fill(at_once)
    fill(stepwise)

    at_once.load()
    for number in range(2, 7):
        stepwise.load(days=[f"2026-03-0{number}"])

    assert at_once.content() == stepwise.content()
    events = at_once.query(
        "select event_id, good_qty::int from raw.mes_production_counts order by 1"
    )
    # E3 is set aside; of the delivery of 5 March one row in three passes, so it is not visible.
    assert events == [("E1", 5), ("E2", 7), ("E4", 5), ("E5", 5), ("E9", 5)]
    log = "select delivery_date, action, rows_ok, rows_quarantined, rows_new, rows_changed, "
    log += "rows_unchanged from ops.delivery_log order by delivery_date"
    assert at_once.query(log) == stepwise.query(log)


def test_a_second_run_finds_nothing_to_do(plant):
    fill(plant)
    plant.load()
    before = plant.query("select count(*) from ops.delivery_log"), plant.content()

    result = plant.load()

    assert result.deliveries == ()
    assert result.touched == ()
    assert (plant.query("select count(*) from ops.delivery_log"), plant.content()) == before


def test_the_same_bytes_under_another_name_are_logged_and_load_nothing(plant):
    first = plant.counts("2026-03-02", event(1))
    plant.load()
    again = plant.landing / "mes/mes_production_counts/2026-03-09/again.csv"
    again.parent.mkdir()
    shutil.copy(first, again)

    result = plant.load()

    (attempt,) = result.deliveries[0].attempts
    assert (attempt.action, attempt.reason_codes) == ("skip_file", ("DUPLICATE_FILE",))
    assert plant.query("select count(*) from raw.mes_production_counts") == [(1,)]
    assert plant.load().deliveries == ()


def test_a_snapshot_that_returns_to_an_older_state_is_loaded(plant):
    plant.reasons("2026-03-02", "R1,old")
    plant.reasons("2026-03-09", "R1,new")
    plant.reasons("2026-03-16", "R1,old")

    plant.load("mes_reason_codes")

    assert plant.query("select reason_text from raw.mes_reason_codes") == [("old",)]


def test_a_restatement_is_a_new_version_and_touches_both_its_days(plant):
    plant.counts("2026-03-02", event(1, day="2026-03-01"), event(2, day="2026-03-01"))
    plant.load()
    plant.counts("2026-03-08", event(1, day="2026-03-05"))

    result = plant.load()

    assert (result.total("rows_changed"), result.total("rows_new")) == (1, 0)
    days = [(dt.date(2026, 3, 1),) * 2, (dt.date(2026, 3, 5),) * 2]
    assert list(result.touched) == days
    assert plant.query("select from_date, to_date from ops.touched where run_id = 'run-2'") == days
    assert [code.code for _, code in result.findings] == ["RESTATED"]


def test_a_late_file_touches_only_its_own_dates(plant):
    plant.counts("2026-03-02", event(1, day="2026-03-01"))
    plant.counts("2026-03-20", event(2, day="2026-03-19"))
    plant.load()
    plant.counts("2026-03-10", event(3, day="2026-03-09"), name="late.csv")

    assert list(plant.load().touched) == [(dt.date(2026, 3, 9),) * 2]


def test_touched_dates_are_those_of_the_sites_own_clock(plant):
    plant.counts("2026-03-10", "E1,CHI,2026-03-05T03:30:00+00:00,1,0")

    assert list(plant.load().touched) == [(dt.date(2026, 3, 4),) * 2]


def test_a_crash_before_the_commit_leaves_nothing_and_the_next_run_completes(plant, monkeypatch):
    plant.counts("2026-03-02", event(1))
    plant.load()
    before = plant.content(), plant.query("select count(*) from ops.delivery_log")
    plant.counts("2026-03-03", event(2), event(1, good=9))

    def power_cut(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        # After the lake was written and the raw table changed, before the log says so.
        patched.setattr(pipeline.delivery_log, "record_attempts", power_cut)
        with pytest.raises(KeyboardInterrupt):
            plant.load()
    assert (plant.content(), plant.query("select count(*) from ops.delivery_log")) == before
    assert len(list((plant.home / "lake").rglob("*.parquet"))) == 2

    result = plant.load()

    assert (result.total("rows_new"), result.total("rows_changed")) == (1, 1)
    assert len(list((plant.home / "lake").rglob("*.parquet"))) == 2


# ------------------------------------------------------------------- blocked, rejected, aside


def test_a_blocked_delivery_is_invisible_and_its_days_are_named(plant):
    plant.counts("2026-03-02", event(1, day="2026-03-01"))
    plant.counts("2026-03-03", event(2, good=-1, day="2026-03-02"), event(3, day="2026-03-02"))

    result = plant.load(as_of=dt.date(2026, 3, 3))

    assert (result.state, result.raw_rows) == ("blocked", 1)
    blocked = result.deliveries[1]
    assert not blocked.visible
    (sentence,) = blocked.blocked_by
    assert sentence == (
        "good_qty_not_negative: 1 of 2 rows fail expect_column_values_to_be_between; "
        "50.00% pass, 60.00% are asked for"
    )
    assert plant.query("select state, last_accepted_delivery_date from ops.feed_state") == [
        ("blocked", dt.date(2026, 3, 2))
    ]
    assert plant.query("select delivery_date, from_date, to_date from ops.withheld") == [
        (dt.date(2026, 3, 3), dt.date(2026, 3, 2), dt.date(2026, 3, 2))
    ]
    # The good row of the blocked delivery is kept outside the lake.
    assert len(list((plant.home / "lake_blocked").rglob("*.parquet"))) == 1


def test_a_blocked_delivery_is_judged_again_when_its_contract_changes(plant):
    plant.counts("2026-03-03", event(2, good=-1), event(3))
    plant.load(as_of=dt.date(2026, 3, 3))
    rules = [COUNTS["rules"][0] | {"mostly": 0.5}]
    plant.declare(COUNTS | {"rules": rules})

    result = plant.load(as_of=dt.date(2026, 3, 3))

    assert (result.state, result.raw_rows) == ("ok", 1)
    assert plant.query("select * from ops.withheld") == []


def test_a_reworded_contract_judges_nothing_again(plant):
    plant.counts("2026-03-03", event(3))
    plant.load()
    plant.declare(COUNTS | {"description": "Counted parts.", "runbook": "Call the line."})

    assert plant.load().deliveries == ()


def test_rows_set_aside_keep_file_row_text_rule_and_reason(plant):
    plant.counts(
        "2026-03-02", event(1), "E2,BER,2026-03-01 08:00,x,1", event(3, good=-4), event(4), event(5)
    )

    result = plant.load()

    (attempt,) = result.deliveries[0].attempts
    assert (attempt.action, attempt.records) == ("quarantine_rows", 5)
    assert (attempt.rows_ok, attempt.rows_quarantined, attempt.rows_new) == (3, 2, 3)
    assert "good_qty_not_negative: 1 of 4 rows fail" in attempt.message
    aside = plant.query(
        "select row_no, reason, rule_id, owner, raw, file_name from ops.quarantine order by 1, 2"
    )
    assert [(row[0], row[1], row[2], row[3]) for row in aside if row[0] == 3] == [
        (3, "EXPECTATION_FAILED", "good_qty_not_negative", "line-steward")
    ]
    assert {row[0] for row in aside} == {2, 3}
    assert {row[4] for row in aside if row[0] == 2} == {"E2,BER,2026-03-01 08:00,x,1"}
    assert json.loads(next(row[4] for row in aside if row[0] == 3))["event_id"] == "E3"
    failed = plant.query(
        "select rule_id, severity, owner, row_no, row_key from ops.expectation_failures"
    )
    assert failed == [
        ("good_qty_not_negative", "quarantine", "line-steward", 3, '{"event_id":"E3"}')
    ]


def test_rows_that_fail_a_warning_stay_and_are_named(plant):
    plant.counts("2026-03-02", event(1, scrap=""), event(2))

    result = plant.load()

    assert result.raw_rows == 2
    stated = next(one for one in result.deliveries[0].rules if one.rule_id == "scrap_stated")
    assert (stated.evaluated, stated.unexpected, stated.success) == (2, 1, False)
    assert plant.query("select rule_id, row_key from ops.expectation_failures") == [
        ("scrap_stated", '{"event_id":"E1"}')
    ]


def test_a_rejected_file_is_logged_and_leaves_the_other_feeds_alone(plant):
    plant.put("mes/mes_production_counts/2026-03-02/counts.csv", "<html>login</html>\n")
    plant.reasons("2026-03-02", "R1,jam")

    counts = plant.load(as_of=dt.date(2026, 3, 2))
    reasons = plant.load("mes_reason_codes", as_of=dt.date(2026, 3, 2))

    (attempt,) = counts.deliveries[0].attempts
    assert (attempt.action, attempt.reason_codes) == ("reject_file", ("NOT_TABULAR",))
    assert (counts.state, counts.raw_rows) == ("rejected", 0)
    assert (reasons.state, reasons.raw_rows) == ("ok", 1)
    assert plant.query("select count(*) from raw.mes_production_counts") == [(0,)]


def test_a_closed_contract_refuses_a_further_column_and_keeps_none_of_its_bytes(plant):
    plant.declare(REASONS | {"closed": True})
    path = plant.put(
        "mes/mes_reason_codes/2026-03-02/reasons.csv", "reason_code,reason_text,icd\nR1,jam,F32\n"
    )
    name = hashlib.sha256(path.read_bytes()).hexdigest()

    (attempt,) = plant.load("mes_reason_codes").deliveries[0].attempts

    assert (attempt.action, attempt.reason_codes) == ("reject_file", ("SCHEMA_MISMATCH",))
    assert "icd" in attempt.message
    assert not (plant.home / "landing" / name[:2] / name).exists()
    kept = [one.read_bytes() for one in plant.home.rglob("*") if one.is_file()]
    assert not any(b"F32" in content for content in kept)
    # The day's report without the column is taken.
    plant.reasons("2026-03-02", "R1,jam")
    assert plant.load("mes_reason_codes").raw_rows == 1


def test_a_rejected_file_is_tried_again_under_another_contract_only(plant):
    plant.put(
        "mes/mes_production_counts/2026-03-02/counts.csv",
        "event_id,site,event_ts,good_qty\nE1,BER,2026-03-01T08:00:00Z,1\n",
    )
    assert plant.load().deliveries[0].attempts[0].action == "reject_file"
    assert plant.load().deliveries == ()
    scrap = COUNTS["columns"]["scrap_qty"] | {"in_header": "optional"}
    plant.declare(COUNTS | {"columns": COUNTS["columns"] | {"scrap_qty": scrap}})

    assert plant.load().raw_rows == 1


def test_a_repaired_manifest_lets_the_same_bytes_in(plant):
    path = plant.counts("2026-03-02", event(1))
    manifest = path.with_name(path.name + ".manifest.json")
    manifest.write_text(json.dumps({"rows": 7}))
    assert plant.load().deliveries[0].attempts[0].reason_codes == ("CONTROL_TOTAL_MISMATCH",)
    manifest.write_text(json.dumps({"rows": 1}))

    assert plant.load().raw_rows == 1


@pytest.mark.parametrize(
    ("as_of", "state"),
    [("2026-03-02", "ok"), ("2026-03-05", "ok"), ("2026-03-06", "late")],
)
def test_a_feed_is_late_after_the_days_that_its_contract_allows(plant, as_of, state):
    plant.counts("2026-03-02", event(1))

    assert plant.load(as_of=dt.date.fromisoformat(as_of)).state == state


def test_a_contract_may_use_any_column_name_and_a_time_as_key(plant):
    names = ["day", "hash", "reason", "rule_id", "owner", "source_system", "file_id", "row_id"]
    names += ["ord", "idx", "kind", "from_date", "delivery_date", "stored", "fresh", "present"]
    columns = {name: {"type": "text"} for name in names} | {"at": {"type": "ts"}}
    rules = [
        {
            "id": "reason_is_x",
            "expectation": "expect_column_values_to_be_in_set",
            "kwargs": {"column": "reason", "value_set": ["x"]},
            "severity": "quarantine",
            "owner": "o",
        }
    ]
    changed = {"columns": columns, "key": ["day", "at"], "rules": rules}
    plant.declare(REASONS | changed)
    header = ",".join([*names, "at"])
    for day, value in (("02", "x"), ("09", "x"), ("16", "y")):
        row = ",".join([*[value] * len(names), "2026-03-01T08:00:00+01:00"])
        plant.put(f"mes/mes_reason_codes/2026-03-{day}/a.csv", f"{header}\n{row}\n")

    plant.load("mes_reason_codes", days=["2026-03-02"])
    result = plant.load("mes_reason_codes")

    # The third file leaves the first key out, and its own row is set aside.
    assert (result.total("rows_unchanged"), result.total("rows_removed")) == (1, 1)
    assert result.raw_rows == 0
    assert plant.query("select reason, rule_id, owner from ops.quarantine") == [
        ("EXPECTATION_FAILED", "reason_is_x", "o")
    ]


def test_a_feed_that_never_arrived_has_a_table_and_a_state(plant):
    result = plant.load()

    assert (result.state, result.raw_rows) == ("never_delivered", 0)
    assert plant.query("select count(event_ts_utc) from raw.mes_production_counts") == [(0,)]


# --------------------------------------------------------------------- feeds made by a SELECT


def work_orders(plant):
    plant.put("erp/WorkOrder.csv", "work_order_id,product_id\n1,P1\n2,P2\nTotal,\n")
    plant.put("erp/WorkOrder_copy.csv", "<html>\n")
    return plant.put("erp/Quantity.csv", "work_order_id,qty\n1,10\n2,20\n")


def test_a_feed_made_by_a_select_reads_its_guarded_sources(plant):
    work_orders(plant)

    result = plant.load("erp_production_orders")

    assert plant.query(
        "select production_order_id, product_id, order_qty::int, _delivery_date "
        "from raw.erp_production_orders order by 1"
    ) == [("1", "P1", 10, AS_OF), ("2", "P2", 20, AS_OF)]
    log = plant.query("select source, file_name, action from ops.delivery_log order by 1, 2")
    assert log == [
        ("quantity", "Quantity.csv", "accept"),
        ("work_order", "WorkOrder.csv", "quarantine_rows"),
        ("work_order", "WorkOrder_copy.csv", "reject_file"),
        (None, "select over work_order, quantity", "accept"),
    ]
    assert set(plant.query("select source, row_no, raw from ops.quarantine")) == {
        ("work_order", 3, "Total,")
    }
    assert result.state == "ok"
    assert plant.load("erp_production_orders").deliveries == ()


def test_a_select_of_one_day_reads_the_older_file_of_a_source_that_stayed(plant):
    dated = json.loads(json.dumps(ERP_PROFILE).replace('"erp/', '"erp/{delivery_date}/'))
    plant.write("plant/expectations/erp.yml", dated)
    plant.put("erp/2026-03-02/WorkOrder.csv", "work_order_id,product_id\n1,P1\n")
    plant.put("erp/2026-03-02/Quantity.csv", "work_order_id,qty\n1,10\n")
    plant.put("erp/2026-03-03/Quantity.csv", "work_order_id,qty\n1,11\n")

    result = plant.load("erp_production_orders", days=["2026-03-03"])

    assert plant.query("select order_qty::int from raw.erp_production_orders") == [(11,)]
    assert [one.delivery_date for one in result.deliveries] == [
        dt.date(2026, 3, 2),
        dt.date(2026, 3, 3),
    ]
    plant.load("erp_production_orders")
    assert plant.query("select order_qty::int from raw.erp_production_orders") == [(11,)]


def test_a_select_without_one_of_its_sources_says_which(plant):
    work_orders(plant).unlink()

    result = plant.load("erp_production_orders")

    assert (result.state, result.raw_rows) == ("never_delivered", 0)
    assert result.reason == "no file was delivered for its source quantity"


def test_a_select_over_a_refused_source_is_rejected_with_the_cause(plant):
    work_orders(plant).write_text("<html>\n")

    result = plant.load("erp_production_orders")

    assert result.state == "rejected"
    assert "source quantity has no readable file (Quantity.csv:" in result.reason


# ---------------------------------------------------------------------------------- the landing


def test_the_landed_bytes_are_those_of_the_file_and_stay_when_it_changes(plant):
    path = plant.counts("2026-03-02", event(1))
    original = path.read_bytes()
    plant.load()
    path.write_text("something else")

    name = hashlib.sha256(original).hexdigest()
    assert (plant.home / "landing" / name[:2] / name).read_bytes() == original


def test_lake_files_are_named_by_content_so_a_reformatted_file_needs_no_second_copy(plant):
    plant.counts("2026-03-02", event(1), event(2))
    plant.load()
    plant.counts("2026-03-03", event(2, good="5.000"), event(1))

    result = plant.load()

    assert result.total("rows_unchanged") == 2
    assert len({row[0] for row in plant.query("select lake_path from ops.delivery_log")}) == 1


def test_files_in_flight_manifests_and_other_days_are_not_deliveries(plant):
    wanted = plant.counts("2026-03-02", event(1))
    for name in ("a.csv.part", ".hidden.csv", "counts.csv.manifest.json", "b.csv.tmp"):
        wanted.with_name(name).write_text("{}")
    plant.put("mes/mes_production_counts/2026-02-30/counts.csv", "no such day\n")
    plant.put("mes/mes_production_counts/archive/counts.csv", "no day at all\n")

    files = find_files(plant.company, "mes_production_counts", plant.landing, as_of=AS_OF)

    assert [(file.relative_path, file.delivery_date) for file in files] == [
        ("mes/mes_production_counts/2026-03-02/counts.csv", dt.date(2026, 3, 2))
    ]


def test_the_landing_hash_changes_with_names_and_bytes_and_nothing_else(plant):
    path = plant.counts("2026-03-02", event(1))

    def digest():
        files = find_files(plant.company, "mes_production_counts", plant.landing, as_of=AS_OF)
        return landing_content_hash(files)

    first = digest()
    path.touch()
    assert digest() == first
    path.write_text(path.read_text() + event(2) + "\n")
    second = digest()
    assert second != first
    path.rename(path.with_name("renamed.csv"))
    assert digest() not in {first, second}


def test_every_feed_of_the_catalogue_has_a_table_before_anything_arrives(plant):
    prepare(plant.warehouse, plant.company, as_of=AS_OF, run_id="r")

    tables = plant.query(
        "select table_name from duckdb_tables() where schema_name = 'raw' order by 1"
    )
    assert tables == [
        ("erp_production_orders",),
        ("mes_production_counts",),
        ("mes_reason_codes",),
    ]
    assert plant.query("select distinct state from ops.feed_state") == [("never_delivered",)]


def test_one_rule_has_one_summary_over_all_deliveries_of_a_run(plant):
    fill(plant)

    result = plant.load()

    summary = {one.rule_id: one for one in result.rule_summary}
    good = summary["good_qty_not_negative"]
    assert (good.evaluated, good.unexpected, good.success) == (11, 3, False)


def test_a_feed_without_a_key_cannot_be_loaded(plant):
    plant.declare(REASONS | {"key": []})

    with pytest.raises(commit.UnloadableContractError, match="mes_reason_codes declares no key"):
        plant.load("mes_reason_codes")


# ------------------------------------------------------------------------- what must not be told

STATED = {
    "feed": "hr_stated",
    "system": "hr",
    "domain": "people",
    "sensitivity": "restricted",
    "delivery": {"mode": "snapshot", "cadence": "monthly"},
    "key": ["employee_id"],
    "touches": "nothing",
    "columns": {
        "employee_id": {"type": "key", "sensitivity": "restricted"},
        "gender": {"type": "code", "values": ["female", "male"], "sensitivity": "restricted"},
        "born": {"type": "int", "sensitivity": "restricted"},
    },
    "rules": [
        {
            "id": "born_is_plausible",
            "expectation": "expect_column_values_to_be_between",
            "kwargs": {"column": "born", "min_value": 1900},
            "severity": "quarantine",
            "owner": "privacy-steward",
            "mostly": 0.1,
        }
    ],
}
STATED_PROFILE = {
    "profile": "plant_hr",
    "source_system": "hr",
    "feeds": {"hr_stated": {"files": "hr/hr_stated/{delivery_date}/*.csv"}},
}
STATED_ROWS = "employee_id,gender,born\nE-ANN,female,1971\nE-BOB,xenon,1972\nE-CEM,male,forty\n"
STATED_ROWS += "E-DAN,male,1873\n"


def test_no_log_tells_what_stands_in_a_restricted_feed(plant):
    plant.declare(STATED)
    plant.write("plant/expectations/hr.yml", STATED_PROFILE)
    plant.put("hr/hr_stated/2026-03-02/stated.csv", STATED_ROWS)

    result = plant.load("hr_stated")

    # An unknown code is kept as UNCLASSIFIED; a number in words and one out of range are not.
    assert plant.query("select employee_id from restricted.hr_stated order by 1") == [
        ("E-ANN",), ("E-BOB",),
    ]  # fmt: skip
    assert plant.query("select row_no, reason, raw from ops.quarantine order by 1") == [
        (3, "NOT_A_NUMBER", None), (4, "EXPECTATION_FAILED", None),
    ]  # fmt: skip
    assert plant.query("select rule_id, row_no, row_key from ops.expectation_failures") == [
        ("born_is_plausible", 4, None)
    ]
    told = [finding.message for _, finding in result.findings]
    told += [str(row) for row in plant.query("from ops.delivery_log")]
    tables = plant.query("select table_name from duckdb_tables() where schema_name = 'ops'")
    told += [str(row) for (table,) in tables for row in plant.query(f"from ops.{table}")]
    secrets = ["E-ANN", "E-BOB", "E-CEM", "E-DAN", "xenon", "forty", "1873"]
    assert [secret for secret in secrets if secret in " ".join(told)] == []
    assert not (plant.home / "lake" / "hr_stated").exists()
    assert len(list((plant.home / "restricted" / "lake" / "hr_stated").glob("*.parquet"))) == 1


def test_a_feed_on_which_no_reading_rests_touches_no_day(plant):
    plant.declare(STATED)
    plant.write("plant/expectations/hr.yml", STATED_PROFILE)
    plant.put("hr/hr_stated/2026-03-02/stated.csv", STATED_ROWS)

    result = plant.load("hr_stated")

    assert result.total("rows_new") == 2
    assert plant.query("select * from ops.touched") == []


# --------------------------------------------------------------------------- waivers, releases


def exempt(first, last, said, rule="good_qty_not_negative"):
    return Exemption(rule, dt.date.fromisoformat(first), dt.date.fromisoformat(last), said)


WAIVER = exempt("2026-03-02", "2026-03-03", "waived by act 12 until 2026-03-03")
RELEASE = exempt("2026-03-02", "2026-03-02", "let in by act 17")


def held(plant):
    return plant.query("select delivery_date::varchar, rule_id, row_count from ops.set_aside")


def test_rows_that_fail_a_waived_rule_pass_and_are_marked_until_the_waiver_ends(plant):
    for number, day in enumerate(("2026-03-02", "2026-03-03", "2026-03-04")):
        plant.counts(
            day, event(3 * number + 1), event(3 * number + 2), event(3 * number + 3, good=-1)
        )

    result = plant.load(exemptions=[WAIVER])

    assert plant.query("select event_id from raw.mes_production_counts where good_qty < 0") == [
        ("E3",), ("E6",),
    ]  # fmt: skip
    assert held(plant) == [("2026-03-04", "good_qty_not_negative", 1)]
    assert plant.query(
        "select delivery_date::varchar, severity, unexpected, success from ops.expectation_results "
        "where rule_id = 'good_qty_not_negative' order by 1"
    ) == [
        ("2026-03-02", "waived", 1, True),
        ("2026-03-03", "waived", 1, True),
        ("2026-03-04", "quarantine", 1, True),
    ]
    assert plant.query(
        "select delivery_date::varchar, severity, count(*) from ops.expectation_failures "
        "where rule_id = 'good_qty_not_negative' group by all order by 1"
    ) == [("2026-03-02", "waived", 1), ("2026-03-03", "waived", 1), ("2026-03-04", "quarantine", 1)]
    log = plant.query(
        "select action, rows_ok, rows_quarantined, reason_codes, message from ops.delivery_log "
        "order by delivery_date"
    )
    assert [row[:4] for row in log] == [
        ("accept_with_warning", 3, 0, ["EXPECTATION_NOTED"]),
        ("accept_with_warning", 3, 0, ["EXPECTATION_NOTED"]),
        ("quarantine_rows", 2, 1, ["EXPECTATION_FAILED"]),
    ]
    assert log[0][4].endswith("(waived by act 12 until 2026-03-03)")
    assert [delivery.rules[0].severity for delivery in result.deliveries][:2] == ["waived"] * 2


def test_a_waiver_does_not_stop_other_rules_and_a_blocked_batch_passes_under_it(plant):
    # Two of three rows fail where 60 % must pass; one of them is no number either.
    plant.counts("2026-03-02", event(1), event(2, good=-1), event(3, good=-1), event(4, good="x"))

    assert not plant.load().deliveries[0].visible
    assert plant.load(exemptions=[WAIVER]).deliveries[0].visible
    assert plant.query("select event_id from raw.mes_production_counts order by 1") == [
        ("E1",), ("E2",), ("E3",),
    ]  # fmt: skip
    assert plant.query("select row_no, reason from ops.quarantine where run_id = 'run-2'") == [
        (4, "NOT_A_NUMBER")
    ]


def test_a_release_lets_in_the_rows_of_its_delivery_and_rule_alone(plant):
    plant.counts("2026-03-02", event(1), event(2), event(3, good=-1))
    plant.counts("2026-03-03", event(11), event(12), event(13, good=-1))
    plant.load()
    before = plant.query("select event_id from raw.mes_production_counts order by 1")
    assert sorted(held(plant)) == [
        ("2026-03-02", "good_qty_not_negative", 1), ("2026-03-03", "good_qty_not_negative", 1),
    ]  # fmt: skip

    # The run of a later day; the company has cleared its landing folder.
    shutil.rmtree(plant.landing / "mes/mes_production_counts/2026-03-02")
    result = plant.load(days=["2026-03-20"], exemptions=[RELEASE])

    after = plant.query("select event_id from raw.mes_production_counts order by 1")
    assert set(after) - set(before) == {("E3",)}
    assert held(plant) == [("2026-03-03", "good_qty_not_negative", 1)]
    assert (result.total("rows_new"), result.total("rows_changed")) == (1, 0)
    assert result.deliveries[0].attempts[0].file_name == "counts.csv"
    assert "let in by act 17" in result.deliveries[0].attempts[0].message
    assert result.touched == ((dt.date(2026, 3, 1), dt.date(2026, 3, 1)),)
    # The next run finds it done.
    assert plant.load(days=["2026-03-21"], exemptions=[RELEASE]).deliveries == ()


def test_a_release_later_or_known_from_the_start_ends_in_the_same_rows(plant, tmp_path):
    fill(plant)
    plant.load(days=["2026-03-02"])
    plant.load(exemptions=[RELEASE])
    other = Plant(tmp_path / "other")
    fill(other)

    other.load(exemptions=[RELEASE])

    assert other.content() == plant.content()
    assert held(other) == held(plant)
