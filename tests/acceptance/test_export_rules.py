"""Files beyond the catalogue: one sentence of the rules each, also several damages at once."""

import csv
import datetime as dt
import gzip
import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest

from orchestration.ingest.feed_check import check_file

CONTRACTS = Path(__file__).parent / "contracts"
RECEIVED = dt.datetime(2026, 10, 6, 4, tzinfo=dt.UTC)
HEADER = (
    "event_id,site_id,machine_id,work_order_id,event_ts,good_qty,scrap_qty,rework_qty,"
    "operator_id,comment"
)


def count(
    event="E00001",
    *,
    ts="2026-10-02T07:15:00+02:00",
    good="120",
    scrap="3",
    comment="ok",
    machine="M-10",
    order="000000712233",
    site="DE01",
    operator="00001234",
    rework="1",
):
    fields = (event, site, machine, order, ts, good, scrap, rework, operator, comment)
    return ",".join(fields)


def counts(*rows, header=HEADER, end="\n"):
    return end.join((header, *rows)) + end


def judge(folder, feed, content, *, name=None, history=None, received=RECEIVED):
    path = folder / (name or f"{feed}.csv")
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return check_file(CONTRACTS / f"{feed}.yml", path, history=history, received_at=received)


def told(verdict):
    return {finding.code for finding in verdict.findings}


def answer(verdict):
    return verdict.action, verdict.rows_ok, verdict.rows_quarantined


@pytest.fixture
def history(tmp_path):
    """Earlier deliveries of one feed, as the folder that `--history` names."""

    def build(feed, *files, received=RECEIVED - dt.timedelta(days=1), references=None, rows=None):
        folder = tmp_path / "history"
        (folder / "deliveries").mkdir(parents=True)
        (folder / "reference").mkdir()
        with (folder / "delivery_log.csv").open("w", newline="") as file:
            log = csv.writer(file)
            log.writerow(["file", "sha256", "delivered_at", "delivery_date", "period", "rows"])
            for number, content in enumerate(files):
                name = f"{feed}_{number}.csv"
                (folder / "deliveries" / name).write_text(content, encoding="utf-8", newline="")
                sha256 = hashlib.sha256(content.encode()).hexdigest()
                day = received.date()
                lines = rows or content.count("\n") - 1
                log.writerow([name, sha256, received.isoformat(), day, day, lines])
        for name, keys in (references or {}).items():
            (folder / "reference" / f"{name}.csv").write_text("\n".join(("key", *keys)) + "\n")
        return folder

    return build


# ---------------------------------------------------------------------------- name, size, container


@pytest.mark.parametrize("name", ["a.csv.filepart", "a.part", "a.csv.tmp", ".a.csv"])
def test_a_file_that_is_still_written_is_ignored_even_if_it_is_empty(tmp_path, name):
    assert answer(judge(tmp_path, "mes_counts", b"", name=name)) == ("ignore_file", 0, 0)


def test_a_file_of_no_bytes_is_refused(tmp_path):
    assert told(judge(tmp_path, "mes_counts", b"")) == {"EMPTY_FILE"}


def zipped(*members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def test_a_zip_of_one_member_is_read_whatever_its_name(tmp_path):
    verdict = judge(tmp_path, "mes_counts", zipped(("x.csv", counts(count()))), name="a.csv")
    assert answer(verdict) == ("accept", 1, 0)
    assert told(verdict) == {"DECOMPRESSED"}


def test_the_size_of_an_archive_is_looked_at_before_its_names_and_these_before_their_number(
    tmp_path,
):
    bomb = zipped(("../x.csv", "0" * 10_000_000), ("y.csv", ""))
    assert told(judge(tmp_path, "mes_counts", bomb)) == {"ARCHIVE_RATIO"}
    outside = zipped(("../x.csv", counts(count())), ("y.csv", ""))
    assert told(judge(tmp_path, "mes_counts", outside)) == {"UNSAFE_PATH"}
    absolute = zipped(("/etc/x.csv", counts(count())))
    assert told(judge(tmp_path, "mes_counts", absolute)) == {"UNSAFE_PATH"}
    assert told(judge(tmp_path, "mes_counts", zipped())) == {"AMBIGUOUS_ARCHIVE"}


def test_a_gzip_that_unpacks_beyond_the_limit_is_refused(tmp_path):
    assert told(judge(tmp_path, "mes_counts", gzip.compress(b"0" * 5_000_000))) == {"ARCHIVE_RATIO"}


def test_a_broken_gzip_is_refused(tmp_path):
    packed = gzip.compress(counts(*[count(f"E{i:05}", good=str(i)) for i in range(500)]).encode())
    assert told(judge(tmp_path, "mes_counts", packed[:-200])) == {"TRUNCATED"}


def test_a_checksum_is_checked_before_the_container_and_rows_after_the_header(tmp_path):
    def manifest(**what):
        (tmp_path / "a.csv.manifest.json").write_text(json.dumps(what))

    good = counts(count())
    manifest(rows=1, sha256=hashlib.sha256(good.encode()).hexdigest(), as_of="2026-10-06")
    assert answer(judge(tmp_path, "mes_counts", good, name="a.csv")) == ("accept", 1, 0)
    manifest(rows=2)
    assert told(judge(tmp_path, "mes_counts", good, name="a.csv")) == {"CONTROL_TOTAL_MISMATCH"}
    assert told(judge(tmp_path, "mes_counts", "x\n", name="a.csv")) == {"SCHEMA_MISMATCH"}
    manifest(rows=1, sha256="0" * 64)
    assert told(judge(tmp_path, "mes_counts", zipped(), name="a.csv")) == {"CHECKSUM_MISMATCH"}


@pytest.mark.parametrize(
    "text",
    ["  \n\t<html>", '{"a": 1}', "\ufeff[1]", "version https://git-lfs.github.com/spec/v1\n"],
)
def test_a_page_a_document_or_a_pointer_is_no_table(tmp_path, text):
    assert "NOT_TABULAR" in told(judge(tmp_path, "mes_counts", text))


def test_a_page_in_utf16_is_no_table(tmp_path):
    assert told(judge(tmp_path, "mes_counts_utf16", "<html>".encode("utf-16"))) == {"NOT_TABULAR"}


# --------------------------------------------------------------------------- encoding and line ends


def test_marks_inside_a_file_are_removed_with_a_warning(tmp_path):
    text = "\ufeff" + counts(count(), "\ufeff" + count("E00002", comment="a\ufeffb"))
    verdict = judge(tmp_path, "mes_counts", text)
    assert answer(verdict) == ("accept_with_warning", 2, 0)
    assert told(verdict) == {"BOM_REMOVED", "BOM_INSIDE_FILE"}


@pytest.mark.parametrize(
    ("end", "code"), [("\r\n", "LINE_ENDS_NORMALISED"), ("\r", "LINE_ENDS_NORMALISED")]
)
def test_another_uniform_line_end_is_accepted(tmp_path, end, code):
    verdict = judge(tmp_path, "mes_counts", counts(count(), count("E00002"), end=end))
    assert answer(verdict) == ("accept", 2, 0)
    assert told(verdict) == {code}


def test_line_ends_inside_quotes_are_left_out(tmp_path):
    text = counts(count(comment='"a\r\nb\rc"'), count("E00002"))
    verdict = judge(tmp_path, "mes_counts", text)
    assert answer(verdict) == ("accept", 2, 0)
    assert told(verdict) == set()


def test_utf16_with_lf_and_either_byte_order(tmp_path):
    text = counts(count(), end="\n").replace(",", "\t")
    verdict = judge(
        tmp_path, "mes_counts_utf16", "\ufeff".encode("utf-16-be") + text.encode("utf-16-be")
    )
    assert answer(verdict) == ("accept", 1, 0)
    assert told(verdict) == {"LINE_ENDS_NORMALISED"}


def test_bytes_in_another_encoding_are_refused_where_a_mark_is_declared(tmp_path):
    plain = counts(count()).replace(",", "\t")
    assert told(judge(tmp_path, "mes_counts_utf16", plain)) == {"SCHEMA_MISMATCH"}
    assert told(judge(tmp_path, "mes_counts_utf16", "<html>" + plain)) == {"NOT_TABULAR"}
    assert told(judge(tmp_path, "mes_counts", plain.encode("utf-16"))) == {"SCHEMA_MISMATCH"}


def test_composed_characters_are_normalised(tmp_path):
    verdict = judge(tmp_path, "mes_counts", counts(count(comment="gepru\u0308ft")))
    assert answer(verdict) == ("accept", 1, 0)
    assert told(verdict) == {"NFC_NORMALISED"}


def test_bytes_that_cp1252_leaves_undefined_set_the_record_aside(tmp_path):
    content = counts(count(comment="x\x81y"), count("E00002")).encode("latin-1")
    verdict = judge(tmp_path, "mes_counts", content)
    assert answer(verdict) == ("quarantine_rows", 1, 1)
    assert told(verdict) >= {"ENCODING_FALLBACK", "CONTROL_CHARACTER"}


# ------------------------------------------------------------------------------------------- quotes


@pytest.mark.parametrize(
    "rows",
    [
        (count(), count("E00002", comment='"jam'), count("E00003")),
        (count(), count("E00002", comment='"jam'), count("E00003", comment='"ok"')),
        (count("E00002", comment='"jam'),),
        (count(comment='"fine"'), count("E00002", comment='"a ""b'), count("E00003")),
    ],
)
def test_a_quote_that_is_never_closed_refuses_the_file(tmp_path, rows):
    assert told(judge(tmp_path, "mes_counts", counts(*rows))) == {"UNBALANCED_QUOTE"}


def test_an_open_quote_is_the_earlier_reason_than_a_missing_column(tmp_path):
    text = counts(count(comment='"jam'), header=HEADER.replace("scrap_qty", "scrapped"))
    assert told(judge(tmp_path, "mes_counts", text)) == {"UNBALANCED_QUOTE"}


def test_a_quote_inside_an_unquoted_field_is_a_character(tmp_path):
    verdict = judge(tmp_path, "mes_counts", counts(count(comment='5" pipe'), count("E00002")))
    assert answer(verdict) == ("accept", 2, 0)


def test_record_numbers_count_records_and_not_lines(tmp_path):
    text = counts(count(comment='"a\nb\n\nc"'), count("E00002", good="-1"))
    (finding,) = judge(tmp_path, "mes_counts", text).findings
    assert (finding.code, finding.row) == ("NEGATIVE_QUANTITY", 2)


# ------------------------------------------------------------------------------------------- header


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (HEADER.replace("comment", "good_qty"), "DUPLICATE_COLUMN"),
        (HEADER.replace("scrap_qty", "Good Qty"), "DUPLICATE_COLUMN"),
        (HEADER.replace("scrap_qty", "scrap"), "REQUIRED_COLUMN_MISSING"),
        ("a,b,c,d,e,f,g,h,i,j", "SCHEMA_MISMATCH"),
        (count(), "SCHEMA_MISMATCH"),
    ],
)
def test_a_wrong_header_refuses_the_file(tmp_path, header, code):
    assert told(judge(tmp_path, "mes_counts", counts(count(), header=header))) == {code}


def test_columns_are_bound_by_name_in_any_order_and_the_comment_may_be_missing(tmp_path):
    names = HEADER.split(",")[::-1]
    values = count().split(",")[::-1]
    text = ",".join(names[1:]) + "\n" + ",".join(values[1:]) + "\n"
    assert answer(judge(tmp_path, "mes_counts", text)) == ("accept", 1, 0)


def test_an_unknown_column_is_a_warning(tmp_path):
    verdict = judge(tmp_path, "mes_counts", counts(count() + ",x", header=HEADER + ",shift"))
    assert answer(verdict) == ("accept_with_warning", 1, 0)
    assert told(verdict) == {"UNKNOWN_COLUMN"}


@pytest.mark.parametrize("change", [("_", " "), ("_", "-"), ("event_id", '"Event ID"')])
def test_a_header_is_repeated_however_its_names_are_written(tmp_path, change):
    verdict = judge(tmp_path, "mes_counts", counts(count(), HEADER.replace(*change)))
    assert answer(verdict) == ("accept_with_warning", 1, 0)
    assert told(verdict) == {"REPEATED_HEADER"}


def test_a_repeated_header_is_no_record(tmp_path):
    verdict = judge(
        tmp_path, "mes_counts", counts(count(), HEADER, HEADER.upper(), count("E00002", good="x"))
    )
    assert answer(verdict) == ("quarantine_rows", 1, 1)
    assert told(verdict) == {"REPEATED_HEADER", "NOT_A_NUMBER"}
    assert {f.row for f in verdict.findings if f.code == "NOT_A_NUMBER"} == {2}


@pytest.mark.parametrize("blank", ["", "   ", "\t"])
def test_blank_lines_are_no_records(tmp_path, blank):
    verdict = judge(tmp_path, "mes_counts", counts(blank, count(), blank, count("E00002"), blank))
    assert answer(verdict) == ("accept", 2, 0)


def test_titles_stand_above_the_header_of_a_report(tmp_path):
    def report(titles):
        return "\n".join((*titles, HEADER, count())).replace(",", ";") + "\n"

    verdict = judge(tmp_path, "mes_counts_report", report(["Plant,DE02", ""] + ["x"] * 8))
    assert answer(verdict) == ("accept", 1, 0)
    assert told(verdict) == {"PREAMBLE_SKIPPED"}
    assert answer(judge(tmp_path, "mes_counts_report", report([]))) == ("accept", 1, 0)
    assert judge(tmp_path, "mes_counts_report", report(["x"] * 11)).action == "reject_file"


# --------------------------------------------------------------------- completeness, control totals


def test_a_header_without_rows_is_refused_also_with_a_trailer(tmp_path):
    assert told(judge(tmp_path, "mes_counts", HEADER)) == {"NO_ROWS"}
    assert told(judge(tmp_path, "mes_counts", counts("T|00000000"))) == {"NO_ROWS"}
    assert told(judge(tmp_path, "mes_counts", counts("", "  "))) == {"NO_ROWS"}


def test_a_file_that_breaks_off_is_refused_and_a_missing_line_end_is_fine(tmp_path):
    cut = counts(count(), count("E00002"))
    assert told(judge(tmp_path, "mes_counts", cut[:-20])) == {"TRUNCATED"}
    assert answer(judge(tmp_path, "mes_counts", cut[:-1])) == ("accept", 2, 0)
    # The last record is short but ended: that one record is set aside.
    short = counts(count(), "E00002,DE01")
    assert answer(judge(tmp_path, "mes_counts", short)) == ("quarantine_rows", 1, 1)


def test_a_cut_last_record_in_an_irregular_file_is_seen_too(tmp_path):
    cut = counts("", count(comment='5" x'), count("E00002"), end="\r\n")[:-20]
    assert "TRUNCATED" in told(judge(tmp_path, "mes_counts", cut))


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n", "  \n"])
def test_a_trailer_is_no_record_and_counts_them(tmp_path, end):
    text = counts(count(), count("E00002", good="-1")) + "T|00000002" + end
    assert answer(judge(tmp_path, "mes_counts", text)) == ("quarantine_rows", 1, 1)
    wrong = counts(count()) + "T|00000002" + end
    assert "CONTROL_TOTAL_MISMATCH" in told(judge(tmp_path, "mes_counts", wrong))


def test_a_trailer_in_the_middle_or_of_another_form_is_a_record(tmp_path):
    middle = counts("T|00000001", count())
    assert answer(judge(tmp_path, "mes_counts", middle)) == ("quarantine_rows", 1, 1)
    assert answer(judge(tmp_path, "mes_counts", counts(count(), "T|1"))) == (
        "quarantine_rows",
        1,
        1,
    )


def test_trailers_of_feeds_that_are_cut_by_other_signs(tmp_path):
    shdr = "2016-05-02T05:00:00Z|a|x\n2016-05-02T05:00:01Z|a|y\nT|00000002\n"
    assert answer(judge(tmp_path, "mes_shdr", shdr)) == ("accept", 2, 0)
    own = "E00001+|DE01+|120+|3&|\nE00002+|DE01+|118+|5&|\nT|00000002\n"
    assert answer(judge(tmp_path, "mes_counts_custom_terminators", own)) == ("accept", 2, 0)


def test_own_terminators_may_come_with_another_line_end_and_in_fields(tmp_path):
    text = "E00001+|DE01+|120+|3&|\r\nE00002+|DE01+|118+|5&|\r\n"
    verdict = judge(tmp_path, "mes_counts_custom_terminators", text)
    assert answer(verdict) == ("accept", 2, 0)
    assert told(verdict) == {"LINE_ENDS_NORMALISED"}
    cut = "E00001+|DE01+|120+|3&|\nE00002+|DE0"
    assert told(judge(tmp_path, "mes_counts_custom_terminators", cut)) == {"TRUNCATED"}
    complete = "E00001+|DE01+|120+|3&|\nE00002+|DE01+|118+|5&|"
    assert answer(judge(tmp_path, "mes_counts_custom_terminators", complete)) == ("accept", 2, 0)


def test_a_file_that_fills_the_row_limit_of_excel_is_refused(tmp_path):
    text = counts(*(count(f"E{i:05}") for i in range(65_535)))
    assert told(judge(tmp_path, "mes_counts", text)) == {"TRUNCATED"}


# --------------------------------------------------------------------------------- fields and types


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (count(comment="x" * 10_001), "FIELD_TOO_LONG"),
        (count(comment="a\x00b"), "CONTROL_CHARACTER"),
        (count(comment="a\x1bb"), "CONTROL_CHARACTER"),
        (count() + ",x", "COLUMN_COUNT"),
        ("E00001,DE01", "COLUMN_COUNT"),
        (count("Total"), "NOT_A_RECORD"),
        (count("E1"), "NOT_A_RECORD"),
        (count(""), "REQUIRED_VALUE_MISSING"),
        (count("e00001"), "NOT_A_RECORD"),
        (count(site="de01"), "KEY_FORMAT"),
        (count(order="712233"), "KEY_FORMAT"),
        (count(order="\u0661" * 12), "KEY_FORMAT"),
        (count(operator=" \u200b"), "REQUIRED_VALUE_MISSING"),
        (count(good="-5"), "NEGATIVE_QUANTITY"),
        (count(good="1000001"), "RANGE"),
        (count(scrap="501"), "RANGE"),
        (count(good="9" * 30), "RANGE"),
        (count(good="119.5"), "NOT_AN_INTEGER"),
        (count(good='"119,5"'), "NOT_AN_INTEGER"),
        (count(good="NaN"), "NOT_A_NUMBER"),
        (count(good="N/A"), "NOT_A_NUMBER"),
        (count(good="-"), "NOT_A_NUMBER"),
        (count(good="NULL"), "NOT_A_NUMBER"),
        (count(good=""), "REQUIRED_VALUE_MISSING"),
        (count(good="12 kg"), "UNIT_SUFFIX"),
        (count(ts="2026-10-01 06:15"), "NAIVE_TIMESTAMP"),
        (count(ts="1790835300"), "TIMESTAMP_FORMAT"),
        (count(ts="46296.26"), "TIMESTAMP_FORMAT"),
        (count(ts="01.10.2026 06:15"), "TIMESTAMP_FORMAT"),
        (count(ts="2026-10-01"), "TIMESTAMP_FORMAT"),
        (count(ts="2026-10-01T06:15:00 CET"), "TIMESTAMP_FORMAT"),
        (count(ts="2026-02-30T06:15:00Z"), "INVALID_DATE"),
        (count(ts="2026-13-01T06:15:00Z"), "INVALID_DATE"),
        (count(ts="2014-12-31T23:59:59Z"), "IMPLAUSIBLE_DATE"),
        (count(ts="1970-01-01T00:00:00Z"), "IMPLAUSIBLE_DATE"),
        (count(ts="2026-10-06T04:05:01Z"), "FUTURE_TIMESTAMP"),
        (count(ts=""), "REQUIRED_VALUE_MISSING"),
    ],
)
def test_a_damaged_value_sets_its_record_aside(tmp_path, row, code):
    verdict = judge(tmp_path, "mes_counts", counts(row, count("E00099")))
    assert answer(verdict) == ("quarantine_rows", 1, 1)
    assert code in told(verdict)
    assert {f.row for f in verdict.findings if f.code == code} == {1}


@pytest.mark.parametrize(
    ("row", "codes"),
    [
        (count(comment="x" * 10_000), set()),
        (count(comment="a\tb"), set()),
        (count(comment=""), set()),
        (count(ts="2015-01-01T00:00:00Z"), {"LATE"}),
        (count(ts="2026-10-06T04:05:00Z"), set()),
        (count(ts="2026-10-01T24:00:00+02:00"), {"TIME_24H"}),
        (count(ts="2026-10-01T23:59:60Z"), {"LEAP_SECOND"}),
        (count(ts="2026-10-01 00:15:00 EST"), set()),
        (count(ts="2026-10-01 00:15:00.5 -0400"), set()),
        (count(ts="2026-09-22T00:00:00+02:00"), set()),
        (count(ts="2026-09-21T23:59:59+02:00"), {"LATE"}),
        # The date in the offset delivered counts, not the UTC date.
        (count(ts="2026-09-22T00:30:00+02:00"), set()),
        (count(machine="\u00a0M-10\u200b "), {"KEY_NORMALISED"}),
        (count(operator="Müller, Jörg".replace(",", "")), set()),
        (count(good="0", scrap="500"), set()),
        (count(comment="=1+1"), {"FORMULA_INJECTION"}),
        (count(comment="-"), {"FORMULA_INJECTION"}),
        (count(comment="@x"), {"FORMULA_INJECTION"}),
        (count(comment="Ã\u2013l"), {"MOJIBAKE"}),
        (count(comment="Öl Ã ß"), set()),
        (count(comment="Größe ÄÖ"), set()),
    ],
)
def test_a_sound_record_stays_with_what_is_to_be_told(tmp_path, row, codes):
    verdict = judge(tmp_path, "mes_counts", counts(row))
    assert (verdict.rows_ok, verdict.rows_quarantined) == (1, 0)
    assert told(verdict) == codes


def test_a_record_that_is_set_aside_raises_no_warning(tmp_path):
    row = count(good="-1", comment="=1", ts="2026-01-01T00:00:00Z")
    assert told(judge(tmp_path, "mes_counts", counts(row, count("E00002")))) == {
        "NEGATIVE_QUANTITY"
    }


def test_reasons_on_one_record_count_once(tmp_path):
    verdict = judge(tmp_path, "mes_counts", counts(count(good="-1", scrap="x", ts="x")))
    assert answer(verdict) == ("quarantine_rows", 0, 1)
    assert told(verdict) == {"NEGATIVE_QUANTITY", "NOT_A_NUMBER", "TIMESTAMP_FORMAT"}


# ----------------------------------------------------------------------------------- numbers of SAP


@pytest.mark.parametrize(
    ("feed", "value", "code"),
    [
        ("erp_orders", "2.310,50", None),
        ("erp_orders", "-2.310,50", None),
        ("erp_orders", "2.310,50-", None),
        ("erp_orders", "1234567,5", None),
        ("erp_orders", "23.10,50", "NOT_A_NUMBER"),
        ("erp_orders", "2,310.50", "NOT_A_NUMBER"),
        ("erp_orders", "-5-", "NOT_A_NUMBER"),
        ("erp_orders", "", "REQUIRED_VALUE_MISSING"),
        ("erp_orders_us", "1,310.50", None),
        ("erp_orders_us", "(1,310.50)", None),
        ("erp_orders_us", "$17.20", None),
        ("erp_orders_us", " $ 17.20 ", None),
        ("erp_orders_us", "($17.20)", None),
        ("erp_orders_us", "-$17.20", None),
        ("erp_orders_us", "12%", "UNIT_SUFFIX"),
        ("erp_orders_us", "17,20", "NOT_A_NUMBER"),
        ("erp_orders_us", "€17.20", "UNIT_SUFFIX"),
        ("erp_orders_us", "-", "NOT_A_NUMBER"),
    ],
)
def test_numbers_are_read_in_the_declared_format_alone(tmp_path, feed, value, code):
    order = "0000004501" if feed == "erp_orders" else "4501"
    text = f"order;plant;net_value;qty;flag\n{order};1000;{value};1;X\n"
    verdict = judge(tmp_path, feed, text)
    assert told(verdict) == ({code} if code else set())


@pytest.mark.parametrize(
    ("value", "sound"),
    [
        ("1\u00a0234,50", True),
        ("1\u202f234,5", True),
        ("\u22123,00", True),
        ("1 234,50", False),
        ("1.234,50", False),
    ],
)
def test_typographic_thousands_and_minus(tmp_path, value, sound):
    verdict = judge(tmp_path, "erp_order_values", f"order;value\n4501;{value}\n")
    assert verdict.rows_ok == int(sound)


def test_flags(tmp_path):
    rows = [
        f"{4501 + i:010};1000;1;1;{flag}"
        for i, flag in enumerate(["X", "true", "false", "", "TRUE", "maybe"])
    ]
    verdict = judge(
        tmp_path, "erp_orders", "order;plant;net_value;qty;flag\n" + "\n".join(rows) + "\n"
    )
    assert answer(verdict) == ("quarantine_rows", 5, 1)
    assert told(verdict) == {"KEY_FORMAT"}


# --------------------------------------------------------------------------------------- headerless


def test_moved_columns_without_a_header_are_refused_and_single_errors_are_not(tmp_path):
    good = [count(f"E{i:05}") for i in range(4)]
    swapped = [",".join((c, a, *rest)) for a, c, *rest in (row.split(",") for row in good)]
    assert told(judge(tmp_path, "mes_counts_headerless", "\n".join(swapped) + "\n")) == {
        "TYPE_PROFILE_MISMATCH"
    }
    half = "\n".join((*good[:2], count("E00008", machine="X"), count("E00009", machine="Y"), ""))
    assert answer(judge(tmp_path, "mes_counts_headerless", half)) == ("quarantine_rows", 2, 2)
    most = "\n".join([count("E00007", machine="X"), count("E00009", machine="Y"), good[0]]) + "\n"
    assert told(judge(tmp_path, "mes_counts_headerless", most)) == {"TYPE_PROFILE_MISMATCH"}


def test_values_out_of_range_are_no_sign_of_moved_columns(tmp_path):
    rows = "\n".join(count(f"E{i:05}", good="-1") for i in range(3)) + "\n"
    assert answer(judge(tmp_path, "mes_counts_headerless", rows)) == ("quarantine_rows", 0, 3)


# -------------------------------------------------------------------------------------------- local


def local(*times, machine="M-10", start=1):
    return [count(f"E{i:05}", ts=ts, machine=machine) for i, ts in enumerate(times, start=start)]


def test_local_times_that_occur_twice_are_told_and_those_that_do_not_exist_set_aside(tmp_path):
    received = dt.datetime(2026, 10, 26, 4, tzinfo=dt.UTC)
    rows = local(
        "2026-10-25 02:30:00", "2026-10-25 02:30:00", "2026-03-29 02:00:00", "2026-03-29 03:00"
    )
    verdict = judge(tmp_path, "mes_counts_local", counts(*rows), received=received)
    assert answer(verdict) == ("quarantine_rows", 3, 1)
    assert told(verdict) == {"AMBIGUOUS_LOCAL_TIME", "NONEXISTENT_LOCAL_TIME", "LATE"}


def test_a_record_that_is_delivered_twice_in_the_repeated_hour_is_one_event(tmp_path):
    received = dt.datetime(2026, 10, 26, 4, tzinfo=dt.UTC)
    again, other = local("2026-10-25 02:30:00", "2026-10-25 02:30:00")
    verdict = judge(tmp_path, "mes_counts_local", counts(again, again, other), received=received)
    assert answer(verdict) == ("accept_with_warning", 2, 0)
    assert told(verdict) == {"AMBIGUOUS_LOCAL_TIME", "EXACT_DUPLICATE"}


def test_an_offset_in_the_local_feed_is_no_declared_form(tmp_path):
    verdict = judge(tmp_path, "mes_counts_local", counts(count()))
    assert told(verdict) == {"TIMESTAMP_FORMAT"}


# ------------------------------------------------------------------------------------------- period


def test_the_period_in_the_name_is_compared_with_most_rows(tmp_path):
    old = [count(f"E{i:05}", ts="2026-07-01T00:00:00Z") for i in range(2)]
    new = [count(f"E1{i:04}", ts="2026-10-01T00:00:00Z") for i in range(2)]
    name = "mes_counts_20261006.csv"
    assert told(judge(tmp_path, "mes_counts", counts(*old, *new), name=name)) == {"LATE"}
    assert told(judge(tmp_path, "mes_counts", counts(*old, new[0]), name=name)) == {
        "PERIOD_MISMATCH"
    }
    assert told(judge(tmp_path, "mes_counts", counts(*old, new[0]), name="20261006.csv")) == {
        "LATE"
    }


# --------------------------------------------------------------------------------------------- keys


def test_exact_duplicates_are_kept_once_and_conflicts_are_all_set_aside(tmp_path):
    rows = [count(), count(), count(), count("E00002"), count("E00002", good="1"), count("E00003")]
    verdict = judge(tmp_path, "mes_counts", counts(*rows))
    assert answer(verdict) == ("quarantine_rows", 2, 2)
    assert told(verdict) == {"EXACT_DUPLICATE", "KEY_CONFLICT"}
    assert verdict.records == 6


def test_equal_content_is_equal_however_it_is_written(tmp_path):
    rows = [count(), count(ts="2026-10-02T05:15:00Z", good="0120")]
    assert told(judge(tmp_path, "mes_counts", counts(*rows))) == {"EXACT_DUPLICATE"}


def test_a_record_set_aside_takes_no_part_in_the_key_check(tmp_path):
    verdict = judge(tmp_path, "mes_counts", counts(count(), count(good="-1")))
    assert answer(verdict) == ("quarantine_rows", 1, 1)
    assert told(verdict) == {"NEGATIVE_QUANTITY"}


def test_unknown_codes_in_a_key_are_no_duplicates_of_each_other(tmp_path):
    text = "po_id,line,qty,shkzg\n" + "".join(f"4500009101,00010,25,{c}\n" for c in "SHXYs")
    verdict = judge(tmp_path, "erp_goods_receipts", text)
    # s is S again, so the fifth record repeats the first.
    assert answer(verdict) == ("accept_with_warning", 4, 0)
    assert told(verdict) == {"UNKNOWN_CODE", "EXACT_DUPLICATE"}


def test_feeds_without_a_key_keep_duplicates(tmp_path):
    text = "machine_id,state,reason\n" + "M-10,DOWN,planned MAINTENANCE\n" * 2
    verdict = judge(tmp_path, "mes_downtime_reasons", text)
    assert answer(verdict) == ("accept", 2, 0)
    assert told(verdict) == {"CASE_FOLDED"}


# ---------------------------------------------------------------------------------------- relations


def test_states_that_overlap_are_kept(tmp_path):
    def states(*rows):
        return "machine_id,state,start_ts,end_ts\n" + "".join(
            f"{m},RUN,2026-10-01T{a}:00Z,{f'2026-10-01T{b}:00Z' if b else ''}\n" for m, a, b in rows
        )

    def judged(*rows):
        return told(judge(tmp_path, "mes_states", states(*rows)))

    assert judged(("M-10", "08:00", "09:00"), ("M-10", "09:00", "")) == set()
    assert judged(("M-10", "08:00", "09:00"), ("M-11", "08:30", "")) == set()
    assert judged(("M-10", "08:30", "10:00"), ("M-10", "08:00", "09:00")) == {"STATES_OVERLAP"}
    assert judged(("M-10", "08:00", ""), ("M-10", "09:00", "10:00")) == {"STATES_OVERLAP"}
    assert judged(("M-10", "08:00", "12:00"), ("M-10", "09:00", "08:00")) == {"NEGATIVE_DURATION"}


def test_assignments_that_share_a_day_are_all_set_aside_and_gaps_are_told(tmp_path):
    def judged(*rows):
        text = "employee_id,department,valid_from,valid_to\n" + "\n".join(rows) + "\n"
        verdict = judge(tmp_path, "hr_assignments", text)
        return (*answer(verdict), told(verdict))

    assert judged("1,A,2024-01-01,2024-06-30", "1,B,2024-07-01,") == ("accept", 2, 0, set())
    assert judged("1,A,2024-01-01,2024-06-30", "1,B,2024-06-30,") == (
        "quarantine_rows",
        0,
        2,
        {"OVERLAPPING_INTERVALS"},
    )
    assert judged("1,A,2024-01-01,2024-06-30", "1,B,2024-07-02,") == (
        "accept_with_warning",
        2,
        0,
        {"INTERVAL_GAP"},
    )
    # One long interval covers two others that do not touch each other.
    assert judged(
        "1,A,2024-01-01,",
        "1,B,2024-02-01,2024-02-10",
        "1,C,2024-03-01,2024-03-01",
        "2,A,2024-01-01,",
    )[1:3] == (1, 3)


def test_hierarchies(tmp_path):
    def judged(*rows):
        text = "employee_id,name,manager_id,department,hire_date,exit_date,country\n" + "".join(
            f"{i},{name},{manager},OPS,{hired},,DE\n" for i, name, manager, hired in rows
        )
        verdict = judge(tmp_path, "hr_employees", text)
        assert verdict.rows_ok == len(rows)
        return told(verdict)

    day = "2020-01-01"
    assert judged(("1", "A", "", day), ("2", "B", "1", day)) == set()
    assert judged(("1", "A", "", day), ("2", "B", "2", day)) == {"HIERARCHY_CYCLE"}
    assert judged(
        ("1", "A", "", day), ("2", "B", "4", day), ("3", "C", "2", day), ("4", "D", "3", day)
    ) == {"HIERARCHY_CYCLE"}
    assert judged(("1", "A", "9", day)) == {"MISSING_MANAGER"}
    assert judged(("1", "A", "", day), ("2", "B", "", day)) == {"MULTIPLE_ROOTS"}
    # Rows are counted, so a head who left and came back is told of too.
    assert judged(("1", "A", "", day), ("1", "A", "", "2022-01-01")) == {"MULTIPLE_ROOTS"}
    assert judged(("1", "A", "", day), ("2", "B", "2", day), ("3", "C", "2", day)) == {
        "HIERARCHY_CYCLE"
    }
    assert judged(("1", "A", "", day), ("2", "B", "1", day), ("2", "X", "1", "2022-01-01")) == {
        "ID_REUSE"
    }


def test_counters_that_fall_are_resets_per_machine(tmp_path):
    rows = [
        count("E00001", good="100"),
        count("E00002", good="50", machine="M-11"),
        count("E00003", good="110"),
        count("E00004", good="5"),
    ]
    verdict = judge(tmp_path, "mes_counters", counts(*rows))
    assert answer(verdict) == ("accept", 4, 0)
    assert [(f.code, f.row, f.count) for f in verdict.findings] == [("COUNTER_RESET", 4, 1)]


def test_repeats_of_an_item_are_collapsed(tmp_path):
    lines = ["a|1", "b|1", "a|1", "a|2", "a|1", "b|1", "b|UNAVAILABLE"]
    text = "".join(f"2016-05-02T05:00:0{i}Z|{line}\n" for i, line in enumerate(lines))
    verdict = judge(tmp_path, "mes_shdr", text)
    assert answer(verdict) == ("accept", 5, 0)
    assert [(f.code, f.count) for f in verdict.findings] == [("COLLAPSED_REPEATS", 2)]


def test_oee_that_does_not_follow_from_its_factors_is_recomputed(tmp_path):
    def judged(row):
        text = f"machine_id,date,availability,performance,quality,oee\nM-12,2026-09-30,{row}\n"
        verdict = judge(tmp_path, "mes_oee", text)
        assert verdict.rows_ok == 1
        return told(verdict)

    assert judged("0.80,0.90,0.95,0.694") == set()
    assert judged("0.80,0.90,0.95,0.6941") == {"METRIC_RECOMPUTED"}
    assert judged("0.80,1.10,0.95,0.836") == {"RATE_OVER_ONE"}


# -------------------------------------------------------------------------------------------- dates


def test_dates_of_sap(tmp_path):
    text = (
        "employee_id;entry;exit\n00002001;20190301;00000000\n00002002;01.03.2019;31.12.9999\n"
        "00002003;20190301;20991231\n00002004;20190230;\n00002005;2019-03-01;\n00002006;43525;\n"
        "00002007;19490101;\n00002008;00000000;\n00002009;99991231;\n"
    )
    verdict = judge(tmp_path, "hr_entry_exit", text)
    assert answer(verdict) == ("quarantine_rows", 3, 6)
    assert told(verdict) == {
        "OPEN_ENDED",
        "INVALID_DATE",
        "TIMESTAMP_FORMAT",
        "EXCEL_SERIAL_DATE",
        "IMPLAUSIBLE_DATE",
        "REQUIRED_VALUE_MISSING",
    }


def test_the_order_of_day_and_month_is_never_inferred(tmp_path):
    def judged(*days):
        rows = "".join(f"{i},{day}\n" for i, day in enumerate(days, start=1))
        return judge(tmp_path, "hr_hire_dates", "employee_id,hire_date\n" + rows)

    assert told(judged("03/04/2026", "06/25/2026")) == {"DATE_ORDER"}
    assert answer(judged("25/06/2026", "06/25/2026")) == ("quarantine_rows", 1, 1)
    assert told(judged("25/06/2026", "06/25/2026")) == {"INVALID_DATE"}
    assert answer(judged("03/04/2026")) == ("accept", 1, 0)
    # Impossible in both orders: no doubt about the order.
    assert told(judged("03/04/2026", "31/02/2026")) == {"INVALID_DATE"}
    assert told(judged("3/4/2026")) == {"TIMESTAMP_FORMAT"}


@pytest.mark.parametrize(
    ("born", "code"),
    [
        ("02/14/71", "CENTURY_PIVOT"),
        ("11/30/99", "CENTURY_PIVOT"),
        ("10/06/12", "CENTURY_PIVOT"),
        ("10/07/12", "INVALID_DATE"),
        ("10/06/36", "CENTURY_PIVOT"),
        ("10/07/35", "CENTURY_PIVOT"),
        ("10/06/35", "INVALID_DATE"),
        ("02/29/00", "CENTURY_PIVOT"),
        ("02/29/71", "INVALID_DATE"),
        ("14/02/71", "INVALID_DATE"),
        ("1971-02-14", "TIMESTAMP_FORMAT"),
    ],
)
def test_the_century_of_a_birth_is_the_one_with_a_plausible_age(tmp_path, born, code):
    assert told(judge(tmp_path, "hr_birth_dates", f"employee_id,dob\n1,{born}\n")) == {code}


@pytest.mark.parametrize(
    ("born", "received", "code"),
    [
        # 13 until the end of February, 90 on its last day.
        ("02/29/12", "2026-02-28", "INVALID_DATE"),
        ("02/29/12", "2026-03-01", "CENTURY_PIVOT"),
        ("02/29/36", "2027-02-28", "CENTURY_PIVOT"),
        ("02/29/36", "2027-03-01", "INVALID_DATE"),
    ],
)
def test_nobody_born_on_a_leap_day_is_older_before_march(tmp_path, born, received, code):
    arrived = dt.datetime.fromisoformat(f"{received}T12:00:00Z")
    text = f"employee_id,dob\n1,{born}\n"
    assert told(judge(tmp_path, "hr_birth_dates", text, received=arrived)) == {code}


def test_work_orders_of_excel(tmp_path):
    header = (
        "WorkOrderID,ProductID,OrderQty,StockedQty,ScrappedQty,StartDate,EndDate,DueDate,"
        "ScrapReasonID,ModifiedDate\n"
    )

    def judged(*rows):
        return judge(tmp_path, "erp_work_orders", header + "\n".join(rows) + "\n")

    one = "1,722,8,8,0,{},NULL,2026-09-12,NULL,2026-09-12"
    assert answer(judged(one.format("2026-09-01"))) == ("accept", 1, 0)
    assert told(judged(one.format("00:00.0"))) == {"DATES_DESTROYED"}
    assert told(judged(one.format("00:00.0"), one.replace("1", "2", 1).format("2026-09-01"))) == {
        "TIMESTAMP_FORMAT"
    }
    assert told(judged(one.format("45901"))) == {"EXCEL_SERIAL_DATE"}
    assert told(judged(one.format("45901.5"))) == {"EXCEL_SERIAL_DATE"}
    assert told(judged(one.format("NULL"))) == {"REQUIRED_VALUE_MISSING"}
    assert told(judged(one.format("2026-09-01 00:00:00"))) == {"TIMESTAMP_FORMAT"}


def test_durations_that_were_exported_as_dates(tmp_path):
    def judged(duration, breached="TRUE"):
        text = f"ticket_id,business_duration,has_breached\nT1,{duration},{breached}\n"
        return told(judge(tmp_path, "support_tickets", text))

    assert judged("1970-01-01 02:37:03") == {"EPOCH_DURATION"}
    assert judged("02:37:03") == {"TIMESTAMP_FORMAT"}
    assert judged("1970-02-30 00:00:00") == {"INVALID_DATE"}
    assert judged("1970-01-01 02:37:03", "") == {"REQUIRED_VALUE_MISSING"}


def test_the_number_format_is_in_doubt_only_if_most_values_fit_after_times_1000(tmp_path):
    def judged(*values):
        rows = "".join(f"{i},{value}\n" for i, value in enumerate(values, start=1))
        return judge(tmp_path, "hr_workload", "id,workload\n" + rows)

    assert told(judged("239.554", "240.100", "251818")) == {"AMBIGUOUS_NUMBER_FORMAT"}
    assert told(judged("239.554", "251818")) == {"RANGE"}
    assert told(judged("5", "6")) == {"RANGE"}
    assert told(judged('"239,554"')) == {"NOT_A_NUMBER"}


def damaged(**damage):
    return lambda: counts(count(**damage), count("E00099"))


@pytest.mark.parametrize(
    ("text", "expected", "codes"),
    [
        # Two damages: the earlier check, or the stronger level, decides.
        (
            lambda: counts(count(), count("E00002"))[:-20] + "\r\n",
            (1, 1),
            "COLUMN_COUNT LINE_ENDS_MIXED",
        ),
        (lambda: counts(count(good="x"), "T|00000002"), None, "CONTROL_TOTAL_MISMATCH"),
        (
            lambda: counts("E1", header=HEADER.replace("site_id", "s"))[:-1],
            None,
            "REQUIRED_COLUMN_MISSING",
        ),
        (
            lambda: counts(count(), header=HEADER.replace("site_id", "event_id")),
            None,
            "DUPLICATE_COLUMN",
        ),
        (lambda: counts(HEADER), None, "NO_ROWS"),
        (
            lambda: counts(count(), count(), count(good="-1")),
            (1, 1),
            "EXACT_DUPLICATE NEGATIVE_QUANTITY",
        ),
        (lambda: counts(count(), count(comment="")), (0, 2), "KEY_CONFLICT"),
        (
            lambda: counts(count(comment="=\u00c3\u00bc"), count("E00002")),
            (2, 0),
            "FORMULA_INJECTION MOJIBAKE",
        ),
        (lambda: counts(count(), count("E00002")) + "\ufeff", (2, 0), "BOM_INSIDE_FILE"),
        (lambda: counts(",,,,,,,,,", count()), (1, 1), "NOT_A_RECORD REQUIRED_VALUE_MISSING"),
        # Characters that some readers take for a line end, a blank or a digit.
        (damaged(comment="a\u2028b\u2029c"), (2, 0), ""),
        (damaged(comment="a\x85b"), (1, 1), "CONTROL_CHARACTER"),
        (damaged(comment="a\x1cb"), (1, 1), "CONTROL_CHARACTER"),
        (damaged(comment="a\x0cb"), (1, 1), "CONTROL_CHARACTER"),
        (damaged(comment="a\rb"), (2, 1), "COLUMN_COUNT LINE_ENDS_MIXED"),
        (damaged(event='"E00001\nx"'), (1, 1), "NOT_A_RECORD"),
        (damaged(good="1_000"), (1, 1), "NOT_A_NUMBER"),
        (damaged(good="\uff11\uff12"), (1, 1), "NOT_A_NUMBER"),
        (damaged(good="12 pcs"), (1, 1), "UNIT_SUFFIX"),
        (damaged(good="\u2014"), (1, 1), "NOT_A_NUMBER"),
        (damaged(order="000000712233.0"), (1, 1), "KEY_FORMAT"),
        (damaged(machine="M\u200b-10"), (2, 0), "KEY_NORMALISED"),
        (damaged(machine="M\u00a0-10"), (1, 1), "KEY_FORMAT"),
        (damaged(comment="x" * 3_000_000), (1, 1), "FIELD_TOO_LONG"),
        (damaged(comment='"' + '""' * 10_000 + '"'), (2, 0), ""),
        # Instants at the borders of what is plausible or late.
        (damaged(ts="2015-01-01T01:00:00+02:00"), (1, 1), "IMPLAUSIBLE_DATE"),
        (damaged(ts="2026-10-06T24:00:00+02:00"), (1, 1), "FUTURE_TIMESTAMP"),
        (damaged(ts="9999-12-31T24:00:00Z"), (1, 1), "FUTURE_TIMESTAMP"),
        (damaged(ts="2026-09-21T23:00:00-04:00"), (2, 0), "LATE"),
        (damaged(ts="2026-10-02T12:30:60+02:00"), (2, 0), "LEAP_SECOND"),
        (damaged(ts="2026-10-02 07:15:00 CEST"), (1, 1), "TIMESTAMP_FORMAT"),
        (damaged(ts="00:15.0"), (1, 1), "TIMESTAMP_FORMAT"),
    ],
)
def test_what_an_adversary_would_send(tmp_path, text, expected, codes):
    verdict = judge(tmp_path, "mes_counts", text())
    assert (verdict.rows_ok, verdict.rows_quarantined) == (expected or (0, 0))
    assert told(verdict) == set(codes.split())
    assert (verdict.action == "reject_file") is (expected is None)


# ----------------------------------------------------------------------------------- people and law


def test_consent_is_demanded_where_the_law_is(tmp_path):
    def judged(jurisdiction, consent):
        text = (
            "employee_id,jurisdiction,individual_tracking_consent,reviews_done\n"
            f"1,{jurisdiction},{consent},4\n"
        )
        return told(judge(tmp_path, "behaviour_events", text))

    assert judged("DE", "true") == judged("FR", "X") == judged("US-TX", "") == set()
    assert judged("DE-BY", "") == judged("NL", "false") == judged("pl", "") == {"CONSENT_MISSING"}
    assert judged("US", "yes") == {"KEY_FORMAT"}


def test_small_groups_are_told_of_except_managers(tmp_path):
    def judged(*rows):
        return judge(tmp_path, "feedback_360", "team,rater_type,score\n" + "\n".join(rows) + "\n")

    assert told(judged("K,manager,4", *["K,peer,4"] * 3)) == set()
    assert told(judged(*["K,peer,4"] * 2, "K,manager,5")) == {"SMALL_CELL"}
    # A score that is set aside does not fill the group.
    assert told(judged(*["K,peer,4"] * 2, "K,peer,6")) == {"SMALL_CELL", "RANGE"}
    assert told(judged(*["K,peer,4"] * 3, "K,peer,0")) == {"RANGE"}


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Ann Lee, ann.lee@plant.example", {"PII_IN_FREE_TEXT"}),
        ("call +49 30 123456", {"PII_IN_FREE_TEXT"}),
        ("SSN 123-45-6789", {"PII_IN_FREE_TEXT"}),
        ("+49 30 123456", {"PII_IN_FREE_TEXT", "FORMULA_INJECTION"}),
        ("slipped at 12:30, press 4, order 4500009101", set()),
        ("+5 degrees", {"FORMULA_INJECTION"}),
    ],
)
def test_personal_data_in_free_text_is_told_of(tmp_path, text, codes):
    row = f'incident_id,site,date,description\nI-90,DE01,2026-09-29,"{text}"\n'
    assert told(judge(tmp_path, "ehs_incidents", row)) == codes


def test_an_override_needs_a_reason(tmp_path):
    def judged(reason, period="2026-08"):
        text = (
            f"kpi_id,period,old_value,new_value,user,reason\nSCRAP,{period},2.1,-1.9,jd,{reason}\n"
        )
        return told(judge(tmp_path, "overrides", text))

    assert judged("recount") == set()
    assert judged("  ") == {"OVERRIDE_REASON_MISSING"}
    assert judged("x", "2026-13") == {"NOT_A_RECORD"}


# ------------------------------------------------------------------------------------------ history


def test_rows_that_were_delivered_before(tmp_path, history):
    folder = history("mes_counts", counts(count(), count("E00002")), counts(count(good="100")))

    def judged(*rows):
        return told(judge(tmp_path, "mes_counts", counts(*rows), history=folder))

    # The later delivery has won: equal to the first one is another content now.
    assert judged(count(good="100"), count("E00007")) == {"IDEMPOTENT_UPSERT"}
    assert judged(count(), count("E00007")) == {"RESTATED"}
    assert judged(count("E00002", ts="2026-10-02T05:15:00Z"), count("E00007")) == {
        "IDEMPOTENT_UPSERT"
    }
    assert judged(count("E00002", good="-1"), count("E00007")) == {"NEGATIVE_QUANTITY"}


def test_the_same_bytes_are_skipped_before_anything_else_is_looked_at(tmp_path, history):
    broken = counts(count(comment='"x'))
    folder = history("mes_counts", broken)
    verdict = judge(tmp_path, "mes_counts", broken, history=folder)
    assert answer(verdict) == ("skip_file", 0, 0)


def test_unknown_references_are_told_of_once_per_column(tmp_path, history):
    folder = history(
        "mes_counts",
        counts(count("E00009")),
        references={"sites": ["DE01"], "machines": ["M-10"], "work_orders": ["000000712233"]},
    )
    rows = [count(), count("E00002", machine="M-99", site="XX99"), count("E00003", machine="M-98")]
    verdict = judge(tmp_path, "mes_counts", counts(*rows), history=folder)
    assert answer(verdict) == ("accept_with_warning", 3, 0)
    assert {(f.code, f.column, f.count) for f in verdict.findings} == {
        ("ORPHAN_KEY", "machine_id", 2),
        ("ORPHAN_KEY", "site_id", 1),
    }


@pytest.mark.parametrize(
    ("good", "rows", "shifted"),
    [("1201", 3, True), ("1200", 3, False), ("1201", 2, False), ("11", 3, True), ("12", 3, False)],
)
def test_a_median_far_from_history_is_told_of(tmp_path, history, good, rows, shifted):
    folder = history("mes_counts", counts(*(count(f"E9{i:04}") for i in range(3))))
    text = counts(*(count(f"E{i:05}", good=good) for i in range(rows)))
    verdict = judge(tmp_path, "mes_counts", text, history=folder)
    assert told(verdict) == ({"DISTRIBUTION_SHIFT"} if shifted else set())


def people(*ids, **columns):
    header = "employee_id,name,manager_id,department,hire_date,exit_date,country\n"
    exit_date, manager = columns.get("exit_date", ""), columns.get("manager", "1")
    return header + "".join(
        f"{i},N{i},{'' if i == 1 else manager},OPS,2019-01-01,{exit_date},DE\n" for i in ids
    )


def test_a_snapshot_that_shrank_by_more_than_a_tenth_is_refused(tmp_path, history):
    folder = history("hr_employees", people(*range(1, 21)))
    assert told(judge(tmp_path, "hr_employees", people(*range(1, 18)), history=folder)) == {
        "VOLUME_DROP"
    }
    verdict = judge(tmp_path, "hr_employees", people(*range(1, 19)), history=folder)
    assert answer(verdict) == ("accept", 18, 0)
    # A snapshot replaces: other content is no restatement.
    changed = people(*range(1, 19)).replace("OPS", "QA")
    assert told(judge(tmp_path, "hr_employees", changed, history=folder)) <= {"IDEMPOTENT_UPSERT"}


def test_a_leaving_date_that_arrives_long_after_is_told_of(tmp_path, history):
    folder = history("hr_employee_changes", people(1, 2, 3))

    def judged(text):
        return told(judge(tmp_path, "hr_employee_changes", text, history=folder))

    assert judged(people(2, exit_date="2026-06-30")) == {"RETROACTIVE_CHANGE"}
    assert judged(people(2, exit_date="2026-09-05")) == {"RESTATED"}
    assert judged(people(2, exit_date="2026-09-04")) == {"RETROACTIVE_CHANGE"}
    assert judged(people(2)) == {"IDEMPOTENT_UPSERT"}
    assert judged(people(7)) == set()
    assert judged(people(7, manager="99")) == {"MISSING_MANAGER"}
