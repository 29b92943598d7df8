{{ config(materialized='view') }}
-- Grain: one row per value, month or group that a check of gaming looks at.
-- Which figures, levels and plans are looked at is declared in `gaming.yml` of the registers; here
-- is what each kind of event is: daily readings of lines over the last year (turned so that above 0
-- is the good side of a level), written minutes and amounts, work finished by month, tickets that
-- are closed and opened again. No person is in it: whoever closed tickets is a number, and no
-- result is given by it.
with

run as (

    select
        {{ add_days('as_of_date', -365) }} as since_date,
        {{ period_start('month', 'as_of_date') }} as this_month_date
    from {{ ref('int_run__parameters') }}

),

checks as (

    select
        check_id,
        check_kind,
        event_source,
        subject_id,
        level_name,
        cast(step as double) as step,
        round_every,
        late_days
    from {{ source('registry', 'gaming_checks') }}

),

plan_kpis as (

    select
        template_id as plan_id,
        kpi_id
    from {{ source('registry', 'scorecard_items') }}

    union distinct

    select
        plan_id,
        kpi_id
    from {{ source('registry', 'pay_plan_items') }}

),

-- Of the plans that have a KPI the first in order of id stands for them.
checked_kpis as (

    select
        looked_at.check_id,
        plan_kpis.kpi_id,
        min(plan_kpis.plan_id) as plan_id
    from {{ source('registry', 'gaming_check_plans') }} as looked_at
    inner join plan_kpis on looked_at.plan_id = plan_kpis.plan_id
    group by looked_at.check_id, plan_kpis.kpi_id

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
        judged.stretch_level,
        case when judged.direction = 'higher' then 1.0 else -1.0 end as good_side
    from {{ ref('int_judgements__input') }} as judged
    inner join lines on judged.entity_id = lines.entity_id
    cross join run
    where
        judged.entity_kind = 'line'
        and judged.period_kind = 'day'
        and judged.direction in ('higher', 'lower')
        and judged.computed_value is not null
        and judged.period_start_date >= run.since_date

),

leveled as (

    select
        checks.check_id,
        readings.kpi_id,
        readings.site_id,
        readings.good_side,
        checked_kpis.plan_id,
        readings.computed_value,
        case checks.level_name
            when 'target' then readings.target_level
            when 'threshold' then readings.threshold_level
            else readings.stretch_level
        end as steered_level
    from readings
    inner join checked_kpis on readings.kpi_id = checked_kpis.kpi_id
    inner join checks on checked_kpis.check_id = checks.check_id
    where checks.event_source = 'line_days'

),

finished as (

    select
        'maintenance_finished' as event_source,
        site_id,
        finished_date
    from {{ ref('fct_maintenance_orders') }}
    where finished_date is not null

    union all

    select
        'orders_completed' as event_source,
        site_id,
        in_full_date as finished_date
    from {{ ref('fct_sales_order_lines') }}
    where in_full_date is not null and not is_cancelled

),

months as (

    select
        finished.event_source,
        finished.site_id,
        finished.finished_date,
        {{ period_start('month', 'finished.finished_date') }} as month_start_date,
        {{ period_end('month', period_start('month', 'finished.finished_date')) }}
            as month_end_date
    from finished
    cross join run
    where finished.finished_date < run.this_month_date

),

counted as (

    select
        checks.check_id,
        months.site_id,
        months.month_start_date,
        months.month_end_date,
        count(*) as event_count,
        sum(
            case
                when
                    {{ days_of_interval('months.finished_date', 'months.month_end_date') }}
                    <= checks.late_days
                    then 1
                else 0
            end
        ) as late_count
    from months
    inner join checks on months.event_source = checks.event_source
    group by
        checks.check_id,
        months.site_id,
        months.month_start_date,
        months.month_end_date

),

-- Values that somebody writes, so many of each.
written as (

    select
        'failure_minutes' as event_source,
        site_id,
        cast(round(duration_seconds / 60) as double) as event_value,
        count(*) as event_count
    from {{ ref('fct_downtime_events') }}
    where is_failure and duration_seconds is not null
    group by site_id, round(duration_seconds / 60)

    union all

    select
        'complaint_costs' as event_source,
        site_id,
        cast(complaint_cost as double) as event_value,
        count(*) as event_count
    from {{ ref('fct_complaints') }}
    where complaint_cost > 0
    group by site_id, complaint_cost

),

tickets as (

    select
        dense_rank() over (order by assignee_id) as group_no,
        is_reopened
    from {{ ref('fct_support_tickets') }}
    where state_code = 'closed'

),

closed as (

    select
        group_no,
        count(*) as event_count,
        sum(case when is_reopened then 1 else 0 end) as late_count
    from tickets
    group by group_no

),

events as (

    select
        check_id,
        kpi_id,
        plan_id,
        site_id,
        cast(null as bigint) as group_no,
        good_side * (computed_value - steered_level) as event_value,
        1 as event_count,
        cast(null as bigint) as late_count,
        cast(null as bigint) as day_count
    from leveled
    where steered_level is not null

    union all

    select
        checks.check_id,
        cast(null as varchar) as kpi_id,
        cast(null as varchar) as plan_id,
        written.site_id,
        cast(null as bigint) as group_no,
        written.event_value,
        written.event_count,
        cast(null as bigint) as late_count,
        cast(null as bigint) as day_count
    from written
    inner join checks on written.event_source = checks.event_source

    union all

    select
        check_id,
        cast(null as varchar) as kpi_id,
        cast(null as varchar) as plan_id,
        site_id,
        cast(null as bigint) as group_no,
        cast(null as double) as event_value,
        event_count,
        late_count,
        {{ days_of_interval('month_start_date', 'month_end_date') }} as day_count
    from counted

    union all

    select
        checks.check_id,
        cast(null as varchar) as kpi_id,
        cast(null as varchar) as plan_id,
        '*' as site_id,
        closed.group_no,
        cast(null as double) as event_value,
        closed.event_count,
        closed.late_count,
        cast(null as bigint) as day_count
    from closed
    cross join checks
    where checks.event_source = 'ticket_closures'

),

-- What a check says of no KPI of its own is paid for by the plans that it names.
named_plans as (

    select
        check_id,
        min(plan_id) as plan_id
    from {{ source('registry', 'gaming_check_plans') }}
    group by check_id

)

select
    checks.check_id,
    checks.check_kind,
    coalesce(events.kpi_id, checks.subject_id) as subject_id,
    coalesce(events.plan_id, named_plans.plan_id) as plan_id,
    events.site_id,
    events.group_no,
    events.event_value,
    events.event_count,
    events.late_count,
    events.day_count,
    checks.level_name,
    checks.step,
    checks.round_every,
    checks.late_days
from events
inner join checks on events.check_id = checks.check_id
left join named_plans on events.check_id = named_plans.check_id
