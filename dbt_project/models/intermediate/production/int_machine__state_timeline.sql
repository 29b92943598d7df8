{{ config(materialized='view') }}
-- Grain: one row per range of days that this run replaces, machine and reported state with time of
-- its own, without gaps or overlaps from the machine's first event around the range to the last.
-- A machine is in one state at a time: a new state ends the one before it, a state that ends
-- before the next begins leaves `no_data`, an open one lasts until the next or the as-of. Events
-- are taken from two days around a range, because a production day reaches over UTC midnight and
-- zones lie up to fourteen hours apart; a stretch holds for the production days of its own range.
with

parameters as (

    select cast({{ add_days('last_production_date', 3) }} as timestamp) as horizon_utc
    from {{ ref('int_run__parameters') }}

),

ranges as (

    select
        range_no,
        from_date,
        to_date,
        cast({{ add_days('from_date', -2) }} as timestamp) as from_utc,
        cast({{ add_days('to_date', 3) }} as timestamp) as to_utc
    from {{ ref('int_touched__machine_ranges') }}

),

events as (

    select
        machine_id,
        started_at_utc,
        ended_at_utc,
        sequence_no,
        state_code,
        reason_code,
        order_id,
        delivery_date
    from {{ ref('stg_mes__machine_states') }}

),

-- The state that a machine was in when the range began, and the event that ends its last one.
edges as (

    select
        ranges.range_no,
        events.machine_id,
        max(
            case when events.started_at_utc < ranges.from_utc then events.started_at_utc end
        ) as carried_in_at_utc,
        min(
            case when events.started_at_utc >= ranges.to_utc then events.started_at_utc end
        ) as next_at_utc
    from ranges
    cross join events
    group by ranges.range_no, events.machine_id

),

edge_events as (

    select
        range_no,
        machine_id,
        carried_in_at_utc as event_at_utc
    from edges

    union all

    select
        range_no,
        machine_id,
        next_at_utc as event_at_utc
    from edges

),

-- Two joins that an engine answers from the order in which events came: of a history of years a
-- further day reads a few days.
relevant as (

    select
        ranges.range_no,
        events.machine_id,
        events.started_at_utc,
        events.ended_at_utc,
        events.state_code,
        events.reason_code,
        events.order_id,
        events.sequence_no,
        events.delivery_date
    from events
    inner join ranges
        on
            events.started_at_utc >= ranges.from_utc
            and events.started_at_utc < ranges.to_utc

    union all

    select
        edge_events.range_no,
        events.machine_id,
        events.started_at_utc,
        events.ended_at_utc,
        events.state_code,
        events.reason_code,
        events.order_id,
        events.sequence_no,
        events.delivery_date
    from events
    inner join edge_events
        on
            events.machine_id = edge_events.machine_id
            and events.started_at_utc = edge_events.event_at_utc

),

-- Of states that begin at once the last in sequence holds: the others end as they begin.
followed as (

    select
        relevant.range_no,
        relevant.machine_id,
        relevant.started_at_utc,
        least(
            coalesce(relevant.ended_at_utc, parameters.horizon_utc),
            coalesce(lead(relevant.started_at_utc) over machine_time, parameters.horizon_utc)
        ) as ended_at_utc,
        coalesce(lead(relevant.started_at_utc) over machine_time, parameters.horizon_utc)
            as next_at_utc,
        relevant.state_code,
        relevant.reason_code,
        relevant.order_id,
        relevant.delivery_date,
        coalesce(
            lag(relevant.state_code) over machine_time = relevant.state_code
            and coalesce(lag(relevant.reason_code) over machine_time, '')
            = coalesce(relevant.reason_code, '')
            and coalesce(lag(relevant.order_id) over machine_time, '')
            = coalesce(relevant.order_id, '')
            and coalesce(lag(relevant.ended_at_utc) over machine_time, relevant.started_at_utc)
            >= relevant.started_at_utc,
            false
        ) as is_continuation
    from relevant
    cross join parameters
    window machine_time as (
        partition by relevant.range_no, relevant.machine_id
        order by relevant.started_at_utc, relevant.sequence_no
    )

),

stretches as (

    select
        range_no,
        machine_id,
        started_at_utc,
        ended_at_utc,
        state_code,
        reason_code,
        order_id,
        is_continuation,
        delivery_date
    from followed
    where started_at_utc < ended_at_utc

    union all

    select
        range_no,
        machine_id,
        ended_at_utc as started_at_utc,
        next_at_utc as ended_at_utc,
        'no_data' as state_code,
        cast(null as varchar) as reason_code,
        cast(null as varchar) as order_id,
        false as is_continuation,
        delivery_date
    from followed
    where ended_at_utc < next_at_utc

)

select
    stretches.machine_id,
    ranges.from_date,
    ranges.to_date,
    stretches.started_at_utc,
    stretches.ended_at_utc,
    stretches.state_code,
    stretches.reason_code,
    stretches.order_id,
    stretches.is_continuation,
    stretches.delivery_date
from stretches
inner join ranges on stretches.range_no = ranges.range_no
