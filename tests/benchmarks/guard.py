"""What the guard costs beside a plain read: `python -m tests.benchmarks.guard [rows]`.

The peer is DuckDB's own read of the same file, all text, to Parquet; the guard ends in Parquet too,
with typed values and their hash. Nothing is asserted: seconds on shared cores are never the same
twice, and the ratio of two CPU times in one run is what can be compared. Figures of the last run,
in CPU seconds, DuckDB 2.0, two nearly free cores, 10,000,000 counts of 14 columns (1.3 GB) and
machine states with two time stamps among ten columns (1.1 GB):

                          plain all-text read to Parquet (zstd)    guard    times (limit 2.5)
    counts                                                 12.0     27.1    2.26
    machine states                                          8.9     25.0    2.8 (missed)
    largest resident set 0.9 GB (limit 4)

By the clock counts took 2.5 times the plain read. At a load of five to seven counts were 2.6 times.

Where the rest goes, in plain loads of the same file: reading text 0.3, the Parquet file 0.6 (a
third of its bytes are row hashes, which do not compress), md5 and its text 0.45, a time stamp with
its wall clock 0.3, everything else 0.5. Nearer than that:

    0.25  a hash that is not md5: no portable one comes with the engine, and then no other tool
          could tell whether a row changed
    0.1   the row hash as 16 bytes instead of 32 characters, in all that reads it
    0.2   the shape of a time stamp by `like` and a cast: then an hour that begins with a blank, an
          offset of 99 hours and a second of one digit pass

Nothing came of another codec or none, of other row groups or dictionaries, of one less regular
expression per number, or of asking for the zone once for both time stamps.

What is not measured here is what follows a guarded file: sorting it for the lake and merging it
into the raw table, `python -m tests.benchmarks.daily_run`.
"""

from __future__ import annotations

import datetime as dt
import itertools
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from rich.console import Console

from orchestration.contracts.load import SHIPPED_ROOT, load_contract
from orchestration.ingest.guard import judge_file
from tests.benchmarks.memory import peak_gigabytes
from tests.benchmarks.mes_files import SITES, write_counts, write_states

FEEDS = {"mes_production_counts": write_counts, "mes_machine_states": write_states}
RECEIVED = dt.datetime(2026, 10, 6, 4, tzinfo=dt.UTC)
SMALL_RUNS = 20


def main(rows: int) -> None:
    """Print seconds of a plain and a guarded load of each feed, and of a small file."""
    say = Console(highlight=False).print
    zones = dict.fromkeys(SITES, "Europe/Berlin")
    for feed, write in FEEDS.items():
        contract = load_contract(SHIPPED_ROOT / "expectations" / "feeds" / "mes" / f"{feed}.yml")
        with tempfile.TemporaryDirectory() as folder:
            large, small = Path(folder, "large.csv"), Path(folder, "small.csv")
            with duckdb.connect() as con:
                write(con, large, rows)
                write(con, small, 5)
            config = {"memory_limit": "3GB", "temp_directory": folder}
            with duckdb.connect(str(Path(folder, "bench.duckdb")), config=config) as con:
                clocks = [_clocks()]
                con.execute(
                    f"copy (select * from read_csv('{large}', all_varchar = true)) "
                    f"to '{folder}/plain.parquet' (compression zstd)"
                )
                clocks.append(_clocks())
                verdict = judge_file(
                    con,
                    contract,
                    large,
                    received_at=RECEIVED,
                    site_zones=zones,
                    staging=Path(folder),
                )
                clocks.append(_clocks())
                for _ in range(SMALL_RUNS):
                    judge_file(con, contract, small, received_at=RECEIVED, site_zones=zones)
                clocks.append(_clocks())
        plain, guarded, little = (
            [after - before for before, after in zip(first, then, strict=True)]
            for first, then in itertools.pairwise(clocks)
        )
        say(f"{feed}: {verdict.action}, {verdict.rows_ok:,} rows")
        for name, before, after in zip(("CPU", "wall"), plain, guarded, strict=True):
            say(f"  {name}: plain {before:.1f} s, guard {after:.1f} s, {after / before:.2f} times")
        say(f"  a small file: {1000 * little[0] / SMALL_RUNS:.0f} ms of CPU")
        say(f"  largest resident set so far: {peak_gigabytes():.2f} GB")


def _clocks() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)
