"""Puts the validated registers of a company into its warehouse, where dbt reads them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from orchestration.ingest.delivery_log import contract_hash, relation_hash
from orchestration.ingest.sql import quote_identifier
from orchestration.registry.load import register_tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from orchestration.contracts.model import Company
    from orchestration.ledger.definitions import ActTypes
    from orchestration.registry.load import Registers
    from orchestration.registry.logic import Logic

# Column types, so that an empty register is still the table that the models expect.
_TYPES: dict[str, dict[str, str]] = {
    "kpis": {
        "kpi_id": "VARCHAR",
        "kpi_name": "VARCHAR",
        "question": "VARCHAR",
        "definition": "VARCHAR",
        "unit": "VARCHAR",
        "multiplier": "DECIMAL(18,6)",
        "decimals": "BIGINT",
        "direction": "VARCHAR",
        "timing": "VARCHAR",
        "domain": "VARCHAR",
        "owner": "VARCHAR",
        "steward": "VARCHAR",
        "sensitivity": "VARCHAR",
        "has_consequences": "BOOLEAN",
        "consequences_from_date": "DATE",
        "factor_count": "BIGINT",
        "has_denominator": "BOOLEAN",
        "has_trials": "BOOLEAN",
        "absent_numerator_is_zero": "BOOLEAN",
        "absent_denominator_is_zero": "BOOLEAN",
        "minimum_denominator": "DECIMAL(18,6)",
        "not_computable_reason": "VARCHAR",
        "chart_kind": "VARCHAR",
        "when_rare": "VARCHAR",
        "rule_set": "VARCHAR",
        "baseline_readings": "BIGINT",
        "baseline_from_date": "DATE",
        "baseline_to_date": "DATE",
        "when_not_in_control": "VARCHAR",
        "floor_level": "DECIMAL(18,6)",
        "threshold_level": "DECIMAL(18,6)",
        "target_level": "DECIMAL(18,6)",
        "stretch_level": "DECIMAL(18,6)",
        "definition_version": "BIGINT",
        "definition_hash": "VARCHAR",
    },
    "kpi_terms": {
        "kpi_id": "VARCHAR",
        "factor": "BIGINT",
        "role": "VARCHAR",
        "measure_id": "VARCHAR",
        "constant": "DECIMAL(18,6)",
        "coefficient": "DECIMAL(18,6)",
    },
    "kpi_grains": {"kpi_id": "VARCHAR", "entity_kind": "VARCHAR", "period_kind": "VARCHAR"},
    "kpi_counters": {"kpi_id": "VARCHAR", "counter_kpi_id": "VARCHAR"},
    "measures": {
        "measure_id": "VARCHAR",
        "description": "VARCHAR",
        "unit": "VARCHAR",
        "entity_kind": "VARCHAR",
        "period_kind": "VARCHAR",
        "over_time": "VARCHAR",
        "distribution": "VARCHAR",
    },
    "measure_feeds": {"measure_id": "VARCHAR", "feed": "VARCHAR", "latency_days": "BIGINT"},
    "notices": {"remind_after_days": "BIGINT"},
    "quiz": {"pass_mark": "DECIMAL(9,3)", "least_people": "BIGINT"},
    "alarm_budgets": {
        "audience": "VARCHAR",
        "title": "VARCHAR",
        "kpi_id": "VARCHAR",
        "entity_kind": "VARCHAR",
        "period_kind": "VARCHAR",
        "false_alarms_per_month": "DECIMAL(18,6)",
    },
    "kpi_review": {
        "months_without_reading": "BIGINT",
        "months_unchanged": "BIGINT",
        "days_without_use": "BIGINT",
        "months_between_reviews": "BIGINT",
        "reasons_needed": "BIGINT",
    },
    "rating_policy": {"least_ratees": "BIGINT", "outlier_residual": "DECIMAL(9,3)"},
    "goal_policy": {
        "least_odds": "DECIMAL(9,6)",
        "window_months": "BIGINT",
        "baseline_months": "BIGINT",
        "least_ratio": "DECIMAL(9,3)",
        "alpha": "DECIMAL(9,6)",
        "lasts_months": "BIGINT",
    },
    "capacity_bounds": {
        "kpi_id": "VARCHAR",
        "org_unit_id": "VARCHAR",
        "bound_level": "DECIMAL(18,6)",
        "reason": "VARCHAR",
    },
    "benchmarks": {
        "benchmark_id": "VARCHAR",
        "kpi_id": "VARCHAR",
        "title": "VARCHAR",
        "source_name": "VARCHAR",
        "published_on_date": "DATE",
        "period_end_date": "DATE",
        "unit_count": "BIGINT",
        "definition_share": "DECIMAL(9,6)",
        "per_doubling": "DECIMAL(18,6)",
        "industry_code": "VARCHAR",
        "process_code": "VARCHAR",
        "region_code": "VARCHAR",
        "employee_count": "BIGINT",
        **{f"p{share}_level": "DECIMAL(18,6)" for share in (10, 25, 50, 75, 90)},
    },
    "benchmark_policy": {
        **{f"{name}_weight": "DECIMAL(9,6)" for name in ("industry", "process", "region", "size")},
        "size_scale": "DECIMAL(9,3)",
        "least_score": "DECIMAL(9,6)",
        "years_valid": "BIGINT",
        "least_units": "BIGINT",
    },
    "unit_profiles": {
        "site_id": "VARCHAR",
        "industry_code": "VARCHAR",
        "process_code": "VARCHAR",
        "region_code": "VARCHAR",
        "employee_count": "BIGINT",
    },
    "feedback_groups": {
        "relationship_code": "VARCHAR",
        "weight": "DECIMAL(9,6)",
        "least_raters": "BIGINT",
        "least_ratees": "BIGINT",
        "least_weight": "DECIMAL(9,6)",
    },
    "scorecard_templates": {
        "template_id": "VARCHAR",
        "template_version": "BIGINT",
        "title": "VARCHAR",
        "subject_kind": "VARCHAR",
        "period_kind": "VARCHAR",
        "valid_from": "DATE",
        "valid_to": "DATE",
        "template_hash": "VARCHAR",
    },
    "scorecard_items": {
        "template_id": "VARCHAR",
        "template_version": "BIGINT",
        "position": "BIGINT",
        "kpi_id": "VARCHAR",
        "weight": "DECIMAL(9,6)",
    },
    "audit_attributes": {
        "audit_id": "VARCHAR",
        "attribute_name": "VARCHAR",
        "reference_group_code": "VARCHAR",
        "favourable_points": "DECIMAL(9,3)",
        "ratio_cut": "DECIMAL(9,6)",
        "alpha": "DECIMAL(9,6)",
        "least_members": "BIGINT",
        "site_role": "VARCHAR",
        "level_role": "VARCHAR",
    },
    "trials": {
        "trial_id": "VARCHAR",
        "title": "VARCHAR",
        "question": "VARCHAR",
        "kpi_id": "VARCHAR",
        "decided_on_date": "DATE",
        "smallest_effect": "DECIMAL(18,6)",
        "decision": "VARCHAR",
        "least_fidelity": "DECIMAL(9,6)",
    },
    "trial_lines": {"trial_id": "VARCHAR", "line_id": "VARCHAR", "starts_on_date": "DATE"},
    "trial_steps": {
        "trial_id": "VARCHAR",
        "line_id": "VARCHAR",
        "step_id": "VARCHAR",
        "title": "VARCHAR",
        "due_date": "DATE",
    },
    "kpi_drivers": {
        "kpi_id": "VARCHAR",
        "factor_id": "VARCHAR",
        "role_code": "VARCHAR",
        "lag_months": "BIGINT",
    },
    "pay_plan_items": {
        "plan_id": "VARCHAR",
        "plan_version": "BIGINT",
        "title": "VARCHAR",
        "subject_kind": "VARCHAR",
        "cap": "DECIMAL(18,6)",
        "leverage": "DECIMAL(18,6)",
        "kpi_id": "VARCHAR",
        "is_gate": "BOOLEAN",
        "weight": "DECIMAL(9,6)",
        "pay_at_threshold": "DECIMAL(18,6)",
        "pay_at_target": "DECIMAL(18,6)",
        "pay_at_stretch": "DECIMAL(18,6)",
    },
    "kpi_leads": {"leading_kpi_id": "VARCHAR", "lagging_kpi_id": "VARCHAR"},
    "card_balance": {
        "least_leading_weight": "DECIMAL(9,6)",
        "least_lagging_weight": "DECIMAL(9,6)",
    },
    "gaming_checks": {
        "check_id": "VARCHAR",
        "check_kind": "VARCHAR",
        "event_source": "VARCHAR",
        "subject_id": "VARCHAR",
        "level_name": "VARCHAR",
        "step": "DECIMAL(18,6)",
        "round_every": "BIGINT",
        "late_days": "BIGINT",
    },
    "gaming_check_plans": {"check_id": "VARCHAR", "plan_id": "VARCHAR"},
    "spot_checks": {
        "kpi_id": "VARCHAR",
        "entity_kind": "VARCHAR",
        "period_kind": "VARCHAR",
        "per_site_and_month": "BIGINT",
        "tolerance": "DECIMAL(18,6)",
        "second_source": "VARCHAR",
        "seed": "BIGINT",
    },
    "act_types": {
        "act_type": "VARCHAR",
        "register_code": "VARCHAR",
        "title": "VARCHAR",
        "right_name": "VARCHAR",
        "state_code": "VARCHAR",
        "is_end": "BOOLEAN",
        "replaces_pending": "BOOLEAN",
        "definition_hash": "VARCHAR",
    },
    "act_notify": {
        "act_type": "VARCHAR",
        "who_code": "VARCHAR",
        "needs_acknowledgement": "BOOLEAN",
    },
    "act_consents": {
        "act_type": "VARCHAR",
        "position": "BIGINT",
        "right_name": "VARCHAR",
        "person_field": "VARCHAR",
        "consents_needed": "BIGINT",
        "applies_when": "VARCHAR",
    },
    "feeds": {
        "feed": "VARCHAR",
        "source_system": "VARCHAR",
        "domain": "VARCHAR",
        "cadence": "VARCHAR",
        "latency_days": "BIGINT",
        "may_be_empty": "BOOLEAN",
        "moves_readings": "BOOLEAN",
        "is_whole_each_time": "BOOLEAN",
        "owner": "VARCHAR",
        "steward": "VARCHAR",
        "sensitivity": "VARCHAR",
        "runbook": "VARCHAR",
    },
    "sites": {
        "site_id": "VARCHAR",
        "site_name": "VARCHAR",
        "time_zone": "VARCHAR",
        "country_code": "VARCHAR",
        "enterprise_id": "VARCHAR",
    },
    "enterprise": {
        "enterprise_id": "VARCHAR",
        "enterprise_name": "VARCHAR",
        "figures_from_date": "DATE",
    },
}


def all_tables(
    company: Company, registers: Registers, act_types: ActTypes
) -> dict[str, list[dict[str, Any]]]:
    """Return every register table of a company: its KPIs, its acts, its feeds and its sites."""
    latency = {feed: contract.delivery.latency_days for feed, contract in company.canonical.items()}
    enterprise = company.facts.enterprise
    acknowledged = act_types.acknowledged()
    return register_tables(registers, latency) | {
        "act_types": [
            {
                "act_type": act.type,
                "register_code": act.register_name,
                "title": act.title,
                "right_name": act.right,
                "state_code": act.to_state,
                "is_end": act.ends,
                "replaces_pending": act.replaces_pending,
                "definition_hash": act_types.hash_of(act.type),
            }
            for act in act_types
        ],
        "act_notify": [
            {
                "act_type": act.type,
                "who_code": who,
                "needs_acknowledgement": act.type in acknowledged,
            }
            for act in act_types
            for who in act.notify
        ],
        "act_consents": [
            {
                "act_type": act.type,
                "position": position,
                "right_name": consent.right,
                "person_field": consent.person,
                "consents_needed": consent.count,
                "applies_when": consent.when,
            }
            for act in act_types
            for position, consent in enumerate(act.consents, start=1)
        ],
        "feeds": [
            {
                "feed": feed,
                "source_system": company.feeds[feed].source_system
                if feed in company.feeds
                else None,
                "domain": contract.domain,
                "cadence": contract.delivery.cadence,
                "latency_days": contract.delivery.latency_days,
                "may_be_empty": contract.delivery.may_be_empty,
                "moves_readings": contract.touches != "nothing",
                "is_whole_each_time": contract.delivery.mode == "snapshot"
                and not contract.delivery.scope,
                "owner": contract.owner,
                "steward": contract.steward,
                "sensitivity": contract.sensitivity,
                "runbook": contract.runbook,
            }
            for feed, contract in sorted(company.canonical.items())
        ],
        "sites": [
            {
                "site_id": code,
                "site_name": site.name,
                "time_zone": site.zone,
                "country_code": site.country,
                "enterprise_id": enterprise.id,
            }
            for code, site in sorted(company.facts.sites.items())
        ],
        "enterprise": [
            {
                "enterprise_id": enterprise.id,
                "enterprise_name": enterprise.name,
                "figures_from_date": company.facts.figures_from,
            }
        ],
    }


def registers_hash(company: Company, registers: Registers, act_types: ActTypes) -> str:
    """Return the sha256 of all register tables."""
    tables = all_tables(company, registers, act_types)
    return hashlib.sha256(json.dumps(tables, sort_keys=True, default=str).encode()).hexdigest()


def definition_hash(
    company: Company, registers: Registers, act_types: ActTypes, models_fingerprint: str
) -> str:
    """Return the sha256 over everything declared: contracts, registers and models.

    When it changes, figures may change without any delivery, so a run builds everything anew.
    """
    contracts = [
        (name, relation_hash(feed), [contract_hash(form.contract) for form in feed.forms])
        for name, feed in sorted(company.feeds.items())
    ]
    parts = [
        registers_hash(company, registers, act_types),
        models_fingerprint,
        json.dumps(contracts),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def store_registers(
    con: duckdb.DuckDBPyConnection, company: Company, registers: Registers, act_types: ActTypes
) -> dict[str, int]:
    """Replace the tables of schema `registry` in one transaction.

    Returns
    -------
    dict of str to int
        Rows per table.
    """
    tables = all_tables(company, registers, act_types)
    con.begin()
    con.execute("create schema if not exists registry")
    for name, columns in _TYPES.items():
        relation = f"registry.{quote_identifier(name)}"
        declared = ", ".join(
            f"{quote_identifier(column)} {kind}" for column, kind in columns.items()
        )
        con.execute(f"create or replace table {relation} ({declared})")
        rows = [[row.get(column) for column in columns] for row in tables[name]]
        if rows:
            marks = ", ".join("?" * len(columns))
            con.executemany(f"insert into {relation} values ({marks})", rows)
    con.commit()
    return {name: len(tables[name]) for name in _TYPES}


def store_logics(con: duckdb.DuckDBPyConnection, logics: Mapping[str, Logic]) -> None:
    """Replace `registry.kpi_logic`: the hash of what each KPI's figures rest on, a row per KPI."""
    con.begin()
    con.execute("create schema if not exists registry")
    con.execute(
        "create or replace table registry.kpi_logic "
        "(kpi_id varchar not null, logic_hash varchar not null)"
    )
    if logics:
        con.executemany(
            "insert into registry.kpi_logic values (?, ?)",
            [[kpi, logic.hash] for kpi, logic in sorted(logics.items())],
        )
    con.commit()
