"""Rules on marts: the same vocabulary as on feeds, judged before anything is published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml
from pydantic import BaseModel, ConfigDict, Field

from orchestration.contracts.model import Rule
from orchestration.ingest.commit import record_results
from orchestration.ingest.delivery_log import create_tables
from orchestration.ingest.run_state import current_run
from orchestration.ingest.sql import column_list
from orchestration.quality.expectations import RuleResult, run_rules

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import duckdb

    from orchestration.resources.warehouse import Warehouse

_FAILURES = "mart_rule_failures"


class MartRules(BaseModel):
    """What one mart promises to those who read it.

    Attributes
    ----------
    relation : str
        `schema.mart`; the name of the file.
    key : tuple of str
        Columns that tell the rows apart, kept for every failing row.
    rules : tuple of Rule
        A failing rule of severity quarantine blocks publication; warn is noted.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    relation: str
    key: tuple[str, ...] = Field(min_length=1)
    rules: tuple[Rule, ...] = Field(min_length=1)


def load_mart_rules(folder: Path) -> list[MartRules]:
    """Return what every file `<schema>.<mart>.yml` of a folder promises."""
    return [
        MartRules.model_validate(
            {"relation": path.stem, **yaml.safe_load(path.read_text(encoding="utf-8"))}
        )
        for path in sorted(folder.glob("*.yml"))
    ]


class UnsoundMartsError(RuntimeError):
    """The marts must not be published; the message names the failing rules."""


def check_marts(warehouse: Warehouse, marts: Iterable[MartRules]) -> list[tuple[str, RuleResult]]:
    """Run all rules on marts where they are, and keep results and failing rows.

    Returns
    -------
    list of (str, RuleResult)
        Relation and result, one per rule.
    """
    results: list[tuple[str, RuleResult]] = []
    with warehouse.connect("check the marts") as con:
        create_tables(con)
        run_id = current_run(con)
        con.begin()
        for table in ("ops.expectation_results", "ops.expectation_failures"):
            con.execute(f"delete from {table} where run_id = ? and delivery_date is null", [run_id])
        for mart in marts:
            found = run_rules(con, mart.relation, mart.rules, mart.key, failures=_FAILURES)
            record_results(con, mart.relation, run_id, {None: found})
            _keep_failures(con, mart, run_id)
            results += [(mart.relation, result) for result in found]
        con.commit()
    return results


def require_sound_marts(con: duckdb.DuckDBPyConnection) -> None:
    """Refuse marts that were not judged in this run, or failed a rule that is no warning.

    Dagster blocks publication within a run; this holds when publication alone is run again.

    Raises
    ------
    UnsoundMartsError
        Naming the rules.
    """
    rows = con.execute(
        "select subject || ' ' || rule_id, success or severity = 'warn' "
        "from ops.expectation_results where run_id = ? and delivery_date is null",
        [current_run(con)],
    ).fetchall()
    if not rows:
        raise UnsoundMartsError(
            "The marts have not been judged since they were built: materialize quality/mart_rules."
        )
    failed = [rule for rule, is_sound in rows if not is_sound]
    if failed:
        raise UnsoundMartsError(
            f"Not published, because these rules fail: {', '.join(sorted(failed))}. The failing "
            "rows are in ops.expectation_failures."
        )


def _keep_failures(con: duckdb.DuckDBPyConnection, mart: MartRules, run_id: str) -> None:
    key = column_list(list(mart.key))
    for rule in mart.rules:
        con.execute(
            "insert into ops.expectation_failures by name "
            "select ? as run_id, ? as subject, rule_id, ? as severity, ? as owner, "
            f"to_json(struct_pack({key})) as row_key from {_FAILURES} where rule_id = ?",
            [run_id, mart.relation, rule.severity, rule.owner, rule.id],
        )
