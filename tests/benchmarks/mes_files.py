"""MES exports of any size in the standard dialect, in flat memory: counts and machine states.

The same rows for the same number of rows, written by DuckDB as it makes them. Clean throughout:
what a damaged file costs depends on the damage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.ingest.sql import quote_literal

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

SITES = ("DE01", "DE02", "FR01", "IT01", "PL01", "CZ01", "ES01", "AT01", "NL01", "SE01")
# 2,000 machines in ten plants; a machine's rows are about 40 seconds apart.
_PLACE = f"""
    {list(SITES)}[1 + i % {len(SITES)}] as site,
    site || '-L' || lpad((i // 10 % 20)::varchar, 2, '0') || '-M' || (i // 200 % 10) as machine,
    timestamp '2026-10-05 06:00:00' - to_seconds(40 * (i // 2000) + chance % 37) as moment,
    '00000' || (1000000 + i // 400)::varchar as ordered
"""
_COUNTS = """
    machine || strftime(moment, '-%Y%m%d-') || i as event_id, site, machine as machine_id,
    ordered as order_id, '0010' as operation,
    strftime(moment, '%Y-%m-%dT%H:%M:%S+02:00') as event_ts, ['E', 'L', 'N'][1 + i % 3] as shift_id,
    100 + chance % 400 as good_qty, chance % 9 as scrap_qty, chance % 5 as rework_qty,
    'pc' as uom, 'delta' as count_kind, 'OP' || (20000 + chance % 3001) as operator_id,
    case when chance % 9 > 0 then 'S7' || chance % 7 end as reason_code
"""
_STATES = """
    site, machine as machine_id, 1 + i // 2000 as sequence,
    strftime(moment, '%Y-%m-%dT%H:%M:%S+02:00') as start_ts,
    strftime(moment + interval 40 seconds, '%Y-%m-%dT%H:%M:%S+02:00') as end_ts,
    ['Execute', 'Suspended', 'Held'][1 + (chance % 3)::int] as state_raw,
    ['producing', 'idle', 'down'][1 + (chance % 3)::int] as state,
    case when chance % 3 > 0 then 'S2' || chance % 10 end as reason_code,
    'OP' || (20000 + chance % 3001) as operator_id, ordered as order_id
"""


def write_counts(con: duckdb.DuckDBPyConnection, path: Path, rows: int) -> None:
    """Write rows of mes_production_counts."""
    _write(con, path, rows, _COUNTS)


def write_states(con: duckdb.DuckDBPyConnection, path: Path, rows: int) -> None:
    """Write rows of mes_machine_states."""
    _write(con, path, rows, _STATES)


def _write(con: duckdb.DuckDBPyConnection, path: Path, rows: int, columns: str) -> None:
    con.execute(
        f"copy (select {columns} from (select i, hash(i) >> 8 as chance, {_PLACE} "
        f"from range({rows}) as t(i))) "
        f"to {quote_literal(str(path))} (header)"
    )
