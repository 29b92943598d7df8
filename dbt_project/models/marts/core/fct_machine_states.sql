{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    on_schema_change='fail',
    unique_key='production_date',
    meta={
        'touched_by': 'int_touched__machine_days',
        'one_range_at_a_time': 'int_touched__machine_quarters'
    }
) }}
-- Grain: one row per machine, reported state and piece of a shift that it filled.
-- What a machine did inside its working shifts, each minute once: the Pareto of losses, the
-- availability of a line and the drill-down from a reading all count these rows. A machine that
-- repeats its state, the end of a shift or midnight in UTC begin a row without a change:
-- `is_continuation` says so, and whoever counts stops leaves those rows out. (Merging them would
-- cost a second sort of all events, and the row would no longer know the delivery that said it.)
-- Which days are replaced: depends_on: {{ ref('int_touched__machine_days') }}
with

machine_quarters as (

    select
        machine_quarter_no,
        machine_id,
        from_date,
        to_date
    from {{ ref('int_machine__quarters_in_hand') }}

),

windows as (

    select
        machine_quarters.machine_quarter_no,
        shift_windows.machine_id,
        shift_windows.line_id,
        shift_windows.site_id,
        shift_windows.production_date,
        shift_windows.shift_id,
        shift_windows.date_in_utc,
        shift_windows.opens_at_utc,
        shift_windows.closes_at_utc
    from {{ ref('int_work_units__shift_windows') }} as shift_windows
    inner join machine_quarters
        on
            shift_windows.machine_id = machine_quarters.machine_id
            and shift_windows.production_date
            between machine_quarters.from_date and machine_quarters.to_date

),

-- A stretch once for each UTC date that it reaches; nearly all lie within one. A state may have
-- begun years before its quarter, whose windows begin two days before it at most.
timeline_by_date as (

    {{ days_between(
        'greatest(cast(started_at_utc as date), ' ~ add_days('from_date', -2) ~ ')',
        'cast(ended_at_utc as date)'
    ) }},
    machine_quarter_no,
    started_at_utc,
    ended_at_utc,
    state_code,
    reason_code,
    order_id,
    is_continuation,
    delivery_date
    from {{ ref('int_machine__state_timeline') }}

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
            timeline_by_date.machine_quarter_no = windows.machine_quarter_no
            and timeline_by_date.calendar_date = windows.date_in_utc

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
