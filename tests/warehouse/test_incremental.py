"""Whatever the order of deliveries, a warehouse built day by day is the one built at once."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import shutil

import pytest

from orchestration.ingest.pipeline import ingest_feed

from .conftest import FIRST_DAY, LAST_DAY, House

DAY = dt.timedelta(days=1)
pytestmark = pytest.mark.slow


def test_daily_deliveries_late_and_restated_leave_what_one_load_of_all_leaves(
    day_by_day, tiny_landing, parsed, tmp_path
):
    at_once = House(tmp_path, tiny_landing, parsed)

    at_once.run(LAST_DAY)

    assert at_once.is_full
    assert day_by_day.differences(at_once) == ""


# ------------------------------------------------------------------------- crafted deliveries
# What they change lies in June, July and the first weeks of August: later days are replaced by
# every run, because the longest latency is 35 days.


def records(house, feed, *, of=""):
    """Rows of the newest delivered file of a feed whose name holds a text."""
    text = [path for path in house.delivered(feed) if of in path.name][-1].read_text("utf-8")
    mark = ";" if ";" in text.partition("\n")[0] else ","
    return list(csv.DictReader(io.StringIO(text), delimiter=mark)), mark


def table(rows, mark):
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=mark, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def load(house, day, *feeds, judged=False):
    """Load these feeds and build what the day's run replaces."""
    for feed in feeds:
        result = ingest_feed(
            house.warehouse, house.company, feed, house.landing, [day], as_of=day,
            run_id=f"run-{house.runs + 1}",
        )  # fmt: skip
        assert result.total("rows_new") + result.total("rows_changed") > 0, (feed, result)
    house.build(day, judged=judged)
    assert not house.is_full


def expect_as_rebuilt(house, tmp_path):
    """Nothing may change when everything that is built incrementally is built anew.

    All else is built from nothing in every run.
    """
    before = House(tmp_path / "before", house.landing, house.parsed)
    before.warehouse.path.parent.mkdir(parents=True)
    shutil.copy(house.warehouse.path, before.warehouse.path)
    house.execute("insert into ops.touched values ('test', 'all', null, null)")
    house.rebuild_incremental()
    house.execute("delete from ops.touched")
    assert before.differences(house) == ""


@pytest.fixture(scope="module")
def house(day_by_day, tmp_path_factory):
    """One house that all deliveries below reach in turn, a day for each test."""
    return day_by_day.copy(tmp_path_factory.mktemp("crafted"))


def test_restatements_of_long_ago_change_what_they_touch(house, tmp_path):
    day = FIRST_DAY + 4 * DAY
    # After midnight a count belongs to the production day before.
    counts, mark = records(house, "mes_production_counts", of="202606.csv")
    at_night = next(
        row for row in counts if row["shift_id"] == "N" and row["event_ts"][11:13] in {"02", "03"}
    )
    restated = at_night | {"good_qty": str(int(at_night["good_qty"]) + 7)}
    house.deliver("mes_production_counts", day, table([restated], mark))
    # A reversal takes its receipt out of August, though it is posted today.
    receipts, mark = records(house, "erp_goods_receipts", of="202608.csv")
    first = receipts[0]
    reversal = first | {
        "MBLNR": "5999999999", "BUDAT": f"{day - DAY:%Y%m%d}", "SHKZG": "H", "BWART": "102",
        "MENGE": first["MENGE"] + "-", "SMBLN": first["MBLNR"],
    }  # fmt: skip
    house.deliver("erp_goods_receipts", day, table([reversal], mark))
    # A further operation moves an order from July to today.
    path = next(p for p in house.delivered("mes_operation_confirmations") if "202607" in p.name)
    confirmed = json.loads(path.read_text("utf-8").splitlines()[0])
    further = confirmed | {
        "operation_no": "0090", "confirmation_no": "0009999999",
        "planned_start": f"{day - DAY}T06:00:00+02:00",
        "planned_end": f"{day - DAY}T09:00:00+02:00",
        "actual_start": f"{day - DAY}T06:00:00+02:00",
        "actual_end": f"{day - DAY}T08:00:00+02:00",
    }  # fmt: skip
    house.deliver("mes_operation_confirmations", day, json.dumps(further) + "\n")
    incidents, mark = records(house, "ehs_incidents", of="202607.csv")
    case = incidents[0] | {
        "incident_id": "I-900001", "version": "1", "case_class": "dafw", "status": "open",
        "person_kind": "employee", "occurred_ts": "2026-06-10T09:00:00",
        "reported_ts": "2026-06-10T10:00:00",
    }  # fmt: skip
    house.deliver("ehs_incidents", day, table([case], mark))
    before = dict(
        house.query(
            "select production_date::varchar, sum(first_pass_qty) "
            "from intermediate.int_measures__production_days group by 1"
        )
    )

    load(
        house, day, "mes_production_counts", "erp_goods_receipts",
        "mes_operation_confirmations", "ehs_incidents",
    )  # fmt: skip

    after = dict(
        house.query(
            "select production_date::varchar, sum(first_pass_qty) "
            "from intermediate.int_measures__production_days group by 1"
        )
    )
    production_day = str(dt.date.fromisoformat(at_night["event_ts"][:10]) - DAY)
    changed = {name: after[name] - before[name] for name in after if before[name] != after[name]}
    assert changed == {production_day: 7}
    expect_as_rebuilt(house, tmp_path)


def test_a_late_state_and_a_case_that_moves_change_what_depends_on_them(house, tmp_path):
    day = FIRST_DAY + 5 * DAY
    # Half an hour of another state within the longest stretch of July.
    machine, start = house.query(
        "select machine_id, start_ts_local from raw.mes_machine_states where site = 'US01' "
        "and start_ts_local between '2026-07-05' and '2026-07-25' and end_ts_utc is not null "
        "order by end_ts_utc - start_ts_utc desc, machine_id limit 1"
    )[0]
    states, mark = records(house, "mes_machine_states")
    at = start + dt.timedelta(minutes=31)
    late = states[0] | {
        "site": "US01", "machine_id": machine, "sequence": "9000", "order_id": "",
        "start_ts": f"{at.isoformat()}-05:00",
        "end_ts": f"{(at + dt.timedelta(minutes=30)).isoformat()}-05:00",
        "state": "FAULT", "state_raw": "Held", "reason_code": "",
    }  # fmt: skip
    house.deliver("mes_machine_states", day, table([late], mark))
    # The second version of a case says that it happened in August, not in June.
    path = max(house.delivered("ehs_incidents"), key=lambda p: p.parts[-2:])
    case = next(csv.DictReader(path.read_text("utf-8").splitlines()))
    moved = case | {"version": "2", "occurred_ts": "2026-08-05T09:00:00",
                    "reported_ts": "2026-08-05T10:00:00"}  # fmt: skip
    house.deliver("ehs_incidents", day, table([moved], ","))
    trir = (
        "select period_start_date::varchar, numerator::int from kpi.fct_kpi_readings "
        "where kpi_id = 'KPI039' and entity_id = ? and entity_kind = 'site' "
        "and period_kind = 'month' and period_start_date in ('2026-06-01', '2026-08-01')"
    )
    before = dict(house.query(trir, [case["site"]]))

    load(house, day, "mes_machine_states", "ehs_incidents")

    after = dict(house.query(trir, [case["site"]]))
    assert after["2026-06-01"] - before["2026-06-01"] == -1
    assert after["2026-08-01"] - before["2026-08-01"] == 1
    expect_as_rebuilt(house, tmp_path)


def test_a_changed_leader_interval_and_a_new_routing_reach_back(house, tmp_path):
    day = FIRST_DAY + 6 * DAY
    units = json.loads(house.delivered("hr_org_units")[-1].read_text("utf-8"))["Report_Entry"]
    changed = next(
        unit for unit in units if unit["kind"] == "line" and unit["valid_to"] is None
        and unit["valid_from"] < "2026-06-01"
    )  # fmt: skip
    # Somebody who led a line of the other plant all along.
    stand_in = next(
        unit["leader_id"] for unit in units
        if unit["kind"] == "line" and unit["site"] != changed["site"]
    )  # fmt: skip
    units.remove(changed)
    units += [
        changed | {"valid_to": "2026-07-14"},
        changed | {"leader_id": stand_in, "valid_from": "2026-07-15", "valid_to": "2026-07-31"},
        changed | {"valid_from": "2026-08-01"},
    ]
    lines = ",\n".join(json.dumps(unit) for unit in units)
    house.deliver("hr_org_units", day, f'{{"Report_Entry":[\n{lines}\n]}}\n')
    routings, mark = records(house, "erp_routings")
    old = next(row for row in routings if row["DATUB"] == "99991231")
    routings.remove(old)
    routings += [
        old | {"DATUB": "20260705"},
        old | {"DATUV": "20260706", "DATUB": "20260719", "VGW02": "50,0000"},
        old | {"DATUV": "20260720"},
    ]
    house.deliver("erp_routings", day, table(routings, mark))

    load(house, day, "hr_org_units", "erp_routings")

    line = changed["org_unit_id"].removeprefix("L-")
    led = house.query(
        "select leader_id, valid_from::varchar, valid_to::varchar "
        "from intermediate.int_entities__led where entity_kind = 'line' and entity_id = ? "
        "and valid_from = date '2026-07-15'",
        [line],
    )
    assert led == [(stand_in, "2026-07-15", "2026-07-31")]
    expect_as_rebuilt(house, tmp_path)


def test_an_earlier_first_day_and_a_new_supplier_are_known_as_from_the_start(house, tmp_path):
    day = FIRST_DAY + 7 * DAY
    receipts, mark = records(house, "erp_goods_receipts", of="202606.csv")
    early = receipts[0] | {"MBLNR": "4999999999", "BUDAT": "20260420"}
    house.deliver("erp_goods_receipts", day, table([early], mark))
    orders, mark = records(house, "erp_purchase_order_lines")
    new = orders[0] | {
        "EBELN": "4599999999", "LIFNR": "0000999999", "BEDAT": f"{day - DAY:%Y%m%d}",
        "EINDT": f"{day + 9 * DAY:%Y%m%d}",
    }  # fmt: skip
    house.deliver("erp_purchase_order_lines", day, table([new], mark))

    load(house, day, "erp_goods_receipts", "erp_purchase_order_lines")

    supplier = (
        "select period_start_date::varchar from kpi.fct_kpi_readings where entity_kind = "
        "'supplier' and entity_id = '0000999999'"
    )
    assert house.query(supplier) == [("2026-10-01",)]
    months = "select min(period_start_date)::varchar from kpi.fct_kpi_readings "
    assert house.query(f"{months} where period_kind = 'month'") == [("2026-04-01",)]
    expect_as_rebuilt(house, tmp_path)


def test_a_changed_target_reaches_judgements_and_scorecards(house, tmp_path):
    day = FIRST_DAY + 8 * DAY
    targets, mark = records(house, "kpi_targets", of="2026")
    old = next(
        row for row in targets if row["kpi_id"] == "KPI006" and row["org_unit_id"] == "S-DE01"
    )
    new = old | {
        "version": "9", "threshold": "0.700000", "target": "0.800000", "stretch": "0.900000",
        "valid_from": "2026-08-15", "change_reason": "Raised",
    }  # fmt: skip
    house.deliver("kpi_targets", day, table([new], mark))

    load(house, day, "kpi_targets", judged=True)

    held_against = house.query(
        "select period_start_date::varchar, target_level from scorecard.rpt_site_scorecard "
        "where site_id = 'DE01' and kpi_id = 'KPI006' "
        "and period_start_date in ('2026-07-01', '2026-08-01') order by all"
    )
    # July had ended before the new version was valid.
    assert held_against == [("2026-07-01", float(old["target"])), ("2026-08-01", 0.8)]
    expect_as_rebuilt(house, tmp_path)


def test_a_reversal_and_a_complaint_change_the_days_that_were_promised(house, tmp_path):
    day = FIRST_DAY + 9 * DAY
    # Two orders of one line each, promised in July and there a day or more before.
    orders = house.query(
        "select order_id, max(line_no), max(site_id), max(promised_date), max(product_id), "
        "max(order_qty) from core.fct_sales_order_lines group by order_id "
        "having count(*) = 1 and bool_and(is_on_time_in_full and in_full_date < promised_date "
        "and not is_complained_of) "
        "and max(promised_date) between date '2026-07-08' and date '2026-07-31' order by 1 limit 2"
    )
    (order, line, *_, quantity), complained = orders
    delivery = house.query(
        "select delivery_id from raw.erp_deliveries where order_id = ? order by 1", [order]
    )[0][0]
    sent, mark = records(house, "erp_deliveries", of="202606.csv")
    # It is taken back only now, but the two together were never there.
    reversal = sent[0] | {
        "VBELN": "0089999999", "VGBEL": order, "VGPOS": line, "SMBLN": delivery,
        "LFIMG": f"{quantity}-".replace(".", ","), "WADAT_IST": f"{day - DAY:%Y%m%d}",
        "LFDAT": f"{day - DAY:%Y%m%d}",
    }  # fmt: skip
    house.deliver("erp_deliveries", day, table([reversal], mark))
    # Of the other a complaint is told late: opened 30 days after the promised day.
    path = house.delivered("erp_complaints_returns")[0]
    told = json.loads(path.read_text("utf-8").splitlines()[0])
    opened = complained[3] + 30 * DAY
    complaint = told | {
        "complaint_id": "Q9999999", "order_id": complained[0], "product_id": complained[4],
        "opened_ts": f"{opened}T10:00:00+00:00", "closed_ts": f"{opened}T11:00:00+00:00",
        "justified": True,
    }  # fmt: skip
    house.deliver("erp_complaints_returns", day, json.dumps(complaint) + "\n")
    kept = (
        "select kpi_id, sum(numerator)::int from kpi.fct_kpi_readings where kpi_id in "
        "('KPI044', 'KPI045') and entity_kind = 'enterprise' and period_kind = 'month' "
        "and period_start_date = date '2026-07-01' group by 1"
    )
    before = dict(house.query(kept))

    load(house, day, "erp_deliveries", "erp_complaints_returns")

    after = dict(house.query(kept))
    # Both orders are perfect no more; the line that was complained of did come on time in full.
    assert (after["KPI044"], after["KPI045"]) == (before["KPI044"] - 2, before["KPI045"] - 1)
    expect_as_rebuilt(house, tmp_path)


def test_a_day_that_comes_has_what_was_told_before_it(house, tmp_path):
    day = FIRST_DAY + 10 * DAY
    # On the day of the run, whose production day is not over, so that no figure has it.
    counts, mark = records(house, "mes_production_counts")
    early = counts[-1] | {"event_id": "EARLY-1", "event_ts": f"{day}T18:00:00+00:00"}
    house.deliver("mes_production_counts", day, table([early], mark))
    states, mark = records(house, "mes_machine_states", of="2026")
    open_state = states[-1] | {"sequence": "9100", "start_ts": f"{day}T18:00:00+00:00",
                               "end_ts": ""}  # fmt: skip
    house.deliver("mes_machine_states", day, table([open_state], mark))
    load(house, day, "mes_production_counts", "mes_machine_states")
    machine = early["machine_id"]
    produced = (
        "select sum(produced_qty) from intermediate.int_measures__production_days "
        "where machine_id = ? and production_date = ?"
    )
    assert house.query(produced, [machine, day]) == [(None,)]

    # Nothing comes but the next day.
    house.build(day + DAY, judged=False)

    quantity = sum(int(early[name]) for name in ("good_qty", "scrap_qty", "rework_qty"))
    assert house.query(produced, [machine, day]) == [(quantity,)]
    expect_as_rebuilt(house, tmp_path)
