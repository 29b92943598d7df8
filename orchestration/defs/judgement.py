"""What readings mean, and which of the published ones stand whatever they mean now."""

from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg
import pandas as pd

from orchestration.defs.common import POOL, column_schema, tags
from orchestration.governance.bridges import (
    explain_changes,
    explain_changes_of_led,
    largest_miss,
)
from orchestration.governance.comparisons import compare_with_peers
from orchestration.governance.judgements import judge_readings
from orchestration.governance.leaders import estimate_leaders
from orchestration.governance.outlook import foresee
from orchestration.governance.payouts import simulate_plans
from orchestration.publication.standing import write_standing
from orchestration.resources.findings import Findings, find
from orchestration.resources.warehouse import Warehouse
from orchestration.settings import Settings
from orchestration.statistics.refusal import Refusal

INPUT = "intermediate.int_judgements__input"
OUTPUT = "statistics.kpi_judgements"
STANDING = dg.AssetKey(["standing", "figures"])


def _found(
    days: dg.PartitionsDefinition,
    name: str,
    *,
    source: str,
    domain: str,
    sensitivity: str,
    others: Sequence[Sequence[str]] = (),
) -> dict[str, Any]:
    """Return what all assets share that Python finds in one model, and other assets."""
    return {
        "key": ["statistics", name],
        "deps": [dg.AssetKey(["intermediate", source]), *(dg.AssetKey(one) for one in others)],
        "partitions_def": days,
        "backfill_policy": dg.BackfillPolicy.single_run(),
        "group_name": "statistics",
        "kinds": {"python", "numpy", "duckdb"},
        "owners": ["team:performance-analytics"],
        "tags": tags(domain=domain, sensitivity=sensitivity, tier="judgement"),
        "code_version": "1",
        "pool": POOL,
    }


def _find(
    warehouse: Warehouse, name: str, source: str, method: Callable[[pd.DataFrame], Findings]
) -> dg.MaterializeResult:
    """Find rows KPI by KPI; the metadata are of those KPIs whose readings changed."""
    findings = find(warehouse, f"intermediate.{source}", f"statistics.{name}", method, by="kpi_id")
    if findings is None:
        return dg.MaterializeResult(metadata={"unchanged": True})
    return dg.MaterializeResult(
        metadata={
            "found": len(findings.rows),
            "dagster/column_schema": column_schema(findings.rows.dtypes.astype(str).to_dict()),
            "refused": int(findings.rows["refusal"].notna().sum()),
            **findings.about,
        }
    )


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
        return _find(warehouse, "kpi_comparisons", "int_comparisons__input", _compare)

    return _kpi_comparisons


def _compare(readings: pd.DataFrame) -> Findings:
    compared = compare_with_peers(readings)
    stands_out = compared["verdict"].isin(["better_than_peers", "worse_than_peers"])
    return Findings(compared, {"stand_out": int(stands_out.sum())})


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
        past forecasts held what came is in the metadata of each run that made new ones.
        """
        return _find(warehouse, "kpi_outlook", "int_outlook__input", _foresee)

    return _kpi_outlook


def _foresee(readings: pd.DataFrame) -> Findings:
    outlook = foresee(readings)
    coverage = outlook.coverage
    if isinstance(coverage, Refusal):
        return Findings(outlook.rows, {"coverage_refused": coverage.detail})
    return Findings(
        outlook.rows,
        {
            "coverage": coverage.share,
            "coverage_low": coverage.low,
            "coverage_high": coverage.high,
            "coverage_stated": coverage.stated,
        },
    )


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
        return _find(warehouse, "leader_effects", "int_leaders__input", _estimate)

    return _leader_effects


def _estimate(readings: pd.DataFrame) -> Findings:
    effects = estimate_leaders(readings)
    verdicts = effects["verdict"].value_counts()
    return Findings(effects, {str(verdict): int(count) for verdict, count in verdicts.items()})


def kpi_bridges(settings: Settings, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that says why figures of sites changed."""

    @dg.asset(
        **_found(
            days,
            "kpi_bridges",
            source="int_bridges__input",
            others=[["intermediate", "int_bridges__drivers"]],
            domain="performance",
            sensitivity="internal",
        )
    )
    def _kpi_bridges(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        """Parts of changes: one row per KPI, site, month, month compared with, and part.

        Read by `fct_kpi_bridge`, so that a site does not answer for the mix it was given or for a
        storm, and the parts add up to what everybody sees.
        """
        sources = ("intermediate.int_bridges__input", "intermediate.int_bridges__drivers")
        return _explained(
            find(
                warehouse,
                sources,
                "statistics.kpi_bridges",
                lambda *tables: Findings(explain_changes(*tables)),
                by="kpi_id",
            )
        )

    return _kpi_bridges


def leader_bridges(settings: Settings, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that says what changes of leaders did to figures of sites."""

    @dg.asset(
        **_found(
            days,
            "leader_bridges",
            source="int_bridges__input",
            others=[
                ["intermediate", "int_bridges__drivers"],
                ["intermediate", "int_leaders__input"],
                ["statistics", "leader_effects"],
            ],
            domain="leadership",
            sensitivity="confidential",
        )
    )
    def _leader_bridges(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        """Parts of changes with one for leaders: one row per KPI, site, two months, and part.

        Read by `fct_leader_bridge`, which is not published: nobody is credited in public for what
        a predecessor left.
        """
        sources = (
            "intermediate.int_bridges__input",
            "intermediate.int_bridges__drivers",
            "intermediate.int_leaders__input",
            "statistics.leader_effects",
        )
        return _explained(
            find(
                warehouse,
                sources,
                "statistics.leader_bridges",
                lambda *tables: Findings(explain_changes_of_led(*tables)),
                by="kpi_id",
            )
        )

    return _leader_bridges


def _explained(findings: Findings | None) -> dg.MaterializeResult:
    if findings is None:
        return dg.MaterializeResult(metadata={"unchanged": True})
    rows = findings.rows
    return dg.MaterializeResult(
        metadata={
            "found": len(rows),
            "dagster/column_schema": column_schema(rows.dtypes.astype(str).to_dict()),
            "largest_miss": largest_miss(rows),
            "not_told": int(rows["not_told"].notna().sum()),
        }
    )


def payout_simulations(settings: Settings, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Return the asset that says what pay plans would pay for."""

    @dg.asset(
        **_found(
            days,
            "payout_simulations",
            source="int_payouts__input",
            others=[["registry", "registers"]],
            domain="performance",
            sensitivity="confidential",
        )
    )
    def _payout_simulations(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        """How much of the pay is luck: one row per plan, window and whether readings are drawn in.

        Read by `fct_payout_simulations`, so that a plan is tried before anybody is paid by it.
        """
        findings = find(
            warehouse,
            ("intermediate.int_payouts__input", "registry.pay_plan_items"),
            "statistics.payout_simulations",
            lambda *tables: Findings(simulate_plans(*tables)),
        )
        if findings is None:
            return dg.MaterializeResult(metadata={"unchanged": True})
        rows = findings.rows
        return dg.MaterializeResult(
            metadata={
                "found": len(rows),
                "dagster/column_schema": column_schema(rows.dtypes.astype(str).to_dict()),
                "refused": int(rows["refusal"].notna().sum()),
            }
        )

    return _payout_simulations


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
