{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    on_schema_change='fail',
    unique_key='production_date',
    meta={'touched_by': 'int_touched__machine_days'}
) }}
-- Grain: one row per work unit and production day with planned time.
-- Planned busy time is what the calendar plans less its breaks and the planned stops that the
-- machine reported. A machine may report its breaks too, so breaks count once: the longer of both.
-- What no state covers is `no_data`: neither up nor down. Of a machine that is silent all day
-- nothing was measured, so its minutes are missing and not zero.
with

windows as (

    select
        shift_windows.machine_id,
        shift_windows.line_id,
        shift_windows.site_id,
        shift_windows.production_date,
        sum(
            {{ seconds_between('shift_windows.opens_at_utc', 'shift_windows.closes_at_utc') }}
        ) as window_seconds,
        sum(shift_windows.break_minutes) * 60 as break_seconds,
        max(shift_windows.delivery_date) as delivery_date
    from {{ ref('int_work_units__shift_windows') }} as shift_windows
    where
        shift_windows.production_date in (
            select touched_days.production_date
            from {{ ref('int_touched__machine_days') }} as touched_days
        )
    group by
        shift_windows.machine_id,
        shift_windows.line_id,
        shift_windows.site_id,
        shift_windows.production_date

),

break_codes as (

    select distinct
        site_id,
        reason_code
    from {{ ref('stg_mes__reason_codes') }}
    where enterprise_reason_code = 'BREAK'

),

-- A machine without an order waits, but delays none.
no_order_codes as (

    select distinct
        site_id,
        reason_code
    from {{ ref('stg_mes__reason_codes') }}
    where enterprise_reason_code = 'NO_ORDERS'

),

states as (

    select
        machine_states.machine_id,
        machine_states.production_date,
        sum(machine_states.duration_seconds) filter (
            where machine_states.state_code = 'planned_stop' and break_codes.reason_code is not null
        ) as break_seconds,
        sum(machine_states.duration_seconds) filter (
            where machine_states.state_code = 'producing'
        ) as producing_seconds,
        sum(machine_states.duration_seconds) filter (where machine_states.state_code = 'setup')
            as setup_seconds,
        sum(machine_states.duration_seconds) filter (where machine_states.state_code = 'down')
            as down_seconds,
        sum(machine_states.duration_seconds) filter (
            where
            machine_states.state_code in ('down', 'idle') and no_order_codes.reason_code is null
        ) as delay_seconds,
        sum(machine_states.duration_seconds) filter (
            where machine_states.state_code = 'planned_stop' and break_codes.reason_code is null
        ) as planned_stop_seconds,
        sum(machine_states.duration_seconds) filter (where machine_states.state_code <> 'no_data')
            as known_seconds,
        max(machine_states.delivery_date) as delivery_date
    from {{ ref('fct_machine_states') }} as machine_states
    left join break_codes
        on
            machine_states.site_id = break_codes.site_id
            and machine_states.reason_code = break_codes.reason_code
    left join no_order_codes
        on
            machine_states.site_id = no_order_codes.site_id
            and machine_states.reason_code = no_order_codes.reason_code
    where
        machine_states.production_date in (
            select touched_days.production_date
            from {{ ref('int_touched__machine_days') }} as touched_days
        )
    group by machine_states.machine_id, machine_states.production_date

)

select
    windows.machine_id,
    windows.line_id,
    windows.site_id,
    windows.production_date,
    cast(
        greatest(
            windows.window_seconds
            - greatest(windows.break_seconds, coalesce(states.break_seconds, 0))
            - coalesce(states.planned_stop_seconds, 0),
            0
        ) / 60 as decimal(18, 6)
    ) as planned_busy_minutes,
    cast(
        case when states.known_seconds > 0 then coalesce(states.producing_seconds, 0) end
        / 60 as decimal(18, 6)
    ) as producing_minutes,
    cast(
        case when states.known_seconds > 0 then coalesce(states.setup_seconds, 0) end
        / 60 as decimal(18, 6)
    ) as setup_minutes,
    cast(
        case when states.known_seconds > 0 then coalesce(states.down_seconds, 0) end
        / 60 as decimal(18, 6)
    ) as down_minutes,
    cast(
        case when states.known_seconds > 0 then coalesce(states.delay_seconds, 0) end
        / 60 as decimal(18, 6)
    ) as delay_minutes,
    cast(
        case
            when states.known_seconds > 0
                then coalesce(states.producing_seconds, 0) + coalesce(states.setup_seconds, 0)
        end
        / 3600 as decimal(18, 6)
    ) as operating_hours,
    cast(
        (windows.window_seconds - coalesce(states.known_seconds, 0)) / 60 as decimal(18, 6)
    ) as no_data_minutes,
    greatest(windows.delivery_date, coalesce(states.delivery_date, windows.delivery_date))
        as last_delivery_date
from windows
left join states
    on
        windows.machine_id = states.machine_id
        and windows.production_date = states.production_date
