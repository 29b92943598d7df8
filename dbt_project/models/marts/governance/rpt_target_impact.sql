-- Grain: one row per asked or changed target and entity that it is for.
-- What whoever decides should see first: the same months and the same future under the levels that
-- held and those that are asked for. Computed by orchestration/governance/target_impact.py. A KPI
-- whose present logic is not approved has none.
with

impact as (

    -- Where nothing is asked the columns have no type of their own.
    select
        cast(act_seq as bigint) as act_seq,
        cast(act_type as varchar) as act_type,
        cast(state_code as varchar) as state_code,
        cast(kpi_id as varchar) as kpi_id,
        cast(org_unit_id as varchar) as org_unit_id,
        cast(period_label as varchar) as period_label,
        cast(entity_kind as varchar) as entity_kind,
        cast(entity_id as varchar) as entity_id,
        cast(old_levels_code as varchar) as old_levels_code,
        cast(old_threshold_level as double) as old_threshold_level,
        cast(old_target_level as double) as old_target_level,
        cast(old_stretch_level as double) as old_stretch_level,
        cast(new_threshold_level as double) as new_threshold_level,
        cast(new_target_level as double) as new_target_level,
        cast(new_stretch_level as double) as new_stretch_level,
        cast(last_month_date as date) as last_month_date,
        cast(month_count as bigint) as month_count,
        cast(old_met_count as bigint) as old_met_count,
        cast(old_mean_score as double) as old_mean_score,
        cast(new_met_count as bigint) as new_met_count,
        cast(new_mean_score as double) as new_mean_score,
        cast(forecast_method as varchar) as forecast_method,
        cast(months_to_come as bigint) as months_to_come,
        cast(old_expected_score as double) as old_expected_score,
        cast(old_odds_next_month as double) as old_odds_next_month,
        cast(old_odds_rest_of_period as double) as old_odds_rest_of_period,
        cast(new_expected_score as double) as new_expected_score,
        cast(new_odds_next_month as double) as new_odds_next_month,
        cast(new_odds_rest_of_period as double) as new_odds_rest_of_period,
        cast(refusal as varchar) as refusal
    from {{ source('statistics', 'target_impact') }}

),

published as (

    select kpi_id
    from {{ ref('kpi_publication') }}
    where is_published and not is_withheld and left_out_from_date is null

)

select
    impact.act_seq,
    impact.act_type,
    impact.state_code,
    impact.kpi_id,
    impact.org_unit_id,
    impact.period_label,
    impact.entity_kind,
    impact.entity_id,
    impact.old_levels_code,
    impact.old_threshold_level,
    impact.old_target_level,
    impact.old_stretch_level,
    impact.new_threshold_level,
    impact.new_target_level,
    impact.new_stretch_level,
    impact.last_month_date,
    impact.month_count,
    impact.old_met_count,
    impact.old_mean_score,
    impact.new_met_count,
    impact.new_mean_score,
    impact.forecast_method,
    impact.months_to_come,
    impact.old_expected_score,
    impact.old_odds_next_month,
    impact.old_odds_rest_of_period,
    impact.new_expected_score,
    impact.new_odds_next_month,
    impact.new_odds_rest_of_period,
    impact.refusal
from impact
inner join published on impact.kpi_id = published.kpi_id
