-- Grain: one row per place (a calendar's line or machine, or a site), production day and UTC date
-- that the day reaches, without gaps from the first shift of the calendar on.
-- Which production day an instant belongs to, for facts that name a place and no shift: the day
-- whose first shift began last. Where the next shift is days away, further days follow each other
-- every 24 hours, so that a Saturday's repair is Saturday's also where nobody works. A day of 25
-- hours ends with the next day's first shift. No zone is converted: the calendar's windows are
-- instants already.
with

parameters as (

    select last_production_date
    from {{ ref('int_run__parameters') }}

),

windows as (

    select
        calendar_id as place_id,
        production_date,
        opens_at_utc
    from {{ ref('int_calendar__shift_windows') }}

    union all

    select
        site_id as place_id,
        production_date,
        opens_at_utc
    from {{ ref('int_calendar__shift_windows') }}

),

days_worked as (

    select
        place_id,
        production_date,
        min(opens_at_utc) as begins_at_utc
    from windows
    group by place_id, production_date

),

followed as (

    select
        days_worked.place_id,
        days_worked.production_date,
        days_worked.begins_at_utc,
        lead(days_worked.begins_at_utc) over next_day as next_begins_at_utc,
        coalesce(
            {{ add_days('lead(days_worked.production_date) over next_day', -1) }},
            {{ add_days('parameters.last_production_date', 1) }}
        ) as last_date
    from days_worked
    cross join parameters
    window
        next_day as (
            partition by days_worked.place_id order by days_worked.production_date
        )

),

bounds as (

    select
        min(production_date) as first_date,
        max(last_date) as last_date
    from followed

),

-- In Chicago a production day ends on the next UTC date, in Nagoya it may begin on the one before.
reach as (

    select
        {{ add_days('first_date', -2) }} as first_date,
        {{ add_days('last_date', 2) }} as last_date
    from bounds

),

dates as (

    {{ days_between('first_date', 'last_date') }}
    from reach

),

days as (

    select
        followed.place_id,
        dates.calendar_date as production_date,
        {{ add_24_hours(
            'followed.begins_at_utc', days_from('followed.production_date', 'dates.calendar_date')
        ) }} as from_utc,
        case
            when dates.calendar_date = followed.last_date
                then
                    coalesce(
                        followed.next_begins_at_utc,
                        {{ add_24_hours(
                            'followed.begins_at_utc',
                            days_from('followed.production_date', 'dates.calendar_date') ~ ' + 1'
                        ) }}
                    )
            else {{ add_24_hours(
                'followed.begins_at_utc',
                days_from('followed.production_date', 'dates.calendar_date') ~ ' + 1'
            ) }}
        end as to_utc
    from followed
    inner join dates
        on dates.calendar_date between followed.production_date and followed.last_date

)

select
    days.place_id,
    days.production_date,
    dates.calendar_date as date_in_utc,
    days.from_utc,
    days.to_utc
from days
inner join dates
    on dates.calendar_date between cast(days.from_utc as date) and cast(days.to_utc as date)
