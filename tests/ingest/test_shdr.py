"""Lines of MTConnect adapters: the shapes that the standard allows, one observation a record."""

import datetime as dt

import duckdb
import pytest

from orchestration.contracts.model import Column, Contract, Delivery, Dialect
from orchestration.ingest.guard import judge_file

NAMES = (
    *("sequence", "time", "item", "value"),
    *("native_code", "native_severity", "qualifier", "text"),
)
CONTRACT = Contract(
    feed="log",
    system="mtconnect",
    domain="production",
    delivery=Delivery(mode="append"),
    dialect=Dialect(
        format="shdr", delimiter="|", quote=None, header=False, trailer=False, layout=NAMES
    ),
    columns={
        "sequence": Column(type="int"),
        "time": Column(type="ts"),
        "item": Column(type="key"),
        "value": Column(type="key?"),
        "text": Column(type="text?"),
    },
)
NOON = "2016-05-02T12:00:00.000000Z"


@pytest.fixture
def judge(tmp_path):
    def _judge(*lines, end="\n"):
        path = tmp_path / "log.txt"
        path.write_text("\n".join(lines) + end, encoding="utf-8", newline="")
        with duckdb.connect() as con:
            verdict = judge_file(
                con, CONTRACT, path, received_at=dt.datetime(2016, 5, 3, tzinfo=dt.UTC)
            )
            rows = con.execute(
                "select item, value, text from judged where len(_reasons) = 0 order by _row_no"
            ).fetchall()
        return verdict, rows

    return _judge


def test_a_line_with_several_pairs_is_several_observations_at_one_time(judge):
    verdict, rows = judge(f"{NOON}|Xabs|1.5|Zabs|-2|program|")

    assert verdict.action == "accept"
    assert rows == [("Xabs", "1.5", None), ("Zabs", "-2", None), ("program", None, None)]


def test_a_condition_is_one_observation_with_its_details(judge):
    _, rows = judge(
        f"{NOON}|logic_cond|Fault|763|||START PROCESS ILLEGAL",
        f"{NOON}|servo_cond|Normal||||",
        f"{NOON}|servo_cond|Warning|101||HIGH|SOFT LIMIT",
    )

    assert rows == [
        ("logic_cond", "Fault", "START PROCESS ILLEGAL"),
        ("servo_cond", "Normal", None),
        ("servo_cond", "Warning", "SOFT LIMIT"),
    ]


def test_what_is_not_known_is_one_word_whatever_its_case_and_no_condition_by_itself(judge):
    _, rows = judge(
        f"{NOON}|Ctravel|Unavailable||||",
        f"{NOON}|avail|UNAVAILABLE|power|unavailable|mode|AUTOMATIC",
    )

    assert rows == [
        ("Ctravel", "UNAVAILABLE", None),
        ("avail", "UNAVAILABLE", None),
        ("power", "UNAVAILABLE", None),
        ("mode", "AUTOMATIC", None),
    ]


def test_lines_for_the_adapter_itself_and_blank_lines_are_no_records(judge):
    verdict, rows = judge("* PONG 10000", "", f"{NOON}|avail|AVAILABLE")

    assert (verdict.records, len(rows)) == (1, 1)


@pytest.mark.parametrize("line", [NOON, f"{NOON}|Xabs", f"{NOON}|Xabs|1.5|Zabs", "no log at all"])
def test_a_line_of_another_shape_is_set_aside(judge, line):
    verdict, _ = judge(f"{NOON}|avail|AVAILABLE", line, f"{NOON}|avail|AVAILABLE")

    assert (verdict.rows_ok, verdict.rows_quarantined) == (2, 1)
    assert [finding.code for finding in verdict.findings] == ["COLUMN_COUNT"]


def test_a_file_that_breaks_off_within_a_line_is_refused(judge):
    verdict, _ = judge(f"{NOON}|avail|AVAILABLE", f"{NOON}|execu", end="")

    assert [finding.code for finding in verdict.findings] == ["TRUNCATED"]


def test_line_ends_and_bytes_of_other_encodings_are_told_as_of_any_text(judge):
    verdict, _ = judge(f"{NOON}|avail|AVAILABLE\r", f"{NOON}|power|ON\r")

    assert [finding.code for finding in verdict.findings] == ["LINE_ENDS_NORMALISED"]
