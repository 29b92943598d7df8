"""What publishing leaves on disk: one snapshot to read, and those that somebody may still read."""

import datetime as dt
import json
import os
import shutil

import duckdb
import pytest

from orchestration.publication.snapshot import (
    DATABASE,
    MANIFEST,
    MANIFEST_SUM,
    SnapshotError,
    publish,
    read_current,
    verify,
)

RELATIONS = {"core.dim_sites": ("site_id",)}
KEEP_DAYS = 7
DAY_SECONDS = 86_400


@pytest.fixture
def press(tmp_path):
    """Publish one row that holds the number of a day."""

    def publish_day(number):
        with duckdb.connect() as con:
            con.execute("create schema core")
            con.execute(f"create table core.dim_sites as select {number} as site_id")
            return publish(
                con,
                tmp_path,
                company="c",
                as_of=dt.date(2026, 1, 1) + dt.timedelta(days=number),
                relations=RELATIONS,
                keep_days=KEEP_DAYS,
            )

    return publish_day


def age(folder, *, days):
    then = folder.stat().st_mtime - days * DAY_SECONDS
    os.utime(folder, (then, then))


def kept(tmp_path):
    return sorted(path.name[:10] for path in (tmp_path / "snapshots").iterdir())


def test_a_snapshot_stays_for_its_readers_and_goes_when_its_days_are_over(press, tmp_path):
    first, second = press(0), press(1)
    age(first.folder, days=KEEP_DAYS - 1)
    press(2)
    assert kept(tmp_path) == ["2026-01-01", "2026-01-02", "2026-01-03"]

    age(first.folder, days=1)
    press(3)

    assert kept(tmp_path) == ["2026-01-02", "2026-01-03", "2026-01-04"]
    assert verify(second) == []


def test_days_are_counted_from_when_another_one_took_its_place(press, tmp_path):
    first = press(0)
    # It was the current one for a month before the next run.
    age(first.folder, days=30)

    press(1)

    assert kept(tmp_path) == ["2026-01-01", "2026-01-02"]


def test_the_current_snapshot_stays_however_old_it_is(press, tmp_path):
    age(press(0).folder, days=400)

    press(0)

    assert kept(tmp_path) == ["2026-01-01"]


def test_what_a_killed_run_left_half_built_is_removed_by_the_next(press, tmp_path):
    left = tmp_path / "snapshots" / ".building-abc"
    left.mkdir(parents=True)
    (left / DATABASE).write_bytes(b"half")

    press(0)

    assert not left.exists()


def test_the_same_content_is_published_once(press):
    first = press(0)
    written = (first.folder / DATABASE).stat().st_mtime_ns

    again = press(0)

    assert again == first
    assert (first.folder / DATABASE).stat().st_mtime_ns == written


@pytest.mark.parametrize("name", [DATABASE, MANIFEST, MANIFEST_SUM, "core.dim_sites.parquet"])
def test_publishing_again_cures_a_damaged_snapshot_beside_its_readers(press, tmp_path, name):
    damaged = press(0).folder
    (damaged / name).write_bytes((damaged / name).read_bytes()[:-1])

    cured = press(0)

    assert cured.folder != damaged
    assert (tmp_path / "current").resolve() == cured.folder
    assert verify(read_current(tmp_path)) == []
    assert damaged.is_dir()


@pytest.mark.parametrize("name", [DATABASE, MANIFEST, MANIFEST_SUM])
def test_a_snapshot_that_lacks_a_file_is_not_read(press, tmp_path, name):
    (press(0).folder / name).unlink()

    with pytest.raises(SnapshotError, match=rf"lacks {name}: run `steelyard publish`"):
        read_current(tmp_path)


def test_the_manifest_is_the_one_that_its_sum_was_taken_of(press, tmp_path):
    folder = press(0).folder
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["as_of"] = "2027-01-01"
    (folder / MANIFEST).write_text(json.dumps(manifest))

    with pytest.raises(SnapshotError, match=r"manifest of the snapshot .* is damaged"):
        read_current(tmp_path)


def test_a_file_is_checked_before_it_is_used(press):
    snapshot = press(0)
    shutil.copy(snapshot.folder / MANIFEST, snapshot.folder / DATABASE)

    with pytest.raises(SnapshotError, match="not what was published"):
        snapshot.file(DATABASE)


def test_the_hash_is_that_of_what_was_delivered_and_not_of_when_somebody_asked(tmp_path):
    def published(place, said_on):
        with duckdb.connect() as con:
            con.execute("create schema core; create schema kpi")
            con.execute("create table core.dim_sites as select 1 as site_id")
            con.execute(
                f"create table kpi.fct_forecast_record as select date '{said_on}' as said_on_date"
            )
            relations = RELATIONS | {"kpi.fct_forecast_record": ("said_on_date",)}
            return publish(
                con, place, company="c", as_of=dt.date(2026, 1, 9), relations=relations,
                keep_days=KEEP_DAYS,
            )  # fmt: skip

    at_once, daily = (published(tmp_path / day, day) for day in ("2026-01-09", "2026-01-02"))

    assert at_once.content_hash == daily.content_hash
    hashes = [
        {table["relation"]: table["content_hash"] for table in content["tables"]}
        for content in (json.loads((one.folder / MANIFEST).read_text()) for one in (at_once, daily))
    ]
    assert hashes[0]["core.dim_sites"] == hashes[1]["core.dim_sites"]
    assert hashes[0]["kpi.fct_forecast_record"] != hashes[1]["kpi.fct_forecast_record"]
