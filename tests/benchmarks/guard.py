"""How long the guard takes, beside a plain read: `python -m tests.benchmarks.guard [rows]`.

Nothing is asserted: two shared cores never give the same second twice. Figures of the last run, in
CPU seconds for 1,000,000 rows of ten columns (80 MB), DuckDB 2.0, two cores shared with others:

    plain all-text read to Parquet (zstd)                        0.7
    guard: scan 0.2, text 0.4, type and hash 1.3, keys 0.1       2.0
    guarded rows to Parquet (zstd; the hash does not compress)   0.6
    a clean file of five rows, warm process                      22 ms
    100,000 JSON lines 0.5 s; line by line, as broken ones are   2.0
    100,000 rows of a file that must be rewritten first          1.0

So a guarded load costs 3.8 plain ones. A third of it is the md5 and its canonical text.
"""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from rich.console import Console

from orchestration.contracts.load import load_contract
from orchestration.ingest.guard import judge_file

CONTRACT = Path(__file__).parents[1] / "acceptance" / "contracts" / "mes_counts.yml"
SMALL_RUNS = 20


def main(rows: int) -> None:
    """Print CPU seconds of a plain and a guarded load."""
    say = Console().print
    contract = load_contract(CONTRACT)
    event = contract.columns["event_id"].model_copy(update={"pattern": "E[0-9]{9}"})
    contract = contract.model_copy(update={"columns": {**contract.columns, "event_id": event}})
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as con:
        large, small = Path(folder, "large.csv"), Path(folder, "small.csv")
        for path, count in ((large, rows), (small, 5)):
            con.execute(
                f"""
                copy (
                    select
                        'E' || lpad(i::varchar, 9, '0') as event_id, 'DE01' as site_id,
                        'M-' || (10 + i % 50) as machine_id, '000000712233' as work_order_id,
                        strftime(timestamp '2026-10-01' - to_seconds(i % 432000),
                                 '%Y-%m-%dT%H:%M:%S+02:00') as event_ts,
                        100 + i % 40 as good_qty, i % 9 as scrap_qty, 1 as rework_qty,
                        '00001234' as operator_id, 'ok' as comment
                    from range({count}) as t(i)
                ) to '{path}' (header)
                """
            )
        started = time.process_time()
        con.execute(
            f"copy (select * from read_csv('{large}', all_varchar = true)) "
            f"to '{folder}/plain.parquet' (compression zstd)"
        )
        plain = time.process_time() - started
        received = dt.datetime(2026, 10, 6, 4, tzinfo=dt.UTC)
        started = time.process_time()
        verdict = judge_file(con, contract, large, received_at=received)
        guarded = time.process_time() - started
        con.execute(f"copy judged to '{folder}/guarded.parquet' (compression zstd)")
        written = time.process_time() - started - guarded
        started = time.perf_counter()
        for _ in range(SMALL_RUNS):
            judge_file(con, contract, small, received_at=received)
        each = (time.perf_counter() - started) / SMALL_RUNS
    say(f"{verdict.action}: {verdict.rows_ok:,} rows")
    say(f"plain {plain:.2f} s, guard {guarded:.2f} s, write {written:.2f} s")
    say(f"{(guarded + written) / plain:.1f} times a plain load; small file {each * 1000:.0f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
