{{ config(materialized='view') }}
-- Grain: one row per work unit, shift and UTC date that the shift overlaps.
-- A work unit works by the calendar of its line, but on days for which it has a calendar of its
-- own by that one alone, also where it says that the unit rests.
with

work_units as (

    select
        equipment_id,
        line_id,
        site_id,
        valid_from,
        valid_to
    from {{ ref('dim_equipment') }}
    where equipment_level = 'work_unit'

),

-- Two rows for each work unit, so that windows find them by an equality.
calendars as (

    select
        equipment_id,
        line_id,
        site_id,
        valid_from,
        valid_to,
        line_id as calendar_id
    from work_units

    union all

    select
        equipment_id,
        line_id,
        site_id,
        valid_from,
        valid_to,
        equipment_id as calendar_id
    from work_units

),

own_days as (

    select distinct
        calendar_id,
        production_date
    from {{ ref('stg_mes__shift_calendar') }}

),

windows as (

    select
        calendar_id,
        production_date,
        shift_id,
        date_in_utc,
        opens_at_utc,
        closes_at_utc,
        break_minutes,
        delivery_date
    from {{ ref('int_calendar__shift_windows') }}

)

select
    calendars.equipment_id as machine_id,
    calendars.line_id,
    calendars.site_id,
    windows.production_date,
    windows.shift_id,
    windows.date_in_utc,
    windows.opens_at_utc,
    windows.closes_at_utc,
    windows.break_minutes,
    windows.delivery_date
from calendars
inner join windows
    on
        calendars.calendar_id = windows.calendar_id
        and windows.production_date between calendars.valid_from and calendars.valid_to
left join own_days
    on
        calendars.equipment_id = own_days.calendar_id
        and windows.production_date = own_days.production_date
where (own_days.calendar_id is null) = (calendars.calendar_id <> calendars.equipment_id)
