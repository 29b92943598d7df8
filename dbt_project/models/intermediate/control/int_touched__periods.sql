-- Grain: one row per period (kind and first day) that holds a touched production day.
select distinct
    periods.period_kind,
    periods.period_start_date
from {{ ref('dim_periods') }} as periods
inner join {{ ref('int_touched__days') }} as touched_days
    on
        periods.period_start_date <= touched_days.production_date
        and periods.period_end_date >= touched_days.production_date
