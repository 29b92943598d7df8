"""Rules on marts: the same vocabulary as on feeds, judged before anything is published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml
from pydantic import BaseModel, ConfigDict, Field

from orchestration.contracts.load import SHIPPED_ROOT
from orchestration.contracts.model import Rule
from orchestration.ingest.commit import record_results
from orchestration.ingest.delivery_log import create_tables
from orchestration.ingest.run_state import current_run
from orchestration.ingest.sql import quote_identifier, quote_literal, quote_relation
from orchestration.quality.expectations import BATCH_VIEW, RuleResult, run_rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import duckdb

    from orchestration.resources.warehouse import Warehouse


ROWS = "_mart_rows"
MART_RULES = SHIPPED_ROOT / "expectations" / "marts"


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
        _forget_results(con, [run_id, *_given_up(con)])
        for mart in marts:
            found = judge_mart(con, mart.relation, mart.rules, mart.key, run_id=run_id)
            results += [(mart.relation, result) for result in found]
    return results


def _forget_results(con: duckdb.DuckDBPyConnection, run_ids: Sequence[str]) -> None:
    """Remove what rules said of the marts in some runs, failing rows included."""
    con.begin()
    for table in ("ops.expectation_results", "ops.expectation_failures"):
        con.execute(
            f"delete from {table} where delivery_date is null and list_contains(?, run_id)",
            [list(run_ids)],
        )
    con.commit()


def _given_up(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the runs whose marts were sound and were never published, because they were killed.

    The run that does their work again finds the same. Those that a rule stopped are kept.
    """
    rows = con.execute(
        "select run_id from ops.expectation_results where delivery_date is null "
        "group by run_id having bool_and(success or severity = 'warn') "
        "except select run_id from ops.run_history where published_at_utc is not null"
    ).fetchall()
    return [run_id for (run_id,) in rows]


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
    # A mart may be a view over many: its rows are computed once, and the library's look at a first
    # row, which stood still for ever over a union of views (duckdb 2.0), is one at a table.
    con.execute(f"create or replace temp table {ROWS} as select * from {quote_relation(mart)}")
    results = run_rules(con, ROWS, rules, key, failures="mart_failures")
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
    con.execute(f"drop view if exists {BATCH_VIEW}")
    con.execute(f"drop table {ROWS}")
    con.commit()
    return results
