{{ config(materialized='view') }}
-- Grain: one row per work unit, touched quarter in hand and reported state with time of its own,
-- without gaps or overlaps from the unit's first event around the quarter to its end.
-- A machine is in one state at a time: a new state ends the one before it, a state that ends
-- before the next begins leaves `no_data`, an open one lasts until the next or the end. Events
-- are taken from two days before to two after, because a production day reaches over UTC midnight
-- and zones lie up to fourteen hours apart; a stretch holds for the production days of its own
-- quarter. No step is read twice: an engine would keep a copy of it.
with

machine_quarters as (

    select
        machine_quarter_no,
        machine_id,
        range_no,
        from_date,
        cast({{ add_days('from_date', -30) }} as timestamp) as recent_from_utc,
        cast({{ add_days('to_date', 3) }} as timestamp) as to_utc
    from {{ ref('int_machine__quarters_in_hand') }}

),

ranges as (

    select
        range_no,
        cast({{ add_days('from_date', -30) }} as timestamp) as recent_from_utc,
        cast({{ add_days('from_date', -2) }} as timestamp) as from_utc,
        cast({{ add_days('to_date', 3) }} as timestamp) as to_utc
    from {{ ref('int_touched__quarter_in_hand') }}

),

-- The state that a machine was in when the range began. It nearly always began in the weeks before;
-- only for machines that have been silent since is all of their history read.
recent as (

    select
        ranges.range_no,
        events.machine_id,
        max(events.started_at_utc) as started_at_utc
    from {{ ref('stg_mes__machine_states') }} as events
    inner join ranges
        on
            events.started_at_utc >= ranges.recent_from_utc
            and events.started_at_utc < ranges.from_utc
    group by ranges.range_no, events.machine_id

),

silent as (

    select
        machine_quarters.range_no,
        machine_quarters.machine_id,
        machine_quarters.recent_from_utc
    from machine_quarters
    left join recent
        on
            machine_quarters.range_no = recent.range_no
            and machine_quarters.machine_id = recent.machine_id
    where recent.machine_id is null

),

carried_in as (

    select
        range_no,
        machine_id,
        started_at_utc
    from recent

    union all

    select
        silent.range_no,
        events.machine_id,
        max(events.started_at_utc) as started_at_utc
    from {{ ref('stg_mes__machine_states') }} as events
    inner join silent
        on
            events.machine_id = silent.machine_id
            and events.started_at_utc < silent.recent_from_utc
    group by silent.range_no, events.machine_id

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
    from {{ ref('stg_mes__machine_states') }} as events
    inner join ranges
        on
            events.started_at_utc >= ranges.from_utc
            and events.started_at_utc < ranges.to_utc

    union all

    select
        carried_in.range_no,
        events.machine_id,
        events.started_at_utc,
        events.ended_at_utc,
        events.state_code,
        events.reason_code,
        events.order_id,
        events.sequence_no,
        events.delivery_date
    from {{ ref('stg_mes__machine_states') }} as events
    inner join carried_in
        on
            events.machine_id = carried_in.machine_id
            and events.started_at_utc = carried_in.started_at_utc

),

numbered as (

    select
        machine_quarters.machine_quarter_no,
        relevant.started_at_utc,
        relevant.ended_at_utc,
        relevant.state_code,
        relevant.reason_code,
        relevant.order_id,
        relevant.sequence_no,
        relevant.delivery_date
    from relevant
    inner join machine_quarters
        on
            relevant.range_no = machine_quarters.range_no
            and relevant.machine_id = machine_quarters.machine_id

),

neighbours as (

    select
        machine_quarter_no,
        started_at_utc,
        ended_at_utc,
        state_code,
        reason_code,
        order_id,
        delivery_date,
        lead(started_at_utc) over machine_time as next_at_utc,
        lag(ended_at_utc) over machine_time as previous_ended_at_utc,
        lag(state_code) over machine_time as previous_state_code,
        lag(reason_code) over machine_time as previous_reason_code,
        lag(order_id) over machine_time as previous_order_id
    from numbered
    window machine_time as (
        partition by machine_quarter_no
        order by started_at_utc, sequence_no
    )

),

-- Of states that begin at once the last in sequence holds: the others end as they begin.
followed as (

    select
        neighbours.machine_quarter_no,
        machine_quarters.from_date,
        neighbours.started_at_utc,
        least(
            coalesce(neighbours.ended_at_utc, machine_quarters.to_utc),
            coalesce(neighbours.next_at_utc, machine_quarters.to_utc)
        ) as ended_at_utc,
        coalesce(neighbours.next_at_utc, machine_quarters.to_utc) as next_at_utc,
        neighbours.state_code,
        neighbours.reason_code,
        neighbours.order_id,
        neighbours.delivery_date,
        coalesce(
            neighbours.previous_state_code = neighbours.state_code
            and coalesce(neighbours.previous_reason_code, '')
            = coalesce(neighbours.reason_code, '')
            and coalesce(neighbours.previous_order_id, '') = coalesce(neighbours.order_id, '')
            and coalesce(neighbours.previous_ended_at_utc, neighbours.started_at_utc)
            >= neighbours.started_at_utc,
            false
        ) as is_continuation
    from neighbours
    inner join machine_quarters
        on neighbours.machine_quarter_no = machine_quarters.machine_quarter_no

),

-- An event may stand for two stretches: what it reported, and the silence after it.
kinds as (

    select false as is_silence

    union all

    select true as is_silence

)

select
    followed.machine_quarter_no,
    followed.from_date,
    case
        when kinds.is_silence then followed.ended_at_utc else followed.started_at_utc
    end as started_at_utc,
    case
        when kinds.is_silence then followed.next_at_utc else followed.ended_at_utc
    end as ended_at_utc,
    case when kinds.is_silence then 'no_data' else followed.state_code end as state_code,
    case when not kinds.is_silence then followed.reason_code end as reason_code,
    case when not kinds.is_silence then followed.order_id end as order_id,
    not kinds.is_silence and followed.is_continuation as is_continuation,
    followed.delivery_date
from followed
cross join kinds
where
    (not kinds.is_silence and followed.started_at_utc < followed.ended_at_utc)
    or (kinds.is_silence and followed.ended_at_utc < followed.next_at_utc)
