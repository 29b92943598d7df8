"""`steelyard feed check`: judge one file by one contract without loading anything.

The contract is a file, or the one that a company's profile makes of a feed of the catalogue.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import duckdb
import typer
from rich.console import Console
from rich.table import Table

from orchestration.contracts.load import ContractError, load_company, load_contract
from orchestration.ingest.guard import judge_file
from orchestration.ingest.history import History
from orchestration.ingest.landing import form_of
from orchestration.ingest.sql import quote_identifier
from orchestration.ingest.typed_rows import GOOD
from orchestration.ingest.typing_sql import key_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestration.contracts.model import Contract
    from orchestration.ingest.verdict import Verdict

TABLE = "judged"

feed_app = typer.Typer(help="Feed contracts and the files judged by them.", no_args_is_help=True)


@feed_app.callback()
def _feed() -> None:
    """Feed contracts and the files judged by them."""


def check_file(
    contract: Contract | Path | str,
    file: Path | str,
    *,
    history: Path | str | None = None,
    received_at: dt.datetime | None = None,
    site_zones: Mapping[str, str] | None = None,
    with_rules: bool = True,
) -> Verdict:
    """Judge one file by one contract.

    Parameters
    ----------
    contract : Contract or Path
        The contract or its YAML.
    file : Path
        The delivered file.
    history : Path or None
        Folder with `delivery_log.csv`, `deliveries/` and `reference/`.
    received_at : datetime or None
        When the file arrived; default now.
    site_zones : mapping or None
        Site to IANA zone, for contracts whose `time_zone` names a site column.
    with_rules : bool
        Whether the contract's row rules are run too; Great Expectations takes 6 s to import.

    Raises
    ------
    ContractError
        If the contract is wrong.
    FileNotFoundError
        If there is no such file.
    """
    if isinstance(contract, (Path, str)):
        contract = load_contract(contract)
    received = received_at or dt.datetime.now(dt.UTC)
    with duckdb.connect() as con:
        known = None
        if history is not None:
            known = history_from_folder(con, contract, Path(history), site_zones)
        verdict = judge_file(
            con,
            contract,
            file,
            received_at=received,
            history=known,
            site_zones=site_zones,
            table=TABLE,
        )
        if with_rules and contract.rules and verdict.accepted:
            from orchestration.quality.file_rules import apply_rules  # noqa: PLC0415

            verdict = apply_rules(con, contract, TABLE, verdict)
        return verdict


def history_from_folder(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    folder: Path,
    site_zones: Mapping[str, str] | None = None,
) -> History:
    """Judge the earlier deliveries of a folder, oldest first, and return them as relations."""
    with (folder / "delivery_log.csv").open(encoding="utf-8", newline="") as file:
        log = list(csv.DictReader(file))
    parts = []
    for number, entry in enumerate(log):
        path = folder / "deliveries" / entry["file"]
        if not path.is_file():
            continue
        table = f"history_{number}"
        judge_file(
            con,
            contract,
            path,
            received_at=dt.datetime.fromisoformat(entry["delivered_at"]),
            delivery_date=dt.date.fromisoformat(entry["delivery_date"]),
            site_zones=site_zones,
            table=table,
            keep_internal=True,
        )
        parts.append(f"select *, {number} as _delivery from {table} where {GOOD}")
    references = {}
    for path in sorted((folder / "reference").glob("*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as file:
            keys = [row[:1] for row in csv.reader(file)][1:]
        table = f"reference_{path.stem}"
        con.execute(f"create or replace temp table {quote_identifier(table)} (known varchar)")
        if keys:
            con.executemany(f"insert into {quote_identifier(table)} values (?)", keys)
        references[path.stem] = quote_identifier(table)
    key = key_columns(contract)
    latest = None
    if parts:
        con.execute(
            f"create or replace temp table history_rows as {' union all by name '.join(parts)}"
        )
    if parts and key:
        columns = ", ".join(quote_identifier(name) for name in key)
        latest = "history_latest"
        con.execute(
            f"create or replace temp table {latest} as select * exclude (newest) from (select *, "
            f"row_number() over (partition by {columns} order by _delivery desc, _row_no desc) "
            "as newest from history_rows) where newest = 1"
        )
    return History(
        sha256s=frozenset(entry["sha256"] for entry in log),
        last_rows=int(log[-1]["rows"]) if log else None,
        latest=latest,
        rows="history_rows" if parts else None,
        references=references,
        key=tuple(key),
    )


def verdict_json(verdict: Verdict) -> str:
    """Return a verdict as JSON for machines."""
    answer: dict[str, Any] = {
        "action": verdict.action,
        "rows_ok": verdict.rows_ok,
        "rows_quarantined": verdict.rows_quarantined,
        "findings": [
            {
                "code": finding.code,
                "level": finding.level,
                "row": finding.row,
                "column": finding.column,
                "count": finding.count,
                "message": finding.message,
            }
            for finding in verdict.findings
        ],
    }
    return json.dumps(answer, ensure_ascii=False, indent=2)


@feed_app.command("check")
def check(
    contract: Annotated[
        str, typer.Argument(help="YAML file of the contract; with --company the name of a feed.")
    ],
    file: Annotated[Path, typer.Argument(help="The delivered file.")],
    *,
    company: Annotated[
        str | None,
        typer.Option(help="Judge by the contract of this company: a name, or a folder of one."),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(help="Folder with delivery_log.csv, deliveries/ and reference/."),
    ] = None,
    received_at: Annotated[
        str | None, typer.Option(help="When the file arrived (ISO, UTC unless it says otherwise).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer for machines.")] = False,
) -> None:
    """Judge one file without loading it; exit 0 accepted, 3 rows set aside, 4 refused."""
    try:
        arrived = None if received_at is None else dt.datetime.fromisoformat(received_at)
    except ValueError as error:
        raise typer.BadParameter(
            f"{received_at!r} is no time such as 2026-10-06T04:00:00Z", param_hint="--received-at"
        ) from error
    if not file.is_file():
        raise typer.BadParameter(f"{file} does not exist", param_hint="FILE")
    if history is not None and not (history / "delivery_log.csv").is_file():
        raise typer.BadParameter(f"{history} holds no delivery_log.csv", param_hint="--history")
    try:
        judged_by: Contract | str = contract
        zones: Mapping[str, str] = {}
        if company is not None:
            of = load_company(company)
            judged_by, zones = form_of(of, contract, file).contract, of.site_zones
        verdict = check_file(
            judged_by, file, history=history, received_at=arrived, site_zones=zones
        )
    except ContractError as error:
        raise typer.BadParameter(str(error), param_hint="CONTRACT") from error
    if as_json:
        typer.echo(verdict_json(verdict))
    else:
        _show(file, verdict)
    raise typer.Exit(verdict.exit_code)


def _show(file: Path, verdict: Verdict) -> None:
    console = Console()
    console.print(
        f"[bold]{verdict.action}[/bold]  {file.name}: {verdict.rows_ok:,} records kept, "
        f"{verdict.rows_quarantined:,} set aside"
    )
    if not verdict.findings:
        return
    table = Table("level", "code", "first record", "what")
    for finding in verdict.findings:
        row = "" if finding.row is None else str(finding.row)
        table.add_row(finding.level, finding.code, row, finding.message)
    console.print(table)
