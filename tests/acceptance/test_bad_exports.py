"""Every damaged export of the shared catalogue is judged as the catalogue says."""

import csv
import datetime as dt
import json
from pathlib import Path

import pytest

from orchestration.ingest.feed_check import check_file

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = Path(__file__).parent / "contracts"
EXPORTS = ROOT.parent / "shared" / "bad_exports"

pytestmark = pytest.mark.skipif(
    not (EXPORTS / "catalog.json").is_file(),
    reason="the shared folder of damaged exports is not beside this checkout",
)


def catalogue():
    path = EXPORTS / "catalog.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


def deliveries():
    return [
        (log.parent, entry)
        for log in sorted(EXPORTS.glob("history/*/delivery_log.csv"))
        for entry in csv.DictReader(log.read_text(encoding="utf-8").splitlines())
    ]


@pytest.mark.parametrize("case", catalogue(), ids=lambda case: case["file"])
def test_a_damaged_export_is_judged_as_the_catalogue_says(case):
    verdict = check_file(
        CONTRACTS / f"{case['feed']}.yml",
        EXPORTS / case["file"],
        history=EXPORTS / "history" / case["feed"] if case["history"] else None,
        received_at=dt.datetime.fromisoformat(case["received_at"]),
    )

    levels = {finding.code: finding.level for finding in verdict.findings}
    assert (verdict.action, verdict.rows_ok, verdict.rows_quarantined) == (
        case["expected_action"],
        case["rows_ok"],
        case["rows_quarantined"],
    ), levels
    if case["reason_code"] == "OK":
        assert set(levels.values()) <= {"info"}
    else:
        assert case["reason_code"] in levels
    # Beside the codes that the rules give only information may be told.
    assert {code for code, level in levels.items() if level != "info"} <= set(case["codes"])


@pytest.mark.parametrize(
    ("folder", "entry"),
    deliveries(),
    ids=lambda value: value["file"] if isinstance(value, dict) else value.name,
)
def test_an_earlier_delivery_is_accepted_with_all_its_rows(folder, entry):
    verdict = check_file(
        CONTRACTS / f"{folder.name}.yml",
        folder / "deliveries" / entry["file"],
        received_at=dt.datetime.fromisoformat(entry["delivered_at"]),
    )

    assert (verdict.action, verdict.rows_ok) == ("accept", int(entry["rows"])), verdict.findings
