-- Grain: one row per control chart of weeks, months or quarters: its newest phase.
-- Whether the chart that the register declares fits what the data are, with its reason, and how
-- many of its flags chance alone would make. Computed by orchestration/governance/chart_review.py.
-- A KPI whose present logic is not approved has none.
with

reviewed as (

    -- Where nothing is found the columns have no type of their own.
    select
        cast(kpi_id as varchar) as kpi_id,
        cast(entity_kind as varchar) as entity_kind,
        cast(entity_id as varchar) as entity_id,
        cast(period_kind as varchar) as period_kind,
        cast(phase_start_date as date) as phase_start_date,
        cast(phase_act_seq as bigint) as phase_act_seq,
        cast(rule_set as varchar) as rule_set,
        cast(declared_chart as varchar) as declared_chart,
        cast(advised_chart as varchar) as advised_chart,
        cast(choice_reason as varchar) as choice_reason,
        cast(n as bigint) as n,
        cast(zero_share as double) as zero_share,
        cast(expected_count as double) as expected_count,
        cast(dispersion as double) as dispersion,
        cast(dispersion_low as double) as dispersion_low,
        cast(dispersion_high as double) as dispersion_high,
        cast(autocorrelation as double) as autocorrelation,
        cast(is_charted as boolean) as is_charted,
        cast(judged_count as bigint) as judged_count,
        cast(flag_count as bigint) as flag_count,
        cast(chance_flag_count as double) as chance_flag_count,
        cast(residual_flag_count as bigint) as residual_flag_count,
        cast(baseline_from_date as date) as baseline_from_date,
        cast(baseline_to_date as date) as baseline_to_date,
        cast(is_window_declared as boolean) as is_window_declared,
        cast(baseline_flag_count as bigint) as baseline_flag_count,
        cast(baseline_hash as varchar) as baseline_hash,
        cast(newest_period_start_date as date) as newest_period_start_date,
        cast(signal_rules as integer) as signal_rules,
        cast(signal_rule as varchar) as signal_rule,
        cast(signal_side as bigint) as signal_side,
        cast(run_count as bigint) as run_count,
        cast(p_value as double) as p_value,
        cast(adjusted_p_value as double) as adjusted_p_value,
        cast(signal_rank as bigint) as signal_rank
    from {{ source('statistics', 'chart_review') }}

),

published as (

    select kpi_id
    from {{ ref('kpi_publication') }}
    where is_published and not is_withheld and left_out_from_date is null

)

select
    reviewed.kpi_id,
    reviewed.entity_kind,
    reviewed.entity_id,
    reviewed.period_kind,
    reviewed.phase_start_date,
    reviewed.phase_act_seq,
    reviewed.rule_set,
    reviewed.declared_chart,
    reviewed.advised_chart,
    reviewed.choice_reason,
    reviewed.n,
    reviewed.zero_share,
    reviewed.expected_count,
    reviewed.dispersion,
    reviewed.dispersion_low,
    reviewed.dispersion_high,
    reviewed.autocorrelation,
    reviewed.is_charted,
    reviewed.judged_count,
    reviewed.flag_count,
    reviewed.chance_flag_count,
    reviewed.residual_flag_count,
    reviewed.baseline_from_date,
    reviewed.baseline_to_date,
    reviewed.is_window_declared,
    reviewed.baseline_flag_count,
    reviewed.baseline_hash,
    reviewed.newest_period_start_date,
    reviewed.signal_rules,
    reviewed.signal_rule,
    reviewed.signal_side,
    reviewed.run_count,
    reviewed.p_value,
    reviewed.adjusted_p_value,
    reviewed.signal_rank
from reviewed
inner join published on reviewed.kpi_id = published.kpi_id
