{{ config(materialized='view') }}
-- Grain: one row per control chart whose newest reading is a signal, and no other chart.
-- Ranked by how unlikely chance is, limits being estimated: an order in which to look, no verdict.
select
    kpi_id,
    entity_kind,
    entity_id,
    period_kind,
    phase_start_date,
    phase_act_seq,
    declared_chart,
    rule_set,
    newest_period_start_date,
    signal_rules,
    signal_rule,
    signal_side,
    run_count,
    p_value,
    adjusted_p_value,
    signal_rank
from {{ ref('fct_chart_review') }}
where signal_rule is not null
