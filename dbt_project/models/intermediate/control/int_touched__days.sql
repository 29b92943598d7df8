-- Grain: one row per production day that this run replaces.
with

ranges as (

    select
        from_date,
        to_date
    from {{ ref('int_touched__ranges') }}

),

all_days as (

    select calendar_date
    from {{ ref('dim_days') }}

)

select all_days.calendar_date as production_date
from all_days
inner join ranges
    on
        all_days.calendar_date >= ranges.from_date
        and all_days.calendar_date <= ranges.to_date
