"""The commands `steelyard kpi`: what stands behind a KPI."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from orchestration.settings import Settings

kpi_app = typer.Typer(help="What stands behind a KPI.", no_args_is_help=True)


@kpi_app.callback()
def _kpi() -> None:
    """Show what stands behind a KPI."""


@kpi_app.command()
def diff(
    kpi: Annotated[str, typer.Argument(help="Id of the KPI, as in seeds/registry/kpis.")],
    company: Annotated[
        str | None,
        typer.Option("--company", help="A shipped company, or the folder of your own."),
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON for a machine.")] = False,
) -> None:
    """Show the approved and the present definition of a KPI, and what a change does to figures."""
    from orchestration.publication.kpi_diff import KpiDiffError, compare  # noqa: PLC0415
    from orchestration.publication.snapshot import SnapshotError  # noqa: PLC0415
    from orchestration.publication.terminal import diff_view  # noqa: PLC0415
    from orchestration.registry.archive import ArchiveError  # noqa: PLC0415
    from orchestration.resources.warehouse import WarehouseBusyError  # noqa: PLC0415

    settings = Settings.from_environment().with_choices(company=company)
    try:
        found = compare(settings, kpi)
    except (ArchiveError, KpiDiffError, SnapshotError, WarehouseBusyError, ValueError) as error:
        Console(stderr=True).print(f"[bold red]Error:[/] {error}", highlight=False)
        raise typer.Exit(1) from error
    if json_output:
        Console().print_json(json.dumps(found.as_json()))
    else:
        Console().print(diff_view(found))
