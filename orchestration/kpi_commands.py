"""The commands `steelyard kpi`: what stands behind a KPI."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from orchestration.console import CompanyOption, JsonOption, chosen_settings, failing_plainly, out

kpi_app = typer.Typer(help="What stands behind a KPI.", no_args_is_help=True)


@kpi_app.callback()
def _kpi() -> None:
    """Show what stands behind a KPI."""


@kpi_app.command()
def review(
    every: Annotated[
        bool, typer.Option("--all", help="Also those for which too little speaks.")
    ] = False,
    company: CompanyOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show which KPIs are candidates for retirement, and why."""
    from orchestration.publication.decisions import kpi_review  # noqa: PLC0415
    from orchestration.publication.snapshot import SnapshotError  # noqa: PLC0415
    from orchestration.publication.terminal import review_view  # noqa: PLC0415

    with failing_plainly(SnapshotError, ValueError):
        rows = kpi_review(chosen_settings(company), every=every)
    if json_output:
        out.print_json(json.dumps(rows, default=str))
    else:
        out.print(review_view(rows))


@kpi_app.command()
def diff(
    kpi: Annotated[str, typer.Argument(help="Id of the KPI, as in seeds/registry/kpis.")],
    company: CompanyOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show the approved and the present definition of a KPI, and what a change does to figures."""
    from orchestration.publication.kpi_diff import KpiDiffError, compare  # noqa: PLC0415
    from orchestration.publication.snapshot import SnapshotError  # noqa: PLC0415
    from orchestration.publication.terminal import diff_view  # noqa: PLC0415
    from orchestration.registry.archive import ArchiveError  # noqa: PLC0415
    from orchestration.resources.warehouse import WarehouseBusyError  # noqa: PLC0415

    with failing_plainly(ArchiveError, KpiDiffError, SnapshotError, WarehouseBusyError, ValueError):
        found = compare(chosen_settings(company), kpi)
    if json_output:
        out.print_json(json.dumps(found.as_json()))
    else:
        out.print(diff_view(found))
