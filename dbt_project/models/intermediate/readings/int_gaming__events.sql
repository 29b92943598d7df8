{{ config(materialized='view') }}
-- Grain: one row per value, month or group that a check of gaming looks at.
-- Declared here is where a figure could be steered: KPIs on a scorecard at the levels in force
-- (daily readings of lines over the last year, turned so that above 0 is the good side), times to
-- restoration in written minutes, work finished in the last days of months, costs that somebody
-- enters, tickets that are closed and opened again. No person is in it: whoever closed tickets is
-- a number, and no result is given by it.
with

run as (

    select
        {{ add_days('as_of_date', -365) }} as since_date,
        {{ period_start('month', 'as_of_date') }} as this_month_date
    from {{ ref('int_run__parameters') }}

),

scored_kpis as (

    select distinct kpi_id
    from {{ source('registry', 'scorecard_items') }}

),

lines as (

    select
        entity_id,
        site_id
    from {{ ref('dim_entities') }}
    where entity_kind = 'line' and valid_to = {{ open_end() }}

),

readings as (

    select
        judged.kpi_id,
        lines.site_id,
        judged.computed_value,
        judged.target_level,
        judged.threshold_level,
        case when judged.direction = 'higher' then 1.0 else -1.0 end as good_side
    from {{ ref('int_judgements__input') }} as judged
    inner join scored_kpis on judged.kpi_id = scored_kpis.kpi_id
    inner join lines on judged.entity_id = lines.entity_id
    cross join run
    where
        judged.entity_kind = 'line'
        and judged.period_kind = 'day'
        and judged.direction in ('higher', 'lower')
        and judged.computed_value is not null
        and judged.period_start_date >= run.since_date

),

finished as (

    select
        'KPI034' as subject_id,
        site_id,
        finished_date
    from {{ ref('fct_maintenance_orders') }}
    where finished_date is not null

    union all

    select
        'KPI045' as subject_id,
        site_id,
        in_full_date as finished_date
    from {{ ref('fct_sales_order_lines') }}
    where in_full_date is not null and not is_cancelled

),

months as (

    select
        subject_id,
        site_id,
        finished_date,
        {{ period_start('month', 'finished_date') }} as month_start_date,
        {{ period_end('month', period_start('month', 'finished_date')) }} as month_end_date
    from finished

),

tickets as (

    select
        dense_rank() over (order by assignee_id) as group_no,
        is_reopened
    from {{ ref('fct_support_tickets') }}
    where state_code = 'closed'

)

select
    'bunching' as check_kind,
    kpi_id as subject_id,
    'target' as feature,
    site_id,
    cast(null as bigint) as group_no,
    good_side * (computed_value - target_level) as event_value,
    1 as event_count,
    cast(null as bigint) as late_count,
    cast(null as bigint) as day_count
from readings
where target_level is not null

union all

select
    'bunching' as check_kind,
    kpi_id as subject_id,
    'threshold' as feature,
    site_id,
    cast(null as bigint) as group_no,
    good_side * (computed_value - threshold_level) as event_value,
    1 as event_count,
    cast(null as bigint) as late_count,
    cast(null as bigint) as day_count
from readings
where threshold_level is not null

union all

select
    'heaping' as check_kind,
    'KPI033' as subject_id,
    'five minutes' as feature,
    site_id,
    cast(null as bigint) as group_no,
    cast(round(duration_seconds / 60) as double) as event_value,
    count(*) as event_count,
    cast(null as bigint) as late_count,
    cast(null as bigint) as day_count
from {{ ref('fct_downtime_events') }}
where is_failure and duration_seconds is not null
group by site_id, round(duration_seconds / 60)

union all

select
    'period_end' as check_kind,
    months.subject_id,
    'last three days of months' as feature,
    months.site_id,
    cast(null as bigint) as group_no,
    cast(null as double) as event_value,
    count(*) as event_count,
    sum(
        case
            when {{ days_of_interval('months.finished_date', 'months.month_end_date') }} <= 3 then 1
            else 0
        end
    ) as late_count,
    {{ days_of_interval('months.month_start_date', 'months.month_end_date') }} as day_count
from months
cross join run
where months.month_start_date < run.this_month_date
group by
    months.subject_id,
    months.site_id,
    months.month_start_date,
    months.month_end_date

union all

select
    'first_digits' as check_kind,
    'complaint_cost' as subject_id,
    'amounts' as feature,
    site_id,
    cast(null as bigint) as group_no,
    cast(complaint_cost as double) as event_value,
    count(*) as event_count,
    cast(null as bigint) as late_count,
    cast(null as bigint) as day_count
from {{ ref('fct_complaints') }}
where complaint_cost > 0
group by site_id, complaint_cost

union all

select
    'reopened' as check_kind,
    'support_tickets' as subject_id,
    'closures by who closed' as feature,
    '*' as site_id,
    group_no,
    cast(null as double) as event_value,
    count(*) as event_count,
    sum(case when is_reopened then 1 else 0 end) as late_count,
    cast(null as bigint) as day_count
from tickets
group by group_no
