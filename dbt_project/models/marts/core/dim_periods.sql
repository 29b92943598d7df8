-- Grain: one row per period kind and period that has begun.
-- The label is what a person writes for it (2026, 2026-Q3, 2026-10, 2026-10-31), so that a target
-- agreed "for 2026" finds its months.
with

days as (

    select
        calendar_date,
        week_start_date,
        month_start_date,
        quarter_start_date,
        year_start_date
    from {{ ref('dim_days') }}

),

parameters as (

    select last_production_date
    from {{ ref('int_run__parameters') }}

),

periods as (

    select distinct
        'day' as period_kind,
        calendar_date as period_start_date,
        calendar_date as period_end_date
    from days
    union all
    select distinct
        'week' as period_kind,
        week_start_date as period_start_date,
        {{ period_end('week', 'week_start_date') }} as period_end_date
    from days
    union all
    select distinct
        'month' as period_kind,
        month_start_date as period_start_date,
        {{ period_end('month', 'month_start_date') }} as period_end_date
    from days
    union all
    select distinct
        'quarter' as period_kind,
        quarter_start_date as period_start_date,
        {{ period_end('quarter', 'quarter_start_date') }} as period_end_date
    from days
    union all
    select distinct
        'year' as period_kind,
        year_start_date as period_start_date,
        {{ period_end('year', 'year_start_date') }} as period_end_date
    from days

)

select
    periods.period_kind,
    periods.period_start_date,
    periods.period_end_date,
    least(periods.period_end_date, parameters.last_production_date) as elapsed_end_date,
    {{ days_of_interval(
        'periods.period_start_date',
        'least(periods.period_end_date, parameters.last_production_date)'
    ) }} as elapsed_days,
    {{ period_label('periods.period_kind', 'periods.period_start_date') }} as period_label
from periods
cross join parameters
