"""Writes what the contracts promise as dbt sources, so that docs and lineage say the same.

The file is generated and tracked: dbt must find it without running Python first. A test fails
when contracts and file part; `make sources` brings them together again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from orchestration.contracts.load import SHIPPED_ROOT, load_contracts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestration.contracts.model import Contract

SOURCES_FILE = SHIPPED_ROOT / "dbt_project" / "models" / "staging" / "_raw_sources.yml"
HEADER = "# Generated from expectations/feeds by `make sources`; change the contracts instead.\n"
_SCHEMAS = {
    "raw": "Typed rows of the last accepted version of every feed.",
    "restricted": "The same of feeds of which nothing but aggregates may leave.",
}
# Days without a delivery after which a feed is stale, beside its own latency.
_CADENCE_DAYS = {"daily": 1, "weekly": 7, "monthly": 31, "quarterly": 92}


def render_sources(contracts: Mapping[str, Contract]) -> str:
    """Return the YAML of the dbt sources: one table per feed, one column per typed column."""
    sources = [
        {
            "name": schema,
            "schema": schema,
            "description": description,
            "tables": [
                _table(contracts[feed])
                for feed in sorted(contracts)
                if contracts[feed].schema_name == schema
            ],
        }
        for schema, description in _SCHEMAS.items()
    ]
    document = {"version": 2, "sources": sources}
    return HEADER + yaml.safe_dump(document, sort_keys=False, width=96, allow_unicode=True)


def _table(contract: Contract) -> dict[str, Any]:
    table: dict[str, Any] = {
        "name": contract.feed,
        "description": " ".join(contract.description.split()),
        "config": {
            "meta": {
                # The asset key under which the guard shows this feed in Dagster.
                "dagster": {"asset_key": [contract.schema_name, contract.feed]},
                "owner": contract.owner,
                "steward": contract.steward,
                "sensitivity": contract.sensitivity,
                "runbook": contract.runbook,
            },
        },
        "columns": [
            {
                "name": typed,
                "data_type": duckdb_type.lower(),
                "description": column.description,
                "config": {"meta": {"sensitivity": column.sensitivity}},
            }
            for name, column in contract.columns.items()
            for typed, duckdb_type in column.typed(name).items()
        ],
    }
    if contract.delivery.cadence in _CADENCE_DAYS:
        days = _CADENCE_DAYS[contract.delivery.cadence] + contract.delivery.latency_days
        table["config"]["loaded_at_field"] = "_received_at_utc"
        table["config"]["freshness"] = {"warn_after": {"count": days, "period": "day"}}
    return table


def main() -> None:
    """Write the file."""
    contracts = load_contracts(SHIPPED_ROOT / "expectations" / "feeds")
    SOURCES_FILE.write_text(render_sources(contracts), encoding="utf-8")


if __name__ == "__main__":
    main()
