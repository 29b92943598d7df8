-- Grain: one row per production day from the first that has figures to the last complete one.
-- The company file may name the first; else it is the first of operations, not of people, whose
-- histories reach back for decades.
with

parameters as (

    select last_production_date
    from {{ ref('int_run__parameters') }}

),

first_days as (

    select min(production_date) as first_day from {{ ref('stg_mes__shift_calendar') }}
    union all
    select min(due_date) as first_day from {{ ref('stg_erp__production_orders') }}
    union all
    select min(posting_date) as first_day from {{ ref('stg_erp__goods_receipts') }}
    union all
    select min(period_start_date) as first_day from {{ ref('stg_ehs__hours_worked') }}
    union all
    select min(period_start_date) as first_day from {{ ref('stg_leadership__plans') }}

),

declared as (

    select figures_from_date
    from {{ source('registry', 'enterprise') }}

),

bounds as (

    select
        parameters.last_production_date,
        coalesce(
            {{ period_start('month', 'declared.figures_from_date') }},
            {{ period_start('month', 'min(first_days.first_day)') }},
            parameters.last_production_date
        ) as first_date
    from parameters
    cross join declared
    cross join first_days
    group by parameters.last_production_date, declared.figures_from_date

),

days as (

    {{ days_between('first_date', 'last_production_date') }}
    from bounds

)

select
    calendar_date,
    {{ period_start('week', 'calendar_date') }} as week_start_date,
    {{ period_start('month', 'calendar_date') }} as month_start_date,
    {{ period_start('quarter', 'calendar_date') }} as quarter_start_date,
    {{ period_start('year', 'calendar_date') }} as year_start_date
from days
