{{ config(materialized='view') }}
-- Grain: one row per reading of a site or line over a month, quarter or year that counts something.
-- Shares of trials and counts by exposure can be compared among units: how much chance does to them
-- follows from how many there are. Means and times have no such measure within one period. What is
-- blocked or overridden is no peer.
with

readings as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        numerator,
        denominator
    from {{ ref('fct_kpi_readings') }}
    where
        entity_kind in ('site', 'line')
        and period_kind in ('month', 'quarter', 'year')
        and reading_value is not null
        and trust_state not in ('blocked_input', 'overridden')

),

kpis as (

    select
        kpi_id,
        chart_kind,
        multiplier,
        direction
    from {{ source('registry', 'kpis') }}
    -- Of a KPI without a better side nobody is better than others.
    where
        chart_kind in ('p', 'laney_p', 'u', 'laney_u')
        and direction in ('higher', 'lower')

)

select
    readings.kpi_id,
    readings.entity_kind,
    readings.entity_id,
    readings.period_kind,
    readings.period_start_date,
    cast(readings.numerator as double) as numerator,
    cast(readings.denominator as double) as denominator,
    kpis.chart_kind,
    cast(kpis.multiplier as double) as multiplier,
    kpis.direction
from readings
inner join kpis on readings.kpi_id = kpis.kpi_id
