"""The row rules of a contract on one judged file, for `steelyard feed check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.ingest.sql import quote_identifier
from orchestration.ingest.verdict import Finding, Verdict, action_of
from orchestration.quality.expectations import RuleResult, run_rules

if TYPE_CHECKING:
    import duckdb

    from orchestration.contracts.model import Contract

_FAILURES = "file_rule_failures"


def apply_rules(
    con: duckdb.DuckDBPyConnection, contract: Contract, table: str, verdict: Verdict
) -> Verdict:
    """Return a verdict with what the contract's rules find in the typed rows of a file.

    Parameters
    ----------
    con : DuckDBPyConnection
        Holds the table that the guard left.
    contract : Contract
        Whose rules.
    table : str
        The judged rows, those set aside among them: rules judge rows before quarantine.
    verdict : Verdict
        What the guard found.

    Returns
    -------
    Verdict
        A failing row of a quarantining rule is set aside; where fewer rows pass than the rule's
        `mostly` asks for, the file is refused, as its delivery would be.
    """
    results = run_rules(con, table, contract.rules, ["_row_no"], failures=_FAILURES)
    failed = {rule: (count, first) for rule, count, first in _failures(con)}
    findings = [
        *verdict.findings,
        *(
            _finding(result, *failed.get(result.rule_id, (1, None)))
            for result in results
            if result.rule_id in failed or result.blocks
        ),
    ]
    if any(result.blocks for result in results):
        return Verdict(action_of(findings), 0, 0, tuple(findings), verdict.records)
    names = [rule.id for rule in contract.rules if rule.severity == "quarantine"]
    counted = con.execute(
        f"select count(*) from {quote_identifier(table)} where len(_reasons) = 0 and _row_no in "
        f"(select _row_no from {_FAILURES} where list_contains(?::varchar[], rule_id))",
        [names],
    ).fetchall()
    newly = counted[0][0]
    return Verdict(
        action_of(findings),
        verdict.rows_ok - newly,
        verdict.rows_quarantined + newly,
        tuple(findings),
        verdict.records,
    )


def _failures(con: duckdb.DuckDBPyConnection) -> list[tuple[str, int, int]]:
    return con.execute(
        f"select rule_id, count(*), min(_row_no) from {_FAILURES} group by rule_id"
    ).fetchall()


def _finding(result: RuleResult, count: int, first: int | None) -> Finding:
    if result.blocks:
        code = "BATCH_BLOCKED"
    elif result.severity == "quarantine":
        code = "EXPECTATION_FAILED"
    else:
        code = "EXPECTATION_NOTED"
    return Finding(code, first, result.sentence, count=count)
