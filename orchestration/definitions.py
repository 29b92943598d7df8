"""What workspace.yaml names: the whole of Dagster's view, for the company of the environment."""

from __future__ import annotations

import dagster as dg


@dg.definitions
def steelyard() -> dg.Definitions:
    """Build all assets, checks, jobs, schedules and sensors of one company.

    Nothing happens when this module is imported: contracts, registers and dbt's manifest are read
    when Dagster asks for the definitions.
    """
    from orchestration.defs import build_definitions  # noqa: PLC0415
    from orchestration.settings import Settings  # noqa: PLC0415

    return build_definitions(Settings.from_environment())
