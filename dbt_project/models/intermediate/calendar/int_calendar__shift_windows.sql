-- Grain: one row per calendar (line or machine), shift and UTC date that the shift overlaps.
-- A window is cut at UTC midnight only so that events find it by an equality on the date; the
-- pieces of a shift add up to the shift.
with

shifts as (

    select
        site_id,
        calendar_id,
        production_date,
        shift_id,
        opens_at_utc,
        closes_at_utc,
        break_minutes,
        delivery_date
    from {{ ref('stg_mes__shift_calendar') }}
    where is_working

),

days as (

    select date_in_utc
    from {{ ref('int_calendar__utc_dates') }}

)

select
    shifts.site_id,
    shifts.calendar_id,
    shifts.production_date,
    shifts.shift_id,
    days.date_in_utc,
    greatest(shifts.opens_at_utc, cast(days.date_in_utc as timestamp)) as opens_at_utc,
    least(
        shifts.closes_at_utc, cast({{ add_days('days.date_in_utc', 1) }} as timestamp)
    ) as closes_at_utc,
    -- Breaks belong to the shift, so one piece alone carries them.
    case
        when days.date_in_utc = cast(shifts.opens_at_utc as date) then shifts.break_minutes
        else 0
    end as break_minutes,
    shifts.delivery_date
from shifts
inner join days
    on
        cast(shifts.opens_at_utc as date) <= days.date_in_utc
        and shifts.closes_at_utc > cast(days.date_in_utc as timestamp)
