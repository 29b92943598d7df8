"""Reading while one snapshot after another is published: whole ones, and never an older one."""

import datetime as dt
import itertools
import multiprocessing
import time

import duckdb
import pyarrow.parquet as pq
import pytest

from orchestration.ingest.landing import sha256_of
from orchestration.publication.snapshot import (
    CURRENT,
    DATABASE,
    publish,
    read_current,
    read_snapshot,
    verify,
)

FIRST = dt.date(2026, 1, 1)
RELATIONS = {"core.dim_sites": ("number",), "core.dim_people": ("number",)}
WAYS = ("product", "parquet", "database")
# A reader needs milliseconds: far shorter than the days of the product, far longer than that.
KEEP_DAYS = 60 / 86_400


def publish_next(con, folder, edition):
    """Publish a snapshot whose every row holds its number, and whose tables differ in length."""
    for length, relation in enumerate(RELATIONS, start=1):
        rows = length * (100 + edition % 7)
        con.execute(
            f"create or replace table {relation} as "
            f"select range as number, {edition} as edition from range({rows})"
        )
    publish(
        con,
        folder,
        company="c",
        as_of=FIRST + dt.timedelta(days=edition),
        relations=RELATIONS,
        keep_days=KEEP_DAYS,
    )


def edition_of(as_of):
    return (dt.date.fromisoformat(as_of) - FIRST).days


def by_product(folder):
    """As our own code reads: checked manifest, checked file."""
    snapshot = read_current(folder)
    with duckdb.connect(str(snapshot.file(DATABASE)), read_only=True) as con:
        found = {
            (table.rows, edition_of(snapshot.as_of)): con.execute(
                f"select count(*), min(edition), max(edition) from {table.relation}"
            ).fetchall()[0]
            for table in snapshot.tables
        }
    assert all(read == (rows, edition, edition) for (rows, edition), read in found.items()), found
    return edition_of(snapshot.as_of)


def by_parquet(folder):
    """As a tool reads that resolves the link once and takes several files."""
    snapshot = read_snapshot((folder / CURRENT).resolve())
    edition = edition_of(snapshot.as_of)
    for table in snapshot.tables:
        path = snapshot.folder / table.file
        assert sha256_of(path) == table.sha256
        read = pq.read_table(path).column("edition").to_pylist()
        assert read == [edition] * table.rows
    return edition


def by_database(folder):
    """As a BI tool reads that opens one file through the link, and knows of nothing else."""
    with duckdb.connect(str(folder / CURRENT / DATABASE), read_only=True) as con:
        editions = con.execute(
            " union ".join(f"select edition from {relation}" for relation in RELATIONS)
        ).fetchall()
    assert len(editions) == 1, editions
    return editions[0][0]


def read_for_long(folder, way, reads, report):
    last, seen, problems = 0, set(), []
    read = {"product": by_product, "parquet": by_parquet, "database": by_database}[way]
    for _ in range(reads):
        try:
            edition = read(folder)
        except (AssertionError, OSError, duckdb.Error, RuntimeError) as error:
            problems.append(f"{way}: {type(error).__name__}: {error}"[:500])
            continue
        if edition < last:
            problems.append(f"{way}: {last} and then {edition}")
        last = edition
        seen.add(edition)
    report.put((way, reads, len(seen), problems))


def read_while_publishing(folder, reads):
    spawn = multiprocessing.get_context("spawn")
    report = spawn.Queue()
    readers = [
        spawn.Process(target=read_for_long, args=(folder, way, -(-reads // len(WAYS)), report))
        for way in WAYS
    ]
    editions = itertools.count(1)
    with duckdb.connect() as con:
        con.execute("create schema core")
        publish_next(con, folder, next(editions))
        for reader in readers:
            reader.start()
        while any(reader.is_alive() for reader in readers) and report.qsize() < len(WAYS):
            publish_next(con, folder, next(editions))
    told = [report.get() for _ in WAYS]
    for reader in readers:
        reader.join()
    print(f"{next(editions) - 1} snapshots published; reads and snapshots seen: ", end="")
    print({way: (count, seen) for way, count, seen, _ in told})
    assert [problem for *_, problems in told for problem in problems] == []
    assert sum(count for _, count, _, _ in told) >= reads
    # They read while it was published, and not before or after.
    assert all(seen > 1 for _, _, seen, _ in told)
    assert verify(read_current(folder)) == []


@pytest.mark.slow
def test_500_reads_during_publishing_are_whole_and_never_go_back(tmp_path):
    read_while_publishing(tmp_path, 500)


@pytest.mark.endurance
def test_10_000_reads_during_publishing_are_whole_and_never_go_back(tmp_path):
    started = time.monotonic()
    read_while_publishing(tmp_path, 10_000)
    left = len(list((tmp_path / "snapshots").iterdir()))
    print(f"{left} snapshots left after {time.monotonic() - started:.0f} s")
