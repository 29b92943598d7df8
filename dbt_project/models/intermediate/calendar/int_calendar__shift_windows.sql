-- Grain: one row per calendar (line or machine), shift and UTC date that the shift overlaps.
-- A window is cut at UTC midnight only so that events find it by an equality on the date; the
-- pieces of a shift add up to the shift.
with

shifts as (

    select
        calendar.site_id,
        calendar.calendar_id,
        calendar.production_date,
        calendar.shift_id,
        calendar.opens_at_utc,
        calendar.closes_at_utc,
        calendar.break_minutes,
        calendar.delivery_date
    from {{ ref('stg_mes__shift_calendar') }} as calendar
    cross join {{ ref('int_run__parameters') }} as run_parameters
    where
        calendar.is_working
        and calendar.production_date <= run_parameters.last_production_date

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
