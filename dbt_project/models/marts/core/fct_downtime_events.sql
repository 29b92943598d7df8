-- Grain: one row per stop that somebody entered, as it stands after all corrections.
-- A failure event is an unplanned stop that people classed as a breakdown. Not every breakdown gets
-- a maintenance order, and not every corrective order comes from a stop, so orders are evidence
-- beside it and no count of failures. A stop belongs to the production day on which it began.
with

current_events as (

    select distinct current_downtime_id
    from {{ ref('int_downtime__current') }}

),

corrections as (

    select
        current_downtime_id,
        min(first_downtime_id) as first_downtime_id,
        max(correction_no) as corrections
    from {{ ref('int_downtime__current') }}
    group by current_downtime_id

),

events as (

    select
        events.downtime_id,
        corrections.first_downtime_id,
        corrections.corrections,
        events.machine_id,
        events.started_at_utc,
        events.ended_at_utc,
        cast(events.started_at_local as date) as started_date_local,
        cast(events.ended_at_local as date) as ended_date_local,
        events.is_planned,
        events.reason_code,
        events.delivery_date
    from {{ ref('stg_mes__downtime_events') }} as events
    inner join current_events on events.downtime_id = current_events.current_downtime_id
    inner join corrections on events.downtime_id = corrections.current_downtime_id

),

production_days as (

    select
        place_id,
        production_date,
        date_in_utc,
        from_utc,
        to_utc
    from {{ ref('int_calendar__production_days') }}

),

equipment as (

    select
        equipment_id,
        line_id,
        site_id,
        valid_from,
        valid_to
    from {{ ref('dim_equipment') }}

),

reasons as (

    select
        site_id,
        reason_code,
        loss_class_code,
        valid_from,
        coalesce(valid_to, {{ open_end() }}) as valid_to
    from {{ ref('stg_mes__reason_codes') }}

),

located as (

    select
        events.*,
        equipment.line_id,
        equipment.site_id,
        coalesce(began.production_date, events.started_date_local) as production_date,
        coalesce(ended.production_date, events.ended_date_local) as restored_production_date
    from events
    left join equipment
        on
            events.machine_id = equipment.equipment_id
            and events.started_date_local between equipment.valid_from and equipment.valid_to
    left join production_days as began
        on
            equipment.line_id = began.place_id
            and cast(events.started_at_utc as date) = began.date_in_utc
            and events.started_at_utc >= began.from_utc
            and events.started_at_utc < began.to_utc
    left join production_days as ended
        on
            equipment.line_id = ended.place_id
            and cast(events.ended_at_utc as date) = ended.date_in_utc
            and events.ended_at_utc >= ended.from_utc
            and events.ended_at_utc < ended.to_utc

)

select
    located.downtime_id,
    located.first_downtime_id,
    located.machine_id,
    located.line_id,
    located.site_id,
    located.production_date,
    located.restored_production_date,
    located.started_at_utc,
    located.ended_at_utc,
    {{ seconds_between('located.started_at_utc', 'located.ended_at_utc') }} as duration_seconds,
    located.is_planned,
    located.reason_code,
    reasons.loss_class_code,
    not located.is_planned and coalesce(reasons.loss_class_code = 'breakdown', false) as is_failure,
    cast(located.corrections as bigint) as corrections,
    located.delivery_date
from located
left join reasons
    on
        located.site_id = reasons.site_id
        and located.reason_code = reasons.reason_code
        and located.production_date between reasons.valid_from and reasons.valid_to
