-- Grain: one row per calendar (line or machine), shift and UTC date that the shift overlaps.
-- A window is cut at UTC midnight only so that events find it by an equality on the date; the
-- pieces of a shift add up to the shift.
with

parameters as (

    select last_production_date
    from {{ ref('int_run__parameters') }}

),

shifts as (

    select
        calendars.site_id,
        calendars.calendar_id,
        calendars.production_date,
        calendars.shift_id,
        calendars.opens_at_utc,
        calendars.closes_at_utc,
        calendars.break_minutes,
        calendars.delivery_date
    from {{ ref('stg_mes__shift_calendar') }} as calendars
    cross join parameters
    where calendars.is_working and calendars.production_date <= parameters.last_production_date

),

bounds as (

    select
        cast(min(opens_at_utc) as date) as first_date,
        cast(max(closes_at_utc) as date) as last_date
    from shifts

),

-- Not the production days: in Chicago a production day ends at noon of the next UTC date.
days as (

    {{ days_between('first_date', 'last_date') }}
    from bounds

)

select
    shifts.site_id,
    shifts.calendar_id,
    shifts.production_date,
    shifts.shift_id,
    days.calendar_date as date_in_utc,
    greatest(shifts.opens_at_utc, cast(days.calendar_date as timestamp)) as opens_at_utc,
    least(
        shifts.closes_at_utc, cast({{ add_days('days.calendar_date', 1) }} as timestamp)
    ) as closes_at_utc,
    -- Breaks belong to the shift, so one piece alone carries them.
    case
        when days.calendar_date = cast(shifts.opens_at_utc as date) then shifts.break_minutes
        else 0
    end as break_minutes,
    shifts.delivery_date
from shifts
inner join days
    on
        cast(shifts.opens_at_utc as date) <= days.calendar_date
        and shifts.closes_at_utc > cast(days.calendar_date as timestamp)
