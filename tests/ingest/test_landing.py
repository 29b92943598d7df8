"""Which files are deliveries, when they count as received, and how their bytes are kept."""

import datetime as dt
import hashlib
import json
from types import SimpleNamespace

import pytest

from orchestration.ingest.landing import arrival, find_files, store

AS_OF = dt.date(2026, 3, 31)


def company(*patterns, source_patterns=()):
    form = lambda pattern: SimpleNamespace(files=pattern)  # noqa: E731
    sources = {"orders": SimpleNamespace(name="orders", forms=tuple(map(form, source_patterns)))}
    feed = SimpleNamespace(
        forms=tuple(map(form, patterns)), sources=sources if source_patterns else {}
    )
    return SimpleNamespace(feeds={"counts": feed})


def found(tmp_path, company):
    files = find_files(company, "counts", tmp_path, as_of=AS_OF)
    return [(file.relative_path, file.delivery_date.isoformat()) for file in files]


def put(tmp_path, *names):
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def test_the_date_is_read_from_the_folder_or_from_the_name(tmp_path):
    put(tmp_path, "mes/2026-03-02/b.csv", "mes/2026-03-01/c.csv", "counts_2026-03-03_v2.csv")

    both = company("mes/{delivery_date}/*.csv", "counts_{delivery_date}_v?.csv")

    assert found(tmp_path, both) == [
        ("mes/2026-03-01/c.csv", "2026-03-01"),
        ("mes/2026-03-02/b.csv", "2026-03-02"),
        ("counts_2026-03-03_v2.csv", "2026-03-03"),
    ]


def test_a_date_may_be_written_without_dashes(tmp_path):
    put(tmp_path, "log-20260301-20260302.txt", "log-20260302-20260303.txt", "log-20260302-x.txt")
    put(tmp_path, "log-20260302-20260399.txt")

    assert found(tmp_path, company("log-*-{delivery_date:YYYYMMDD}.txt")) == [
        ("log-20260301-20260302.txt", "2026-03-02"),
        ("log-20260302-20260303.txt", "2026-03-03"),
    ]


def test_a_file_without_a_date_belongs_to_the_as_of(tmp_path):
    put(tmp_path, "production/WorkOrder.csv", "production/WorkOrder_2.csv", "production/other.csv")

    assert found(tmp_path, company("production/WorkOrder*.csv")) == [
        ("production/WorkOrder.csv", "2026-03-31"),
        ("production/WorkOrder_2.csv", "2026-03-31"),
    ]


def test_a_file_that_two_forms_name_is_taken_by_the_first(tmp_path):
    put(tmp_path, "a.csv")
    declared = company("a.csv", "*.csv")

    (file,) = find_files(declared, "counts", tmp_path, as_of=AS_OF)

    assert file.form.files == "a.csv"


def test_source_files_name_their_source(tmp_path):
    put(tmp_path, "orders.csv")

    (file,) = find_files(company(source_patterns=["orders.csv"]), "counts", tmp_path, as_of=AS_OF)

    assert file.source == "orders"


def test_a_feed_that_the_company_does_not_deliver_has_no_files(tmp_path):
    assert find_files(company("*.csv"), "plans", tmp_path, as_of=AS_OF) == []


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        (None, "2026-03-02T23:59:59"),
        ({"rows": 1}, "2026-03-02T23:59:59"),
        ({"delivered_at": "2026-03-02T23:30:00-06:00"}, "2026-03-03T05:30:00"),
        ({"delivered_at": "yesterday"}, "2026-03-02T23:59:59"),
    ],
)
def test_a_file_counts_as_received_when_its_manifest_says_or_else_at_the_end_of_its_day(
    tmp_path, manifest, expected
):
    put(tmp_path, "2026-03-02/a.csv")
    if manifest is not None:
        (tmp_path / "2026-03-02/a.csv.manifest.json").write_text(json.dumps(manifest))

    (file,) = find_files(company("{delivery_date}/*.csv"), "counts", tmp_path, as_of=AS_OF)

    assert arrival(file).isoformat() == expected


def test_no_plant_on_earth_is_still_in_the_day_before_when_a_delivery_counts_as_received(tmp_path):
    put(tmp_path, "2026-03-02/a.csv")
    (file,) = find_files(company("{delivery_date}/*.csv"), "counts", tmp_path, as_of=AS_OF)

    westernmost = dt.timezone(dt.timedelta(hours=-12))
    local = arrival(file).replace(tzinfo=dt.UTC).astimezone(westernmost)

    assert local.date() == dt.date(2026, 3, 2)


def test_equal_bytes_are_kept_once_and_are_the_homes_own(tmp_path):
    put(tmp_path, "a.csv")
    (tmp_path / "b.csv").write_bytes((tmp_path / "a.csv").read_bytes())

    first = store(tmp_path / "a.csv", tmp_path / "home")
    written = first.path.stat()
    second = store(tmp_path / "b.csv", tmp_path / "home")

    assert first == second
    assert first.sha256 == hashlib.sha256(b"a.csv").hexdigest() == first.path.name
    assert (first.bytes, first.path.read_bytes()) == (5, b"a.csv")
    assert second.path.stat().st_mtime_ns == written.st_mtime_ns
    assert written.st_nlink == 1
    assert written.st_ino != (tmp_path / "a.csv").stat().st_ino
    assert [path for path in (tmp_path / "home").rglob("*") if path.is_file()] == [first.path]
