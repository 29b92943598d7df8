from __future__ import annotations

import io

import numpy as np
import openpyxl
import pytest

from orchestration.demo import text


def test_sap_writes_the_minus_behind_and_a_decimal_comma():
    written = text.decimal([-120_000, 5, -7], 3, mark=",", minus="behind").to_pylist()

    assert written == ["120,000-", "0,005", "0,007-"]


def test_an_open_date_is_the_word_of_the_system():
    assert text.sap_days([20_454, text.OPEN]).to_pylist() == ["20260101", "00000000"]
    assert text.days([text.OPEN], open_end="9999-12-31").to_pylist() == ["9999-12-31"]
    assert text.days([text.OPEN]).to_pylist() == [None]


@pytest.mark.parametrize(
    ("offset", "written"),
    [
        (19_800, "2026-10-25T06:30:00+05:30"),
        (-18_000, "2026-10-24T20:00:00-05:00"),
        (0, "2026-10-25T01:00:00+00:00"),
    ],
)
def test_an_instant_is_written_on_the_local_clock_with_its_offset(offset, written):
    # 2026-10-25T01:00:00Z, the instant at which Europe leaves summer time.
    at = np.array([1_792_890_000])

    assert text.instants(at, np.array([offset])).to_pylist() == [written]


def test_a_comma_and_quotes_inside_a_text_are_quoted():
    columns = {"id": text.whole([1]), "words": text.pick(['say "no", then go'], [0])}

    written = text.delimited(columns, quoted=("words",))

    assert written == b'id,words\n1,"say ""no"", then go"\n'


def test_null_is_an_empty_field_in_csv_and_null_in_json():
    columns = {"a": text.pick(["x"], [0, -1]), "n": text.whole([1, 2])}

    assert text.delimited(columns) == b"a,n\nx,1\n,2\n"
    assert text.json_lines(columns, bare=("n",)) == b'{"a":"x","n":1}\n{"a":null,"n":2}\n'


def test_a_workbook_has_the_same_bytes_whenever_it_is_saved():
    rows = [["Title"], [], ["Plant", "Hours"], ["DE01", 12.5]]

    first, second = text.workbook("Hours", rows), text.workbook("Hours", rows)

    assert first == second
    sheet = openpyxl.load_workbook(io.BytesIO(first)).active
    assert [cell.value for cell in sheet[4]] == ["DE01", 12.5]
