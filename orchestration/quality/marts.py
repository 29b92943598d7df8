"""Judge a finished table in the warehouse by the rules of `expectations/marts/<mart>.yml`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.ingest.commit import record_results
from orchestration.ingest.delivery_log import create_tables
from orchestration.ingest.sql import quote_identifier, quote_literal
from orchestration.quality.expectations import RuleResult, run_rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from orchestration.contracts.model import Rule


def judge_mart(
    con: duckdb.DuckDBPyConnection,
    mart: str,
    rules: Sequence[Rule],
    key: Sequence[str],
    *,
    run_id: str,
) -> list[RuleResult]:
    """Run a mart's rules where it lies, and keep results and failing rows in `ops`.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Of the warehouse; no transaction may be open.
    mart : str
        ``schema.table``; it may have rules about the whole table too.
    rules : sequence of Rule
        What the mart promises.
    key : sequence of str
        Columns that tell the mart's rows apart.
    run_id : str
        Who asked; the log keeps it.

    Returns
    -------
    list of RuleResult
        In the order of ``rules``. Whether a failure blocks publication is the caller's decision.
    """
    results = run_rules(con, mart, rules, key, failures="mart_failures")
    row_key = ", ".join(f"{quote_literal(name)}, {quote_identifier(name)}::varchar" for name in key)
    con.begin()
    create_tables(con)
    record_results(con, mart, run_id, {None: results})
    for rule in rules:
        con.execute(
            "insert into ops.expectation_failures select ?, ?, null, rule_id, ?, ?, null, null, "
            f"json_object({row_key})::varchar from mart_failures where rule_id = ?",
            [run_id, mart, rule.severity, rule.owner, rule.id],
        )
    con.commit()
    return results
