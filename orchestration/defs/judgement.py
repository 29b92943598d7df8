"""What readings mean."""

import dagster as dg

from orchestration.defs.common import POOL, column_schema, tags
from orchestration.governance.judgements import judge_readings
from orchestration.resources.warehouse import Warehouse
from orchestration.settings import Settings

INPUT = "intermediate.int_judgements__input"
OUTPUT = "statistics.kpi_judgements"


def kpi_judgements(settings: Settings, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that judges all readings."""

    @dg.asset(
        key=["statistics", "kpi_judgements"],
        deps=[dg.AssetKey(["intermediate", "int_judgements__input"])],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="statistics",
        kinds={"python", "numpy", "duckdb"},
        owners=["team:performance-analytics"],
        tags=tags(domain="performance", sensitivity="confidential", tier="judgement"),
        code_version="1",
        pool=POOL,
    )
    def _kpi_judgements(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        """Chart limits, signals, three verdicts and a score: one row per reading.

        Read by `fct_kpi_judgements` and through it by every scorecard, so that nobody is called
        to account for noise.
        """
        judged = judge_readings(warehouse.read(INPUT))
        warehouse.replace(OUTPUT, judged)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(judged),
                "dagster/column_schema": column_schema(judged.dtypes.astype(str).to_dict()),
                "signals": int((judged["signal_side"] != 0).sum()),
            }
        )

    return _kpi_judgements
