"""Charts of very many series, beside SQL and beside another package, in one run.

    python -m tests.benchmarks.charts [--home HOME/COMPANY] [--pccpy PYTHON]

100,000 series of 120 readings get I-MR limits and Nelson's eight rules; `nelson_rules.sql` applies
the same rules to the same limits, and every point must agree. With ``--home`` the rules of the
kernel and of SQL also meet on every charted reading of that company. With ``--pccpy`` (the Python
of an environment that has `pccpy`) its chart draws a sample of the series, extrapolated per point.

Figures of the last run, CPU seconds on two free cores, numpy alone (limits: 10 million a second,
2 GB, 100 times, 15 times):

    12,000,000 readings: 0.54 CPU s, 22.1 million a CPU second, peak 0.19 GB
    pccpy 0.16.2, 100 of them: 111 times as long a point
    the rules alone in SQL: 13.34 CPU s, 24.6 times; 0 differ
    demo: 453,428 readings of 4,497 charts, 77,701 flagged, 0 differ
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from rich.console import Console

from orchestration.statistics.spc.rules import violated_rules
from orchestration.statistics.spc.scan import NELSON, scan_series
from tests.benchmarks.memory import peak_gigabytes

SERIES, LENGTH, SAMPLE = 100_000, 120, 100
RULES_IN_SQL = Path(__file__).with_name("nelson_rules.sql")
PEER = """
import json, sys, time
import numpy as np
from pccpy import imr_chart
series = np.load(sys.argv[1])
imr_chart(series[0], tests="all")
started = time.process_time()
drawn = [imr_chart(one, tests="all") for one in series]
print(json.dumps(time.process_time() - started))
"""
CHARTED = """
    select
        kpi_id || '|' || entity_kind || '|' || entity_id || '|' || period_kind as series_id,
        row_number() over (
            partition by kpi_id, entity_kind, entity_id, period_kind order by period_start_date
        ) as position,
        computed_value as value,
        centre,
        greatest(upper_limit - centre, centre - lower_limit) / 3 as sigma
    from warehouse.kpi.fct_kpi_judgements
    where centre is not null
"""


def apply_sql(con: duckdb.DuckDBPyConnection) -> float:
    """Apply the rules to the table `points`; return the CPU seconds."""
    started = time.process_time()
    con.execute(f"create or replace table found as {RULES_IN_SQL.read_text(encoding='utf-8')}")
    con.fetchall()
    return time.process_time() - started


def found_by_sql(con: duckdb.DuckDBPyConnection) -> np.ndarray:
    """Return what `apply_sql` found, in order of series and position."""
    found = con.execute("select violated from found order by series_id, position").fetchnumpy()
    return np.asarray(found["violated"])


def main(home: Path | None, pccpy: str | None) -> None:
    """Print what each took and whether all agree."""
    say = Console(highlight=False).print
    values = np.random.default_rng(20261121).normal(size=SERIES * LENGTH)
    start = np.arange(SERIES) * LENGTH
    started = time.process_time()
    scan = scan_series("i_mr", values, series_start=start)
    ours = time.process_time() - started
    say(
        f"{values.size:,} readings: {ours:.2f} CPU s, {values.size / ours / 1e6:.1f} million a CPU "
        f"second, peak {peak_gigabytes():.2f} GB"
    )
    if pccpy is not None:
        with tempfile.TemporaryDirectory() as folder:
            sample = Path(folder, "series.npy")
            np.save(sample, values.reshape(SERIES, LENGTH)[:SAMPLE])
            answer = subprocess.run(
                [pccpy, "-c", PEER, str(sample)], check=True, capture_output=True, text=True
            )
        per_point = json.loads(answer.stdout) / (SAMPLE * LENGTH)
        say(f"pccpy, {SAMPLE} of them: {per_point * values.size / ours:,.0f} times as long a point")
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(f"{folder}/points.duckdb") as con:
        con.execute("set memory_limit = '2GB'")
        points = pa.table(
            {
                "series_id": np.repeat(np.arange(SERIES, dtype=np.int32), LENGTH),
                "position": np.tile(np.arange(1, LENGTH + 1, dtype=np.int32), SERIES),
                "value": values,
                "centre": np.repeat(scan.centre, LENGTH),
                "sigma": np.repeat(scan.sigma, LENGTH),
            }
        )
        con.register("arrow_points", points)
        con.execute("create table points as select * from arrow_points")
        theirs = apply_sql(con)
        differ = int(np.count_nonzero(found_by_sql(con) != scan.violated))
    say(f"the rules alone in SQL: {theirs:.2f} CPU s, {theirs / ours:.1f} times; {differ} differ")
    if home is not None:
        say(compare_company(home))


def compare_company(home: Path) -> str:
    """Return how many charted readings of a company agree in both paths."""
    with duckdb.connect() as con:
        con.execute(f"attach '{home}/warehouse.duckdb' as warehouse (read_only)")
        con.execute(f"create table main.points as {CHARTED}")
        apply_sql(con)
        points = con.execute("select * from points order by series_id, position").fetchnumpy()
        start = np.flatnonzero(points["position"] == 1)
        value, centre, sigma = (
            np.ma.filled(np.ma.asarray(points[name], dtype=np.float64), np.nan)
            for name in ("value", "centre", "sigma")
        )
        mask = violated_rules(value, NELSON, centre=centre, sigma=sigma, series_start=start)
        differ = int(np.count_nonzero(found_by_sql(con) != mask))
        flagged = int(np.count_nonzero(mask))
    return (
        f"{home.name}: {value.size:,} readings of {start.size:,} charts, {flagged:,} flagged, "
        f"{differ} differ"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--pccpy")
    arguments = parser.parse_args()
    main(arguments.home, arguments.pccpy)
