"""What readings mean, and which of the published ones stand whatever they mean now."""

from typing import Any

import dagster as dg

from orchestration.defs.common import POOL, column_schema, tags
from orchestration.governance.comparisons import compare_with_peers
from orchestration.governance.judgements import judge_readings
from orchestration.governance.leaders import estimate_leaders
from orchestration.governance.outlook import foresee
from orchestration.governance.target_impact import simulate
from orchestration.publication.standing import write_standing
from orchestration.resources.warehouse import Warehouse
from orchestration.settings import Settings
from orchestration.statistics.refusal import Refusal

INPUT = "intermediate.int_judgements__input"
OUTPUT = "statistics.kpi_judgements"
STANDING = dg.AssetKey(["standing", "figures"])


def _found(
    days: dg.PartitionsDefinition, name: str, *, source: str, domain: str, sensitivity: str
) -> dict[str, Any]:
    """Return what all assets share that Python finds in one model."""
    return {
        "key": ["statistics", name],
        "deps": [dg.AssetKey(["intermediate", source])],
        "partitions_def": days,
        "backfill_policy": dg.BackfillPolicy.single_run(),
        "group_name": "statistics",
        "kinds": {"python", "numpy", "duckdb"},
        "owners": ["team:performance-analytics"],
        "tags": tags(domain=domain, sensitivity=sensitivity, tier="judgement"),
        "code_version": "1",
        "pool": POOL,
    }


def kpi_judgements(settings: Settings, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that judges all readings."""

    @dg.asset(
        **_found(
            days,
            "kpi_judgements",
            source="int_judgements__input",
            domain="performance",
            sensitivity="confidential",
        )
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


def kpi_comparisons(settings: Settings, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that compares sites and lines with their peers."""

    @dg.asset(
        **_found(
            days,
            "kpi_comparisons",
            source="int_comparisons__input",
            domain="performance",
            sensitivity="internal",
        )
    )
    def _kpi_comparisons(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        """Funnels over sites and lines: one row per KPI of counts, unit and period.

        Read by `fct_kpi_comparisons`, so that a league table never stands for a difference: a unit
        is named only where it lies beyond the spread of its peers.
        """
        compared = compare_with_peers(warehouse.read("intermediate.int_comparisons__input"))
        warehouse.replace("statistics.kpi_comparisons", compared)
        stands_out = compared["verdict"].isin(["better_than_peers", "worse_than_peers"])
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(compared),
                "dagster/column_schema": column_schema(compared.dtypes.astype(str).to_dict()),
                "stand_out": int(stands_out.sum()),
                "refused": int(compared["refusal"].notna().sum()),
            }
        )

    return _kpi_comparisons


def kpi_outlook(settings: Settings, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that says where KPIs go if nothing changes."""

    @dg.asset(
        **_found(
            days,
            "kpi_outlook",
            source="int_outlook__input",
            domain="performance",
            sensitivity="internal",
        )
    )
    def _kpi_outlook(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        """Forecast of the next months and odds of the target: one row per KPI and site or company.

        Read by `fct_kpi_outlook`, so that a target is discussed before it is missed. How often
        past forecasts held what came is in the metadata of every run.
        """
        outlook = foresee(warehouse.read("intermediate.int_outlook__input"))
        warehouse.replace("statistics.kpi_outlook", outlook.rows)
        coverage = outlook.coverage
        held = (
            {"coverage_refused": coverage.detail}
            if isinstance(coverage, Refusal)
            else {
                "coverage": coverage.share,
                "coverage_low": coverage.low,
                "coverage_high": coverage.high,
                "coverage_stated": coverage.stated,
            }
        )
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(outlook.rows),
                "dagster/column_schema": column_schema(outlook.rows.dtypes.astype(str).to_dict()),
                "refused": int(outlook.rows["refusal"].notna().sum()),
                **held,
            }
        )

    return _kpi_outlook


def target_impact(settings: Settings, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that says what another target would do."""

    @dg.asset(
        **_found(
            days,
            "target_impact",
            source="int_targets__asked",
            domain="performance",
            sensitivity="internal",
        )
    )
    def _target_impact(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        """Score and odds under old and new levels: one row per asked or changed target and unit.

        Read by `rpt_target_impact`, so that whoever decides on a target sees what it does first.
        """
        impact = simulate(warehouse.read("intermediate.int_targets__asked"))
        warehouse.replace("statistics.target_impact", impact)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(impact),
                "dagster/column_schema": column_schema(impact.dtypes.astype(str).to_dict()),
                "refused": int(impact["refusal"].notna().sum()),
            }
        )

    return _target_impact


def leader_effects(settings: Settings, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that says what leaders of lines add."""

    @dg.asset(
        **_found(
            days,
            "leader_effects",
            source="int_leaders__input",
            domain="leadership",
            sensitivity="confidential",
        )
    )
    def _leader_effects(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        """Effects of leaders with interval and separability: one row per KPI and leader.

        Read by `fct_leader_effects`, so that nobody is credited or blamed for the line they got.
        """
        effects = estimate_leaders(warehouse.read("intermediate.int_leaders__input"))
        warehouse.replace("statistics.leader_effects", effects)
        verdicts = effects["verdict"].value_counts()
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(effects),
                "dagster/column_schema": column_schema(effects.dtypes.astype(str).to_dict()),
                "refused": int(effects["refusal"].notna().sum()),
                **{str(verdict): int(count) for verdict, count in verdicts.items()},
            }
        )

    return _leader_effects


def standing_figures(settings: Settings, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that finds the published rows that must not change."""

    @dg.asset(
        key=STANDING,
        deps=[
            dg.AssetKey(["core", "bridge_entity_units"]),
            dg.AssetKey(["core", "dim_org_units"]),
            dg.AssetKey(["governance", "reg_period_lock"]),
            dg.AssetKey(["intermediate", "int_kpis__publication"]),
            dg.AssetKey(["intermediate", "int_locks__in_force"]),
        ],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="governance",
        kinds={"python", "parquet", "duckdb"},
        owners=["team:performance-analytics"],
        tags=tags(domain="governance", sensitivity="confidential", tier="judgement"),
        code_version="1",
        pool=POOL,
    )
    def _standing_figures(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        """Rows of earlier snapshots that stand: of locked periods and of withheld KPIs.

        Read by the published readings, judgements and scorecards, which put each row in the place
        of what was built, so that nobody's card changes after it was settled or unapproved.
        """
        with warehouse.connect("find what stands") as con:
            standing = write_standing(con, settings.published)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": standing.readings,
                "withheld_kpis": standing.withheld_kpis,
                "locks": standing.locks,
            }
        )

    return _standing_figures
