"""Rules beside the same rules as one SQL pass: `python -m tests.benchmarks.rules [rows]`.

Nothing is asserted but that every failing row is kept. The share of failing rows is 1, 50 and
100 percent; the peer counts and keeps the same rows in one pass of hand-written SQL.

Figures of the last run, CPU seconds for 10,000,000 rows and four rules on two busy cores, the
library imported before (limits: 4 times, 1.5 GB):

      1 % fail: rules 1.05, one pass 0.39, 2.7 times, peak 0.97 GB
     50 % fail: rules 1.55, one pass 0.80, 1.9 times, peak 1.26 GB
    100 % fail: rules 2.40, one pass 0.99, 2.4 times, peak 1.30 GB
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import duckdb
from rich.console import Console

from orchestration.contracts.model import Rule
from orchestration.quality.expectations import run_rules
from tests.benchmarks.memory import peak_gigabytes

RULES = {
    "quantity_fits": "expect_column_values_to_be_between",
    "scrap_fits": "expect_column_values_to_be_between",
    "more_good_than_scrap": "expect_column_pair_values_a_to_be_greater_than_b",
    "unit_is_known": "expect_column_values_to_be_in_set",
}
PEER = """
    create or replace temp table peer as
    select unnest(list_filter([
        case when not qty between 0 and 999 then 'quantity_fits' end,
        case when not scrap between 0 and 999 then 'scrap_fits' end,
        case when not qty >= scrap then 'more_good_than_scrap' end,
        case when uom not in ('pc', 'kg') then 'unit_is_known' end
    ], lambda x: x is not null)) as rule_id, _row_id
    from made
"""


def rules() -> list[Rule]:
    """Return the four rules."""
    limits = {"min_value": 0, "max_value": 999}
    arguments = [
        {"column": "qty", **limits},
        {"column": "scrap", **limits},
        {"column_A": "qty", "column_B": "scrap", "or_equal": True},
        {"column": "uom", "value_set": ["pc", "kg"]},
    ]
    return [
        Rule(id=name, expectation=expectation, kwargs=kwargs, severity="warn", owner="steward")
        for (name, expectation), kwargs in zip(RULES.items(), arguments, strict=True)
    ]


def main(rows: int) -> None:
    """Print CPU seconds of rules and peer for each share of failing rows."""
    say = Console(highlight=False).print
    with tempfile.TemporaryDirectory() as folder:
        config = {"memory_limit": "1GB"}
        with duckdb.connect(str(Path(folder, "rules.duckdb")), config=config) as con:
            con.execute(
                "create temp table warm as select 1 as qty, 0 as scrap, 'pc' as uom, 0 as _row_id"
            )
            run_rules(con, "warm", rules(), ["_row_id"])
            for percent in (1, 50, 100):
                # The quantity alone fails; of every row where all fail.
                con.execute(
                    f"""
                    create or replace table made as
                    select i as _row_id, 'pc' as uom, (i % 9)::decimal(15,3) as scrap,
                        (case when i % 100 < {percent} then 5000 else 100 end + i % 400)
                            ::decimal(15,3) as qty
                    from range({rows}) as t(i)
                    """
                )
                started = time.process_time()
                con.execute(PEER)
                peer = time.process_time() - started
                started = time.process_time()
                results = run_rules(con, "made", rules(), ["_row_id"])
                ours = time.process_time() - started
                kept = con.execute("select count(*) from rule_failures").fetchall()[0][0]
                expected = con.execute("select count(*) from peer").fetchall()[0][0]
                assert kept == expected == sum(result.unexpected or 0 for result in results)
                say(
                    f"{percent:3d} % of {rows:,} rows fail: rules {ours:.2f} s, one pass "
                    f"{peer:.2f} s, {ours / peer:.1f} times; {kept:,} kept; "
                    f"peak {peak_gigabytes():.2f} GB"
                )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)
