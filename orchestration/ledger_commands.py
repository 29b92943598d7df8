"""The commands `steelyard ledger`: look at the ledger as a whole; no logic of its own."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 (Typer reads the annotations)
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.console import (
    CompanyOption,
    JsonOption,
    chosen_settings,
    console,
    failing_plainly,
    out,
)
from orchestration.ledger.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestration.ledger.store import Ledger

ledger_app = typer.Typer(help="Check, sign and hand out the ledger.", no_args_is_help=True)


@contextmanager
def _opened(company: str | None) -> Iterator[Ledger]:
    """Open the company's ledger; what it refuses is one sentence and exit code 1."""
    from orchestration.ledger.opening import open_ledger  # noqa: PLC0415 (SQLAlchemy)

    with failing_plainly(LedgerError):
        yield open_ledger(chosen_settings(company))


@ledger_app.command()
def verify(
    company: CompanyOption = None,
    json_output: JsonOption = False,
) -> None:
    """Recompute every entry, hold it against the anchors, and name the first bad one."""
    from orchestration.ledger.verify import verify as verify_ledger  # noqa: PLC0415

    with _opened(company) as ledger:
        found = verify_ledger(ledger, ledger.anchors)
    if json_output:
        out.print_json(json.dumps(asdict(found)))
    else:
        if found.sentence is not None:
            out.print(found.sentence, highlight=False, markup=False, soft_wrap=True)
        console.print(
            f"{found.entries:,} entries are what was recorded, {found.erased:,} of them erased; "
            f"{found.anchors:,} anchors hold, {found.unanchored:,} entries came after the last. "
            f"Keys: {', '.join(found.keys) or 'none'}",
            highlight=False,
        )
    if found.what is not None:
        raise typer.Exit(1)


@ledger_app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
    company: CompanyOption = None,
) -> None:
    """Write everything for an auditor, with what it takes to check it elsewhere."""
    from orchestration.ledger.export import export as export_ledger  # noqa: PLC0415

    with _opened(company) as ledger:
        entries = export_ledger(ledger, folder)
    console.print(f"Wrote {entries:,} entries and their anchors to {folder}.", highlight=False)


@ledger_app.command()
def anchor(
    company: CompanyOption = None,
    new_key: Annotated[
        bool,
        typer.Option(
            "--new-key", help="Sign with another key from now on, if the old one is lost."
        ),
    ] = False,
) -> None:
    """Sign the last entry and write it down outside the ledger; every act does so by itself."""
    with _opened(company) as ledger:
        written = ledger.anchor(new_key=new_key)
    if written is None:
        console.print("Nothing was recorded since the last anchor.")
    else:
        console.print(
            f"Anchored {written.seq:,} entries, signed by {written.key}.", highlight=False
        )
