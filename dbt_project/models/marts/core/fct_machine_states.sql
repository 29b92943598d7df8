{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    on_schema_change='fail',
    unique_key='production_date',
    meta={'touched_by': 'int_touched__machine_days'}
) }}
-- Grain: one row per machine, state and piece of a shift that it filled.
-- What a machine did inside its working shifts, each minute once: the Pareto of losses, the
-- availability of a line and the drill-down from a reading all count these rows. Repeats of a state
-- are one stretch; they meet here and not before, so that a row knows the deliveries of its own
-- shift and not those of a month of repeats.
with

windows as (

    select
        machine_id,
        line_id,
        site_id,
        production_date,
        shift_id,
        date_in_utc,
        opens_at_utc,
        closes_at_utc
    from {{ ref('int_work_units__shift_windows') }}
    where production_date in (
        select touched_days.production_date
        from {{ ref('int_touched__machine_days') }} as touched_days
    )

),

days as (

    select distinct date_in_utc
    from windows

),

timeline as (

    select
        machine_id,
        from_date,
        to_date,
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
        timeline.from_date,
        timeline.to_date,
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
        windows.machine_id,
        windows.line_id,
        windows.site_id,
        windows.production_date,
        windows.shift_id,
        windows.date_in_utc,
        timeline_by_date.state_code,
        timeline_by_date.reason_code,
        timeline_by_date.order_id,
        greatest(timeline_by_date.started_at_utc, windows.opens_at_utc) as started_at_utc,
        least(timeline_by_date.ended_at_utc, windows.closes_at_utc) as ended_at_utc,
        timeline_by_date.delivery_date
    from timeline_by_date
    inner join windows
        on
            timeline_by_date.machine_id = windows.machine_id
            and timeline_by_date.date_in_utc = windows.date_in_utc
            and windows.production_date
            between timeline_by_date.from_date and timeline_by_date.to_date

),

marked as (

    select
        *,
        case
            when
                lag(state_code) over shift_time = state_code
                and coalesce(lag(reason_code) over shift_time, '') = coalesce(reason_code, '')
                and coalesce(lag(order_id) over shift_time, '') = coalesce(order_id, '')
                then 0
            else 1
        end as is_new_stretch
    from pieces
    where started_at_utc < ended_at_utc
    window shift_time as (
        partition by machine_id, production_date, shift_id, date_in_utc order by started_at_utc
    )

),

numbered as (

    select
        *,
        sum(is_new_stretch) over (
            partition by machine_id, production_date, shift_id, date_in_utc
            order by started_at_utc
            rows between unbounded preceding and current row
        ) as stretch_no
    from marked

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
    min(started_at_utc) as started_at_utc,
    max(ended_at_utc) as ended_at_utc,
    {{ seconds_between('min(started_at_utc)', 'max(ended_at_utc)') }} as duration_seconds,
    max(delivery_date) as delivery_date
from numbered
group by
    machine_id,
    line_id,
    site_id,
    production_date,
    shift_id,
    date_in_utc,
    stretch_no,
    state_code,
    reason_code,
    order_id
