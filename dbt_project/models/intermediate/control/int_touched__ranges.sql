-- Grain: one row per range of production days that this run replaces; ranges do not meet.
-- Changed rows name their days through their contract. What time alone changes (a closing latency
-- window, an open state) lies after the previous as-of less the longest latency, a range that
-- `ops.touched` always holds.
with

parameters as (

    select last_production_date
    from {{ ref('int_run__parameters') }}

),

touched as (

    select
        coalesce(touched_ranges.from_date, cast('0001-01-01' as date)) as from_date,
        least(
            coalesce(touched_ranges.to_date, parameters.last_production_date),
            parameters.last_production_date
        ) as to_date
    from {{ source('ops', 'touched') }} as touched_ranges
    cross join parameters
    where
        touched_ranges.from_date is null
        or touched_ranges.from_date <= parameters.last_production_date

),

marked as (

    select
        from_date,
        to_date,
        coalesce(
            max(to_date) over (
                order by from_date, to_date rows between unbounded preceding and 1 preceding
            ) >= {{ add_days('from_date', -1) }},
            false
        ) as is_joined
    from touched

),

numbered as (

    select
        from_date,
        to_date,
        sum(case when is_joined then 0 else 1 end) over (
            order by from_date, to_date rows between unbounded preceding and current row
        ) as range_no
    from marked

)

select
    range_no,
    min(from_date) as from_date,
    max(to_date) as to_date
from numbered
group by range_no
