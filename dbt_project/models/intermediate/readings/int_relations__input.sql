{{ config(materialized='view') }}
-- Grain: one row per KPI and final week of the whole company.
-- What relations between KPIs are looked for in: ratios of the sums of all sites, from weekly
-- readings or, where the KPI has none, from daily ones. A KPI's first week is left out, as it is
-- hardly ever whole. KPIs of months alone have too few periods for a relation and are not here.
with

readings as (

    select
        kpi_id,
        period_kind,
        cast(date_trunc('week', period_start_date) as date) as week_start_date,
        numerator,
        denominator,
        finality
    from {{ ref('fct_kpi_readings') }}
    where
        entity_kind = 'site'
        and period_kind in ('day', 'week')
        and computed_value is not null
        and denominator is not null
        and trust_state <> 'blocked_input'

),

kpis as (

    select
        kpi_id,
        domain,
        timing,
        direction
    from {{ source('registry', 'kpis') }}

),

weeks as (

    select
        kpi_id,
        period_kind,
        week_start_date,
        sum(numerator) as numerator,
        sum(denominator) as denominator,
        max(case when finality = 'provisional' then 1 else 0 end) as is_provisional,
        row_number() over (partition by kpi_id, period_kind order by week_start_date) as week_no,
        -- Weekly readings of a KPI come before its daily ones.
        dense_rank() over (partition by kpi_id order by period_kind desc) as source_no
    from readings
    group by kpi_id, period_kind, week_start_date

)

select
    weeks.kpi_id,
    weeks.week_start_date,
    cast(weeks.numerator as double) / cast(weeks.denominator as double) as week_value,
    kpis.domain,
    kpis.timing,
    kpis.direction
from weeks
inner join kpis on weeks.kpi_id = kpis.kpi_id
where
    weeks.source_no = 1
    and weeks.week_no > 1
    and weeks.is_provisional = 0
    and weeks.denominator > 0
