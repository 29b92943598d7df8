-- Grain: one row per site's published monthly reading and declared driver of its KPI.
-- The figure as it is, and as it would be in usual surroundings. Only a driver that is declared
-- exogenous and whose effect is told from nil is taken out; the others are a sensitivity. What
-- stands from an earlier snapshot (locked, withheld) is not adjusted by newer figures. By
-- orchestration/governance/adjustments.py.
with

published as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date
    from {{ ref('fct_published_readings') }}
    where not is_locked and not is_withheld

),

adjusted as (

    -- Where nothing is declared the columns have no type of their own.
    select
        cast(kpi_id as varchar) as kpi_id,
        cast(entity_kind as varchar) as entity_kind,
        cast(entity_id as varchar) as entity_id,
        cast(period_kind as varchar) as period_kind,
        cast(period_start_date as date) as period_start_date,
        cast(factor_id as varchar) as factor_id,
        cast(role_code as varchar) as role_code,
        cast(lag_months as bigint) as lag_months,
        cast(coefficient as double) as coefficient,
        cast(low_coefficient as double) as low_coefficient,
        cast(high_coefficient as double) as high_coefficient,
        cast(raw_value as double) as raw_value,
        cast(effect_value as double) as effect_value,
        cast(without_value as double) as without_value,
        cast(low_without_value as double) as low_without_value,
        cast(high_without_value as double) as high_without_value,
        cast(adjusted_value as double) as adjusted_value,
        cast(low_adjusted_value as double) as low_adjusted_value,
        cast(high_adjusted_value as double) as high_adjusted_value,
        cast(reading_count as bigint) as reading_count,
        cast(site_count as bigint) as site_count,
        cast(estimated_to_date as date) as estimated_to_date,
        cast(model_version as varchar) as model_version,
        cast(verdict as varchar) as verdict,
        cast(refusal as varchar) as refusal
    from {{ source('statistics', 'adjusted_readings') }}

)

select
    adjusted.kpi_id,
    adjusted.entity_kind,
    adjusted.entity_id,
    adjusted.period_kind,
    adjusted.period_start_date,
    adjusted.factor_id,
    adjusted.role_code,
    adjusted.lag_months,
    adjusted.coefficient,
    adjusted.low_coefficient,
    adjusted.high_coefficient,
    adjusted.raw_value,
    adjusted.effect_value,
    adjusted.without_value,
    adjusted.low_without_value,
    adjusted.high_without_value,
    adjusted.adjusted_value,
    adjusted.low_adjusted_value,
    adjusted.high_adjusted_value,
    adjusted.reading_count,
    adjusted.site_count,
    adjusted.estimated_to_date,
    adjusted.model_version,
    adjusted.verdict,
    adjusted.refusal
from adjusted
inner join published
    on
        adjusted.kpi_id = published.kpi_id
        and adjusted.entity_kind = published.entity_kind
        and adjusted.entity_id = published.entity_id
        and adjusted.period_kind = published.period_kind
        and adjusted.period_start_date = published.period_start_date
