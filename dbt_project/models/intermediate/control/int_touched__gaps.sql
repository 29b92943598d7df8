-- Grain: one row per production day whose missing delivery is new or has come since the last run.
-- What readings say of their trust changes with it, and no figure of a machine does.
with

now_missing as (

    select
        feed,
        production_date,
        gap_kind,
        reason
    from {{ ref('int_feeds__gaps') }}

),

was_missing as (

    select
        feed,
        production_date,
        gap_kind,
        reason
    from {{ source('ops', 'published_gaps') }}

)

select distinct
    coalesce(now_missing.production_date, was_missing.production_date)
        as production_date
from now_missing
full outer join was_missing
    on
        now_missing.feed = was_missing.feed
        and now_missing.production_date = was_missing.production_date
        and now_missing.gap_kind = was_missing.gap_kind
        and now_missing.reason = was_missing.reason
where now_missing.feed is null or was_missing.feed is null
