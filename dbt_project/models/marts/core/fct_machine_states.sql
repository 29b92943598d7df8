{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    on_schema_change='fail',
    unique_key='production_date',
    meta={'touched_by': 'int_touched__days'}
) }}
-- Grain: one row per machine, state and piece of a shift that it filled.
-- What a machine did inside its working shifts, each minute once: the Pareto of losses, the
-- availability of a line and the drill-down from a reading all count these rows.
with

work_units as (

    select
        machine_id,
        line_id,
        site_id,
        calendar_id,
        valid_from,
        valid_to
    from {{ ref('int_work_units__calendars') }}

),

windows as (

    select
        calendar_id,
        production_date,
        shift_id,
        date_in_utc,
        opens_at_utc,
        closes_at_utc
    from {{ ref('int_calendar__shift_windows') }}
    where production_date in (
        select touched_days.production_date
        from {{ ref('int_touched__days') }} as touched_days
    )

),

days as (

    select date_in_utc
    from {{ ref('int_calendar__utc_dates') }}

),

timeline as (

    select
        machine_id,
        started_at_utc,
        ended_at_utc,
        state_code,
        reason_code,
        order_id,
        delivery_date
    from {{ ref('int_machine__state_timeline') }}

),

timeline_by_date as (

    select
        timeline.machine_id,
        timeline.started_at_utc,
        timeline.ended_at_utc,
        timeline.state_code,
        timeline.reason_code,
        timeline.order_id,
        timeline.delivery_date,
        days.date_in_utc
    from timeline
    inner join days
        on
            cast(timeline.started_at_utc as date) <= days.date_in_utc
            and cast(timeline.ended_at_utc as date) >= days.date_in_utc

),

pieces as (

    select
        work_units.machine_id,
        work_units.line_id,
        work_units.site_id,
        windows.production_date,
        windows.shift_id,
        timeline_by_date.state_code,
        timeline_by_date.reason_code,
        timeline_by_date.order_id,
        greatest(timeline_by_date.started_at_utc, windows.opens_at_utc) as started_at_utc,
        least(timeline_by_date.ended_at_utc, windows.closes_at_utc) as ended_at_utc,
        timeline_by_date.delivery_date
    from timeline_by_date
    inner join work_units on timeline_by_date.machine_id = work_units.machine_id
    inner join windows
        on
            work_units.calendar_id = windows.calendar_id
            and timeline_by_date.date_in_utc = windows.date_in_utc
            and windows.production_date between work_units.valid_from and work_units.valid_to

)

select
    machine_id,
    line_id,
    site_id,
    production_date,
    shift_id,
    state_code,
    reason_code,
    order_id,
    started_at_utc,
    ended_at_utc,
    {{ seconds_between('started_at_utc', 'ended_at_utc') }} as duration_seconds,
    delivery_date
from pieces
where started_at_utc < ended_at_utc
