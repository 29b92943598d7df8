-- Grain: one row per work unit and validity interval, with the calendar it works by: its own where
-- it has one, otherwise that of its line.
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

calendars as (

    select distinct calendar_id
    from {{ ref('stg_mes__shift_calendar') }}

)

select
    work_units.equipment_id as machine_id,
    work_units.line_id,
    work_units.site_id,
    coalesce(own.calendar_id, work_units.line_id) as calendar_id,
    work_units.valid_from,
    work_units.valid_to
from work_units
left join calendars as own on work_units.equipment_id = own.calendar_id
