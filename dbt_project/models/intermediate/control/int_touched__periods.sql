-- Grain: one row per period (kind and first day) that holds a touched production day.
with

days as (

    select production_date
    from {{ ref('int_touched__days') }}

    union all

    select production_date
    from {{ ref('int_touched__gaps') }}

)

select distinct
    'day' as period_kind,
    {{ period_start('day', 'production_date') }} as period_start_date
from days

union all

select distinct
    'week' as period_kind,
    {{ period_start('week', 'production_date') }} as period_start_date
from days

union all

select distinct
    'month' as period_kind,
    {{ period_start('month', 'production_date') }} as period_start_date
from days

union all

select distinct
    'quarter' as period_kind,
    {{ period_start('quarter', 'production_date') }} as period_start_date
from days

union all

select distinct
    'year' as period_kind,
    {{ period_start('year', 'production_date') }} as period_start_date
from days
