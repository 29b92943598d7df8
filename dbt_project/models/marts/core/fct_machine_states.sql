{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    on_schema_change='fail',
    unique_key='production_date',
    meta={'touched_by': 'int_touched__machine_days'}
) }}
-- Grain: one row per machine, reported state and piece of a shift that it filled.
-- What a machine did inside its working shifts, each minute once: the Pareto of losses, the
-- availability of a line and the drill-down from a reading all count these rows. A machine that
-- repeats its state, the end of a shift or midnight in UTC begin a row without a change:
-- `is_continuation` says so, and whoever counts stops leaves those rows out. (Merging them would
-- cost a second sort of all events, and the row would no longer know the delivery that said it.)
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
        is_continuation,
        delivery_date
    from {{ ref('int_machine__state_timeline') }}

),

days as (

    select distinct date_in_utc
    from windows

),

-- Nearly all stretches lie within one UTC date; only the others are spread over theirs.
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
        timeline.is_continuation,
        timeline.delivery_date,
        cast(timeline.started_at_utc as date) as date_in_utc
    from timeline

    union all

    select
        timeline.machine_id,
        timeline.from_date,
        timeline.to_date,
        timeline.started_at_utc,
        timeline.ended_at_utc,
        timeline.state_code,
        timeline.reason_code,
        timeline.order_id,
        timeline.is_continuation,
        timeline.delivery_date,
        days.date_in_utc
    from timeline
    inner join days
        on
            cast(timeline.started_at_utc as date) < days.date_in_utc
            and cast(timeline.ended_at_utc as date) >= days.date_in_utc
    where cast(timeline.started_at_utc as date) < cast(timeline.ended_at_utc as date)

),

pieces as (

    select
        windows.machine_id,
        windows.line_id,
        windows.site_id,
        windows.production_date,
        windows.shift_id,
        timeline_by_date.state_code,
        timeline_by_date.reason_code,
        timeline_by_date.order_id,
        timeline_by_date.is_continuation
        or timeline_by_date.started_at_utc < windows.opens_at_utc as is_continuation,
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
    is_continuation,
    started_at_utc,
    ended_at_utc,
    {{ seconds_between('started_at_utc', 'ended_at_utc') }} as duration_seconds,
    delivery_date
from pieces
where started_at_utc < ended_at_utc
