-- Grain: one row per production day for which this run replaces what machines did.
-- Not only days of `dim_days`: what was known of a day that is gone must go too.
with

ranges as (

    select
        from_date,
        to_date
    from {{ ref('int_touched__machine_ranges') }}

),

days as (

    {{ days_between('from_date', 'to_date') }}
    from ranges

)

select calendar_date as production_date
from days
