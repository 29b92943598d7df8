-- Grain: one row per feed and production day that lacks a delivery.
-- The delivery of a day carries the production day before it. A day without one, and a file that
-- was refused, stay a hole in every sum over them, also when the next delivery is good: until the
-- file comes again under its name, or a later one speaks of the day. A feed that is whole each time
-- fills its own holes.
with

feeds as (

    select
        feed,
        cadence = 'daily' and not may_be_empty as is_due_daily
    from {{ source('registry', 'feeds') }}
    where not is_whole_each_time

),

attempts as (

    select
        feed,
        file_name,
        delivery_date,
        {{ add_days('delivery_date', -1) }} as production_date,
        message,
        first_date,
        last_date,
        action in ('accept', 'accept_with_warning', 'quarantine_rows', 'skip_file') as is_accepted,
        action in ('reject_file', 'block_batch') as is_refused
    from {{ source('ops', 'delivery_log') }}
    where source is null

),

spans as (

    select
        feed,
        min(delivery_date) as first_delivery_date,
        max(delivery_date) as last_delivery_date
    from attempts
    where is_accepted
    group by feed

),

missing as (

    select
        feeds.feed,
        all_days.calendar_date as production_date,
        'missing' as gap_kind,
        'no delivery' as reason,
        cast(null as varchar) as file_name
    from feeds
    inner join spans on feeds.feed = spans.feed
    inner join {{ ref('dim_days') }} as all_days
        on
            spans.first_delivery_date <= all_days.calendar_date
            and all_days.calendar_date < {{ add_days('spans.last_delivery_date', -1) }}
    left join attempts
        on
            feeds.feed = attempts.feed
            and all_days.calendar_date = attempts.production_date
    where feeds.is_due_daily and attempts.feed is null

),

refused as (

    select
        attempts.feed,
        attempts.production_date,
        'refused' as gap_kind,
        max(attempts.file_name || ': ' || attempts.message) as reason,
        attempts.file_name
    from attempts
    inner join feeds on attempts.feed = feeds.feed
    where attempts.is_refused
    group by attempts.feed, attempts.production_date, attempts.file_name

),

gaps as (

    select * from missing
    union all
    select * from refused

)

select
    gaps.feed,
    gaps.production_date,
    max(gaps.gap_kind) as gap_kind,
    max(gaps.reason) as reason
from gaps
left join attempts as filling
    on
        gaps.feed = filling.feed
        and filling.is_accepted
        and gaps.production_date <= filling.production_date
        and (
            gaps.file_name = filling.file_name
            or (
                gaps.production_date < filling.production_date
                and gaps.production_date between filling.first_date and filling.last_date
            )
        )
where filling.feed is null
group by gaps.feed, gaps.production_date
