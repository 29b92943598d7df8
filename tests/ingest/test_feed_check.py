"""`steelyard feed check` by the contract that a company's profile makes of a feed."""

import json

import pytest
from typer.testing import CliRunner

from orchestration.ingest.feed_check import feed_app

RECEIPTS = "MBLNR;ZEILE;EBELN;EBELP;BUDAT;MENGE;WESBS;SHKZG;BWART;SMBLN\n"
RECEIPT = "5000000001;0001;4500000001;00010;20260302;{};0,000;S;101;\n"


@pytest.fixture
def check(tmp_path):
    def run(text, *arguments, name="export.csv", at="2026-03-03"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        when = ("--received-at", f"{at}T04:00:00Z")
        answer = CliRunner().invoke(
            feed_app, ["check", *arguments, str(tmp_path / name), *when, "--json"]
        )
        return answer.exit_code, json.loads(answer.stdout) if answer.stdout else answer.stderr

    return run


def test_a_company_is_judged_by_its_own_names_codes_and_numbers(check):
    good = RECEIPTS + RECEIPT.format("1250,000")

    exit_code, verdict = check(good, "--company", "demo", "erp_goods_receipts")
    assert (exit_code, verdict["action"], verdict["rows_ok"]) == (0, "accept", 1)

    # The catalogue's own contract knows none of the names that this company's ERP writes.
    exit_code, verdict = check(good, "expectations/feeds/erp/erp_goods_receipts.yml")
    assert (exit_code, verdict["findings"][-1]["code"]) == (4, "SCHEMA_MISMATCH")

    damaged = RECEIPTS + RECEIPT.format("1250.000")
    exit_code, verdict = check(damaged, "--company", "demo", "erp_goods_receipts")
    assert (exit_code, verdict["rows_quarantined"]) == (3, 1)


def test_a_site_s_zone_comes_from_the_company(check):
    names = (
        "incident_id,version,site,area,occurred_ts,reported_ts,person_kind,case_class,"
        "actual_severity,potential_severity,lost_days,restricted_days,body_part,critical_risk,"
        "description,status\n"
    )
    # On 29 March 2026 Berlin went from 02:00 to 03:00.
    row = "I-1,1,DE01,,2026-03-29 02:30:00,2026-03-29 08:00:00,employee,x,x,x,0,0,,,slipped,open\n"

    _, verdict = check(names + row, "--company", "demo", "ehs_incidents", at="2026-03-30")
    codes = {finding["code"] for finding in verdict["findings"]}
    assert "NONEXISTENT_LOCAL_TIME" in codes
    assert "NAIVE_TIMESTAMP" not in codes


@pytest.mark.parametrize(
    ("name", "names_the_form"), [("WorkOrder_2.csv", True), ("anything.csv", False)]
)
def test_of_several_forms_the_one_whose_name_fits_is_taken(check, name, names_the_form):
    exit_code, answer = check(
        "WorkOrderID\n1\n", "--company", "adventureworks", "erp_production_orders", name=name
    )

    if names_the_form:
        assert answer["findings"][-1]["code"] == "REQUIRED_COLUMN_MISSING"
    else:
        assert exit_code == 2


@pytest.mark.parametrize(
    "arguments", [("--company", "nobody", "erp_goods_receipts"), ("--company", "demo", "nothing")]
)
def test_a_company_or_feed_that_is_not_there_is_a_usage_error(check, arguments):
    exit_code, _ = check(RECEIPTS, *arguments)
    assert exit_code == 2
