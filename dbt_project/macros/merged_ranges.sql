{#-
    Ranges of production days that a run replaces, from rows of `ops.touched`: a day wider on either
    side, within what is or was known, and merged where they meet.
-#}
{% macro merged_ranges(touched) -%}
with

parameters as (

    select
        last_production_date,
        previous_first_date
    from {{ ref('int_run__parameters') }}

),

first_days as (

    select min(calendar_date) as first_date
    from {{ ref('dim_days') }}

),

-- Days before the first one that is or was known are none.
bounds as (

    select
        parameters.last_production_date,
        parameters.previous_first_date,
        first_days.first_date,
        least(first_days.first_date, parameters.previous_first_date) as earliest_date
    from parameters
    cross join first_days

),

named as (

    select
        from_date,
        to_date
    from {{ touched }}

    union all

    -- A delivery may bring an earlier first day, or take it back: all days between are new or gone.
    select
        earliest_date as from_date,
        greatest(first_date, previous_first_date) as to_date
    from bounds
    where first_date <> previous_first_date

),

touched as (

    select
        greatest({{ add_days('named.from_date', -1) }}, bounds.earliest_date) as from_date,
        least({{ add_days('named.to_date', 1) }}, bounds.last_production_date) as to_date
    from named
    cross join bounds

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
    where from_date <= to_date

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
{%- endmacro %}
