-- Grain: one row per touched range of machine days within a quarter; ranges share no day.
-- A history of years is replaced quarter by quarter, so that what is sorted fits into memory.
with

days as (

    {{ days_between(
        'from_date', 'to_date'
    ) }},
    range_no
    from {{ ref('int_touched__machine_ranges') }}

),

quarters as (

    select
        min(calendar_date) as from_date,
        max(calendar_date) as to_date
    from days
    group by range_no, {{ period_start('quarter', 'calendar_date') }}

)

select
    row_number() over (order by from_date) as range_no,
    from_date,
    to_date
from quarters
