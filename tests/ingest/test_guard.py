"""The guard on forms, types and relations; expected values are worked out by hand."""

import csv
import datetime as dt
import hashlib
import io
import json
import random
from decimal import Decimal

import duckdb
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.contracts.load import SHIPPED_ROOT, load_contract
from orchestration.contracts.model import Contract
from orchestration.ingest import records as records_module
from orchestration.ingest.column_sql import Context, Layers
from orchestration.ingest.guard import judge_file, judge_relation
from orchestration.ingest.history import History
from orchestration.ingest.scan import scan_bytes
from orchestration.ingest.typing_sql import typing_select

ACCEPTANCE = "tests/acceptance/contracts/*.yml"
RECEIVED = dt.datetime(2026, 10, 6, 4, tzinfo=dt.UTC)


def moment(*parts):
    """A time as the engine gives it: without a zone."""
    return dt.datetime(*parts)  # noqa: DTZ001


def contract(columns, **more):
    return Contract.model_validate(
        {
            "feed": "f",
            "system": "s",
            "domain": "production",
            "delivery": {"mode": "append"},
            "columns": {
                name: column if isinstance(column, dict) else {"type": column}
                for name, column in columns.items()
            },
            **more,
        }
    )


@pytest.fixture
def con():
    with duckdb.connect() as connection:
        yield connection


@pytest.fixture
def judge(con, tmp_path):
    def run(declared, content, *, name="f.csv", **more):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return judge_file(con, declared, path, received_at=RECEIVED, **more)

    return run


def rows(con, columns="*"):
    return con.execute(f"select {columns} from judged order by _row_no").fetchall()


def told(verdict):
    return {finding.code for finding in verdict.findings}


# ------------------------------------------------------------------------------------ the table


def test_the_table_holds_typed_columns_hash_reasons_and_raw_text(con, judge):
    declared = contract({"id": {"type": "key", "pattern": "[a-z]"}, "n": "int?"}, key=["id"])
    verdict = judge(declared, 'id,n\na,1\nb,x\nc\nd,1,"2,3",4\na,1\n')

    described = [row[0] for row in con.execute("describe judged").fetchall()]
    assert described == ["_row_no", "id", "n", "_row_hash", "_reasons", "_raw"]
    assert rows(con, "_row_no, id, n, _reasons, _raw") == [
        (1, "a", 1, [], None),
        (2, "b", None, ["NOT_A_NUMBER"], "b,x"),
        (3, None, None, ["COLUMN_COUNT"], "c"),
        (4, None, None, ["COLUMN_COUNT"], 'd,1,"2,3",4'),
    ]
    assert (verdict.records, verdict.rows_ok, verdict.rows_quarantined) == (5, 1, 3)


def test_a_refused_file_leaves_an_empty_table_of_the_same_columns(con, judge):
    declared = contract({"id": "key", "at": "ts"})
    judge(declared, "id,at\na,2026-10-01T00:00:00Z\n")
    judge(declared, "")

    assert rows(con) == []
    described = [row[0] for row in con.execute("describe judged").fetchall()]
    assert described[:5] == ["_row_no", "id", "at_utc", "at_local", "at_zone"]


def test_the_row_hash_is_md5_of_the_typed_values_and_not_of_their_spelling(con, judge):
    columns = {"id": "key", "n": "int?", "d": "dec(9,2)", "at": "ts", "note": "text?"}
    judge(contract(columns), "id,n,d,at,note\na,07,1.5,2026-10-01T02:00:00+02:00,\n")
    ((hashed,),) = rows(con, "_row_hash")
    german = {"delimiter": ";", "decimal": ",", "thousands": ["."]}
    judge(
        contract(columns, dialect=german),
        "d;id;n;note;at\n1,500; a ;7;;2026-10-01 00:00:00 Z\n",
    )

    instant = int(dt.datetime(2026, 10, 1, tzinfo=dt.UTC).timestamp() * 1_000_000)
    canonical = "\x1f".join(("a", "7", "1.50", str(instant), "\x1e"))
    assert hashed == hashlib.md5(canonical.encode()).hexdigest()
    assert rows(con, "_row_hash") == [(hashed,)]


def test_an_empty_value_and_a_shifted_one_have_different_hashes(con, judge):
    declared = contract({"a": "text?", "b": "text?"})
    judge(declared, "a,b\nx,\n,x\n")

    (first,), (second,) = rows(con, "_row_hash")
    assert first != second


# ----------------------------------------------------------------------------------------- time


def test_an_instant_is_stored_with_the_wall_clock_of_its_site(con, judge):
    declared = contract(
        {"site": "code", "at": "ts"},
        time_zone={"site_column": "site"},
        dialect={"timestamps": "either"},
    )
    zones = {"OSL": "Europe/Oslo", "PUN": "Asia/Kolkata", "PHX": "America/Phoenix"}
    verdict = judge(
        declared,
        "site,at\nOSL,2026-07-01T10:00:00Z\nPUN,2026-07-01 10:00\nPHX,2026-07-01 10:00:00.25 EDT\n"
        "XXX,2026-07-01 10:00\n",
        site_zones=zones,
    )

    assert rows(con, "at_utc, at_local, at_zone")[:3] == [
        (moment(2026, 7, 1, 10), moment(2026, 7, 1, 12), "Europe/Oslo"),
        (moment(2026, 7, 1, 4, 30), moment(2026, 7, 1, 10), "Asia/Kolkata"),
        (
            moment(2026, 7, 1, 14, 0, 0, 250000),
            moment(2026, 7, 1, 7, 0, 0, 250000),
            "America/Phoenix",
        ),
    ]
    assert told(verdict) == {"NAIVE_TIMESTAMP"}


def test_without_a_zone_the_wall_clock_is_the_one_delivered(con, judge):
    judge(contract({"at": "ts"}), "at\n2026-10-01T02:00:00+02:00\n2026-10-01 02:00:00 EST\n")

    assert rows(con, "at_utc, at_local, at_zone") == [
        (moment(2026, 10, 1), moment(2026, 10, 1, 2), "+02:00"),
        (moment(2026, 10, 1, 7), moment(2026, 10, 1, 2), "-05:00"),
    ]


def test_a_wall_clock_that_occurs_twice_is_summer_time_first_per_machine(con, judge):
    declared = contract(
        {"machine": "key", "at": {"type": "ts", "fold_by": ["machine"], "future": "allowed"}},
        time_zone={"zone": "Europe/Berlin"},
        dialect={"timestamps": "local"},
    )
    times = ["02:10", "02:40", "02:10", "02:40"]
    text = "machine,at\n" + "".join(f"M1,2026-10-25 {t}\nM2,2026-10-25 02:40\n" for t in times[:1])
    text += "".join(f"M1,2026-10-25 {t}\n" for t in times[1:])
    judge(declared, text)

    assert [at.strftime("%H:%M") for (at,) in rows(con, "at_utc")] == [
        "00:10",
        "00:40",
        "00:40",
        "01:10",
        "01:40",
    ]


def test_the_half_hour_of_lord_howe_occurs_twice_too(con, judge):
    declared = contract(
        {"at": {"type": "ts", "future": "allowed"}},
        time_zone={"zone": "Australia/Lord_Howe"},
        dialect={"timestamps": "local"},
    )
    verdict = judge(declared, "at\n2026-04-05 01:45\n2026-04-05 02:15\n2026-10-04 02:15\n")

    # Clocks go back half an hour at 02:00 on 5 April: 01:45 is 14:45Z (+11) and 15:15Z (+10:30).
    assert rows(con, "at_utc") == [
        (moment(2026, 4, 4, 14, 45),),
        (moment(2026, 4, 4, 15, 45),),
        (None,),
    ]
    assert told(verdict) == {"AMBIGUOUS_LOCAL_TIME", "NONEXISTENT_LOCAL_TIME"}


SHIFT = {
    "day": "date",
    "start_local": {"type": "localtime", "date_column": "day", "zone_column": "zone"},
    "end_local": {
        "type": "localtime",
        "date_column": "day",
        "zone_column": "zone",
        "after": "start_local",
    },
    "zone": "code",
}


def test_a_night_shift_ends_on_the_next_day_and_summer_time_shortens_it(con, judge):
    verdict = judge(
        contract(SHIFT),
        "day,start_local,end_local,zone\n2026-03-28,22:00,06:00,Europe/Berlin\n"
        "2026-03-28,22:00:00,24:00,Asia/Kolkata\n2026-03-28,06:00,14:00,Europe/Nowhere\n",
    )

    assert rows(con, "start_utc, end_local, end_utc")[:2] == [
        (
            moment(2026, 3, 28, 21),
            moment(2026, 3, 29, 6),
            moment(2026, 3, 29, 4),
        ),
        (
            moment(2026, 3, 28, 16, 30),
            moment(2026, 3, 29, 0),
            moment(2026, 3, 28, 18, 30),
        ),
    ]
    assert (verdict.rows_ok, verdict.rows_quarantined) == (2, 1)


@pytest.mark.parametrize(
    ("declared", "text", "day"),
    [
        ("M/D/YYYY", "3/4/2026", dt.date(2026, 3, 4)),
        ("M/D/YYYY", "12/31/2026", dt.date(2026, 12, 31)),
        ("DD.MM.YYYY", "04.03.2026", dt.date(2026, 3, 4)),
        ("YYYY-MM-DD hh:mm:ss[.f]", "2014-02-08 10:01:36.827000000", dt.date(2014, 2, 8)),
    ],
)
def test_dates_are_read_in_their_declared_format(con, judge, declared, text, day):
    judge(contract({"d": {"type": "date", "format": declared}, "x": "key"}), f"d,x\n{text},x\n")

    assert rows(con, "d") == [(day,)]


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        ("DD.MM.YYYY hh:mm:ss", "01.10.2026 06:15:00Z"),
        ("YYYYMMDDhhmmss", "20261001061500+00:00"),
        ("epoch_s", "1790835300"),
        ("epoch_ms", "1790835300000"),
    ],
)
def test_instants_are_read_in_their_declared_format(con, judge, declared, text):
    judge(contract({"at": {"type": "ts", "format": declared}, "x": "key"}), f"at,x\n{text},x\n")

    assert rows(con, "at_utc") == [(moment(2026, 10, 1, 6, 15),)]


# ---------------------------------------------------------------------------------------- profile


def test_delivered_names_constants_and_codes_become_canonical(con, judge):
    declared = contract(
        {
            "id": {"type": "key", "name_in_file": "AUFNR"},
            "plant": {"type": "code", "is_constant": True, "constant": "1000"},
            "status": {
                "type": "code",
                "values": ["open", "closed"],
                "codes": {"TECO": "closed", "REL": "open"},
            },
            "left": {"type": "date?", "is_constant": True},
        },
        key=["id"],
    )
    verdict = judge(declared, "status,AufNr\nTECO,1\nrel,2\nXX,3\n")

    assert rows(con, 'id, plant, status, "left"') == [
        ("1", "1000", "closed", None),
        ("2", "1000", "open", None),
        ("3", "1000", "UNCLASSIFIED", None),
    ]
    assert told(verdict) == {"HEADER_NORMALISED", "CASE_FOLDED", "UNKNOWN_CODE"}


def test_a_blank_flag_is_false_and_a_blank_bool_is_unknown(con, judge):
    judge(contract({"a": "flag?", "b": "bool?", "c": "key"}), "a,b,c\n,,x\nX,true,x\n")

    assert rows(con, "a, b") == [(False, None), (True, True)]


# -------------------------------------------------------------------------------------- the forms

FORM = {"id": "key", "day": "date?", "qty": "dec(9,2)?", "done": "bool?", "at": "ts?"}
EXPECTED = [
    ("1", dt.date(2026, 10, 1), Decimal("1.50"), True, moment(2026, 10, 1, 6, 15)),
    ("2", None, Decimal("-2.00"), False, None),
]


def assert_form(con, verdict):
    assert (verdict.rows_ok, verdict.rows_quarantined) == (2, 0), verdict
    assert rows(con, "id, day, qty, done, at_utc") == EXPECTED


def test_json_lines(con, judge):
    lines = [
        {"id": 1, "day": "2026-10-01", "qty": 1.50, "done": True, "at": "2026-10-01T06:15:00Z"},
        {"qty": -2, "done": False, "id": "2", "day": None},
    ]
    text = "\n".join(json.dumps(line) for line in lines) + "\n"
    assert_form(con, judge(contract(FORM, dialect={"format": "jsonl"}), text))


def test_both_ways_of_reading_json_lines_agree(con, judge, monkeypatch):
    text = (
        '{"id": "1", "day": "2026-10-01", "qty": 1.5, "new": {"a": [1, 2]}}\n\n'
        '{"qty": "x", "id": " \\u00e9\\u200b", "done": null, "at": "2026-10-01T00:00:00Z"}\n'
    )
    declared = contract(FORM, dialect={"format": "jsonl"})
    direct = judge(declared, text), rows(con)
    monkeypatch.setattr(records_module, "_direct_json", lambda *_, **__: None)
    line_by_line = judge(declared, text), rows(con)

    assert direct[1] == line_by_line[1]
    assert told(direct[0]) == {"UNKNOWN_COLUMN", "NOT_A_NUMBER"}
    assert direct[0].rows_ok == line_by_line[0].rows_ok == 1


def test_a_json_document_with_records_inside_and_nested_names(con, judge):
    document = {
        "Report": {
            "Entry": [
                {
                    "worker": {"id": "1"},
                    "day": "2026-10-01",
                    "qty": 1.5,
                    "done": True,
                    "at": "2026-10-01T06:15:00Z",
                },
                {"worker": {"id": "2"}, "qty": -2.0, "done": False},
            ]
        }
    }
    declared = contract(
        {**FORM, "id": {"type": "key", "name_in_file": "worker.id"}},
        dialect={"format": "json", "records": "Report.Entry"},
    )
    assert_form(con, judge(declared, json.dumps(document)))


def test_broken_json(judge):
    lines = contract({"id": "key", "n": "int?"}, dialect={"format": "jsonl"}, key=["id"])
    verdict = judge(lines, '{"id": "1", "n": 2}\nnonsense\n{"id": "3"}\n')
    assert (verdict.rows_ok, verdict.rows_quarantined) == (2, 1)
    assert told(verdict) == {"COLUMN_COUNT"}
    document = contract({"id": "key"}, dialect={"format": "json"})
    assert told(judge(document, '[{"id": "1"}, {"id": ')) == {"TRUNCATED"}
    assert told(judge(document, '{"id": "1"}')) == {"SCHEMA_MISMATCH"}
    assert told(judge(document, "[]")) == {"NO_ROWS"}


def test_a_sheet_that_was_filled_by_hand(con, judge):
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (
        ["Plan of plant 1"],
        [],
        ["ID", "day", "Qty", "done", "at", None],
        [1, moment(2026, 10, 1), 1.5, True, "2026-10-01T06:15:00Z"],
        [None, None],
        [2, None, -2, False],
    ):
        sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    declared = contract(
        FORM, dialect={"format": "xlsx", "preamble_lines": 5, "date_formats": ["DD.MM.YYYY"]}
    )
    verdict = judge(declared, buffer.getvalue(), name="f.xlsx")
    assert_form(con, verdict)
    assert told(verdict) == {"PREAMBLE_SKIPPED", "HEADER_NORMALISED"}
    assert told(judge(declared, b"no sheet", name="f.xlsx")) == {"NOT_TABULAR"}


def test_parquet(con, judge, tmp_path):
    con.execute(
        "copy (select 1 as id, timestamp '2026-10-01' as day, 1.5::double as qty, true as done, "
        "timestamptz '2026-10-01 08:15:00+02' as at, [1] as other union all "
        "select 2, null, -2, false, null, null) "
        f"to '{tmp_path / 'x.parquet'}'"
    )
    content = (tmp_path / "x.parquet").read_bytes()
    declared = contract(FORM, dialect={"format": "parquet"})
    verdict = judge(declared, content, name="f.parquet")
    assert_form(con, verdict)
    assert told(verdict) == {"UNKNOWN_COLUMN"}
    assert told(judge(declared, content[:-4], name="f.parquet")) == {"TRUNCATED"}
    assert told(judge(declared, b"a,b\n1,2\n", name="f.parquet")) == {"NOT_TABULAR"}


def test_a_select_over_judged_tables_gives_the_hash_of_a_file_with_the_same_content(con, judge):
    text = "id,day,qty,done,at\n1,2026-10-01,1.5,true,2026-10-01T06:15:00Z\n2,,-2,false,\n"
    declared = contract(FORM, key=["id"])
    assert_form(con, judge(declared, text))
    before = rows(con, "_row_hash")
    con.execute("create temp table source as select * from judged")
    select = "select id, day, qty, done, at_utc || 'Z' as at from source"
    verdict = judge_relation(con, declared, select, received_at=RECEIVED)

    assert_form(con, verdict)
    assert rows(con, "_row_hash") == before


def test_a_select_is_checked_for_keys_and_columns_like_a_file(con):
    declared = contract({"id": "key", "n": "int"}, key=["id"])
    select = "select * from (values (1, 2), (1, 3), (2, 4), (2, 4)) as t(id, n)"
    verdict = judge_relation(con, declared, select, received_at=RECEIVED)
    assert (verdict.rows_ok, verdict.rows_quarantined) == (1, 2)
    assert told(verdict) == {"KEY_CONFLICT", "EXACT_DUPLICATE"}
    missing = judge_relation(con, declared, "select 1 as id", received_at=RECEIVED)
    assert told(missing) == {"REQUIRED_COLUMN_MISSING"}


def test_a_key_part_without_a_value_is_equal_to_another_without_one(judge):
    declared = contract({"a": "key", "b": "key?", "n": "int"}, key=["a", "b"])
    verdict = judge(declared, "a,b,n\nx,,1\nx,,1\nx,z,1\ny,,1\ny,,2\n")

    assert (verdict.rows_ok, verdict.rows_quarantined, verdict.records) == (2, 2, 5)
    assert told(verdict) == {"KEY_CONFLICT", "EXACT_DUPLICATE"}


def test_a_file_without_header_may_hold_columns_that_are_read_over(con, judge):
    declared = contract(
        {"id": "key", "name": "text"},
        dialect={"header": False, "delimiter": "\t", "quote": None, "layout": ["id", "x", "name"]},
    )
    verdict = judge(declared, '1\tx\ta "quoted" name\n2\ty\tb\n')

    assert verdict.action == "accept"
    assert rows(con, "id, name") == [("1", 'a "quoted" name'), ("2", "b")]


def test_a_path_with_glob_characters_is_read_as_it_is(con, judge):
    declared = contract({"id": "key", "n": "int"})
    judge(declared, "id,n\nwrong,1\n", name="a1.csv")
    judge(declared, "id,n\nright,1\n", name="a[1].csv")

    assert rows(con, "id") == [("right",)]


@pytest.mark.parametrize("text", ["id,n\n", "id,n\n\n", "\nid,n", "id,n\nT|00000000\n"])
def test_a_feed_that_may_be_empty_is_accepted_without_rows(judge, text):
    columns = {"id": "key", "n": "int"}
    quiet = contract(columns, key=["id"], delivery={"mode": "append", "may_be_empty": True})

    assert told(judge(contract(columns), text)) == {"NO_ROWS"}
    verdict = judge(quiet, text)
    assert (verdict.action, verdict.records) == ("accept", 0)


def test_history_may_be_any_relation(con, judge):
    declared = contract({"id": "key", "n": "int"}, key=["id"])
    judge(declared, "id,n\na,1\nb,2\n")
    con.execute("create temp table stored as select * from judged")
    known = History(latest="stored", rows="stored")
    verdict = judge(declared, "id,n\na,1\nb,3\nc,4\n", history=known)

    assert {(f.code, f.count) for f in verdict.findings} == {
        ("IDEMPOTENT_UPSERT", 1),
        ("RESTATED", 1),
    }


# --------------------------------------------------------------------------------- two ways to read

FIELD = st.text(st.sampled_from('ab ,"\n\ré\u00a0\u200b;|\t1'), max_size=4)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    table=st.lists(st.lists(FIELD, min_size=1, max_size=4), min_size=1, max_size=5),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_both_ways_of_reading_agree(tmp_path, table, quoting, end):
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=quoting, lineterminator=end)
    writer.writerow(["x", "y", "z"])
    writer.writerows(table)
    path = tmp_path / "two_ways.csv"
    path.write_bytes(buffer.getvalue().encode())

    assert read_both_ways(path, rewritten=False) == read_both_ways(path, rewritten=True)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text=st.text(st.sampled_from('ab,,,"""\n\n\n\r xT|'), max_size=40))
def test_both_ways_of_reading_agree_on_any_text(tmp_path, text):
    path = tmp_path / "two_ways.csv"
    path.write_bytes(f"x,y,z\n{text}".encode())

    assert read_both_ways(path, rewritten=False) == read_both_ways(path, rewritten=True)


def read_both_ways(path, *, rewritten):
    declared = contract({"x": "text?", "y": "text?", "z": "text?"})
    with duckdb.connect() as con, pytest.MonkeyPatch.context() as patch:
        if rewritten:
            patch.setattr(records_module, "_direct", lambda *_, **__: None)
        verdict = judge_file(con, declared, path, received_at=RECEIVED)
        return (
            verdict.action,
            verdict.rows_ok,
            verdict.rows_quarantined,
            con.execute("select * exclude (_raw) from judged order by _row_no").fetchall(),
        )


def test_a_file_as_declared_is_read_without_rewriting(judge, monkeypatch):
    monkeypatch.delattr(records_module, "_load_rewritten")
    verdict = judge(contract({"id": "key", "t": "text"}), 'id,t\n1,"a ""b"", c\nd"\n2,é\n')

    assert (verdict.action, verdict.rows_ok) == ("accept", 2)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_a_scan_sees_the_same_in_pieces_of_any_size(tmp_path, monkeypatch, size):
    text = b'\xef\xbb\xbfid,t\r\n1," a ""b"",\r\nc"\r\n2,\xc3\xa9 \r\nid,t\r\nT|00000002'
    path = tmp_path / "f.csv"
    path.write_bytes(text)
    whole = scan_bytes(path, delimiter=",", quote='"', header=True)
    monkeypatch.setattr("orchestration.ingest.scan.CHUNK_BYTES", max(size, 3))
    pieces = scan_bytes(path, delimiter=",", quote='"', header=True)

    def seen(scan):
        return (
            scan.ascii,
            scan.utf8,
            scan.controls,
            scan.bom,
            scan.bom_inside,
            (scan.lf, scan.cr, scan.crlf),
            (scan.quotes, scan.quotes_regular, scan.quoted_line_ends),
            (scan.header_again, scan.trailers, scan.padded, scan.tail),
        )

    assert seen(whole) == (
        False,
        True,
        False,
        True,
        False,
        (5, 5, 5),
        (True, True, True),
        (True, 1, True, text[3:]),
    )
    assert seen(pieces) == seen(whole)


# ------------------------------------------------------------------------------- sound or not

NASTY = (
    "x",
    "",
    " ",
    "1",
    " 1",
    "-1",
    "1.5",
    "1,5",
    "1e3",
    "5%",
    "9" * 25,
    "true",
    "NULL",
    "E00001",
    "2026-10-01",
    "2026-02-30",
    "45901",
    "00:00.0",
    "06:00",
    "2026-10-01T06:00:00Z",
    "2026-10-25 02:30:00",
    "2026-03-29 02:30:00",
    "2026-10-01T23:59:60+02:00",
    "1949-12-31",
    "2030-01-01T00:00:00Z",
    "Europe/Berlin",
    "{}",
    "é\u200b",
)
EVERY_TYPE = {
    "a": {"type": "key", "pattern": "[A-Z][0-9]+"},
    "b": {"type": "key?", "pattern": "[a-z]+"},
    "c": {"type": "code?", "values": ["x", "true"]},
    "d": "text",
    "e": {"type": "int", "max": 5},
    "f": {"type": "int?", "min": -2, "max": 2},
    "g": {"type": "dec(9,2)?", "min": 0},
    "h": {"type": "date?"},
    "i": {"type": "date", "max": "2026-12-31"},
    "j": {"type": "ts?"},
    "k": {"type": "ts", "future": "allowed"},
    "l": {"type": "localtime?", "date_column": "i"},
    "m": "bool",
    "n": "flag?",
    "o": "json?",
    "p": "duration?",
}


def test_a_record_that_is_taken_for_sound_has_no_reason_to_be_set_aside(con, judge, monkeypatch):
    declared = contract(
        EVERY_TYPE,
        key=["a"],
        time_zone={"zone": "Europe/Berlin"},
        dialect={"timestamps": "either", "open_dates": ["45901"]},
        checks=[
            {"kind": "ends_after_start", "from": "j", "to": "k"},
            {"kind": "not_blank", "column": "b"},
        ],
    )
    chance = random.Random(7)
    sound = {"a": "A1", "d": "t", "e": "1", "i": "2026-10-01", "k": "2026-10-01T06:00Z", "m": "X"}
    lines = []
    for _ in range(1500):
        record = sound | {name: "" for name in EVERY_TYPE if name not in sound} | {"b": "b"}
        for name in chance.sample(list(EVERY_TYPE), chance.choice([0, 1, 1, 2])):
            record[name] = chance.choice(NASTY)
        lines.append([record[name] for name in EVERY_TYPE])
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([list(EVERY_TYPE), *lines])

    judge(declared, buffer.getvalue())
    gated = con.execute("select _row_no, _reasons from judged where len(_reasons) > 0").fetchall()
    monkeypatch.setattr(Layers, "require", lambda self, _: self.sound.__init__(["false"]))
    judge(declared, buffer.getvalue())
    asked = con.execute("select _row_no, _reasons from judged where len(_reasons) > 0").fetchall()

    assert len(gated) > 300
    assert sorted(gated) == sorted(asked)


CONTRACTS = sorted(
    [*SHIPPED_ROOT.glob("expectations/feeds/*/*.yml"), *SHIPPED_ROOT.glob(ACCEPTANCE)],
    key=lambda path: path.stem,
)


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_typing_keeps_the_order_of_the_file_because_it_joins_nothing(con, path):
    # A row's place is its number; a join, which the engine makes of a long `in`, may lose it.
    declared = load_contract(path)
    fields = len(declared.columns)
    texts = ", ".join(f"''::varchar as f{i}" for i in range(fields))
    con.execute(f"create view texts as select {texts}, 0::tinyint as _width from range(9)")
    records = records_module.Records(
        table="texts",
        positions={name: i for i, name in enumerate(declared.columns)},
        fields=fields,
        count=9,
        plain=False,
        delimiter=",",
    )
    context = Context(
        plain=False,
        padded=True,
        site_zones={"DE01": "Europe/Berlin"},
        known_zones=tuple(f"Etc/GMT+{hour}" for hour in range(12)),
        received_at=moment(2026, 10, 6, 4),
        delivery_date=dt.date(2026, 10, 6),
    )

    plan = con.execute(f"explain {typing_select(declared, records, context)}").fetchall()[0][1]

    assert "hash join" not in plan.lower()


@pytest.mark.parametrize("is_staged", [False, True])
def test_a_row_of_a_large_file_keeps_its_number_its_value_and_its_raw_text(
    con, tmp_path, monkeypatch, is_staged
):
    monkeypatch.setattr("orchestration.ingest.guard.STAGED_BYTES", 0)
    declared = contract(
        {
            "id": "key",
            "state": {"type": "code", "values": ["a", "b", "c", "d", "e", "f", "g"]},
            "qty": "int",
        },
        key=["id"],
    )
    lines = [f"K{i},{'abcdefg'[i % 7]},{i}" for i in range(300_000)]
    lines[250_000] = "K250000,a,many"
    lines[260_000] = lines[123]  # an exact repeat
    path = tmp_path / "f.csv"
    path.write_text("\n".join(["id,state,qty", *lines, ""]))

    verdict = judge_file(
        con, declared, path, received_at=RECEIVED, staging=tmp_path if is_staged else None
    )

    assert (verdict.records, verdict.rows_ok, verdict.rows_quarantined) == (300_000, 299_998, 1)
    assert con.execute(
        "select count(*), count(*) filter (id <> 'K' || (_row_no - 1)), max(_row_no) from judged"
    ).fetchall() == [(299_999, 0, 300_000)]
    assert con.execute(
        "select _row_no, _reasons, _raw from judged where len(_reasons) > 0"
    ).fetchall() == [(250_001, ["NOT_A_NUMBER"], "K250000,a,many")]


@pytest.mark.parametrize("characters", [1, 2, 3, 7, 50, 10_000])
def test_a_list_of_objects_is_read_the_same_in_pieces_of_any_size(
    con, judge, monkeypatch, characters
):
    monkeypatch.setattr("orchestration.ingest.json_records.PIECE_CHARACTERS", characters)
    objects = [
        {"id": f"K{i}", "n": i * 10, "deep": {"x": 'a "quoted" ], [ text'}} for i in range(20)
    ]
    declared = contract(
        {"id": "key", "n": "int", "x": {"type": "text", "name_in_file": "deep.x"}},
        key=["id"],
        dialect={"format": "json"},
    )

    verdict = judge(declared, json.dumps(objects, indent=1), name="f.json")

    assert (verdict.action, verdict.rows_ok) == ("accept", 20)
    assert con.execute("select id, n, x from judged order by _row_no").fetchall() == [
        (one["id"], one["n"], one["deep"]["x"]) for one in objects
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('[{"id": "a"}', "TRUNCATED"),
        ('[{"id": "a"}, {"id"', "TRUNCATED"),
        ('[{"id": "a"} {"id": "b"}]', "NOT_TABULAR"),
        ('[{"id": "a"}] and more', "NOT_TABULAR"),
        ('[{"id": "a",}, {"id": "b"}]', "NOT_TABULAR"),
        ('{"id": "a"}', "SCHEMA_MISMATCH"),
        ("[1, 2", "TRUNCATED"),
        ("[", "TRUNCATED"),
    ],
)
def test_a_broken_list_of_objects_is_refused_with_its_kind(judge, text, code):
    declared = contract({"id": "key"}, key=["id"], dialect={"format": "json"})

    assert judge(declared, text, name="f.json").findings[0].code == code


def test_a_broken_list_names_the_line_that_is_broken(judge):
    declared = contract({"id": "key"}, key=["id"], dialect={"format": "json"})

    (finding,) = judge(declared, '[{"id": "a"},\n{"id": "b"},\n{id: 1}]', name="f.json").findings

    assert "in line 3" in finding.message
