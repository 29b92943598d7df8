"""Every damaged export of the shared catalogue is judged as the catalogue says."""

import csv
import datetime as dt
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.ingest.feed_check import check_file, feed_app

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


@pytest.mark.parametrize(
    ("file", "exit_code"),
    [("00_good.csv", 0), ("48_negative_count.csv", 3), ("02_header_only.csv", 4)],
)
def test_the_command_answers_in_json_and_by_its_exit_code(file, exit_code):
    answer = CliRunner().invoke(
        feed_app,
        [
            "check",
            str(CONTRACTS / "mes_counts.yml"),
            str(EXPORTS / file),
            "--received-at",
            "2026-10-06T04:00:00Z",
            "--json",
        ],
    )
    (case,) = (case for case in catalogue() if case["file"] == file)

    assert answer.exit_code == exit_code
    verdict = json.loads(answer.stdout)
    assert (verdict["action"], verdict["rows_ok"], verdict["rows_quarantined"]) == (
        case["expected_action"],
        case["rows_ok"],
        case["rows_quarantined"],
    )
    assert all({"code", "row", "message"} <= finding.keys() for finding in verdict["findings"])


def test_the_command_takes_a_history_and_skips_what_was_delivered():
    answer = CliRunner().invoke(
        feed_app,
        [
            "check",
            str(CONTRACTS / "mes_counts.yml"),
            str(EXPORTS / "06_duplicate_delivery_20261006.csv"),
            "--history",
            str(EXPORTS / "history" / "mes_counts"),
            "--received-at",
            "2026-10-06T04:00:00Z",
        ],
    )

    assert answer.exit_code == 0
    assert "skip_file" in answer.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["mes_counts.yml", "missing.csv"],
        ["missing.yml", "00_good.csv"],
        ["mes_counts.yml", "00_good.csv", "--received-at", "yesterday"],
        ["mes_counts.yml", "00_good.csv", "--history", "."],
    ],
)
def test_a_wrong_call_is_a_usage_error_and_no_verdict(arguments):
    contract, file, *options = arguments
    answer = CliRunner().invoke(
        feed_app, ["check", str(CONTRACTS / contract), str(EXPORTS / file), *options]
    )

    assert answer.exit_code == 2
