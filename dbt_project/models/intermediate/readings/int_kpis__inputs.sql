-- Grain: one row per KPI.
-- What stands between a KPI and its figures: feeds that never came, that were refused or are late,
-- and how long after a period's end its feeds are complete.
with

kpi_feeds as (

    select distinct
        terms.kpi_id,
        measure_feeds.feed
    from {{ source('registry', 'kpi_terms') }} as terms
    inner join {{ source('registry', 'measure_feeds') }} as measure_feeds
        on terms.measure_id = measure_feeds.measure_id

),

feeds as (

    select
        feed,
        latency_days,
        first_accepted_date,
        last_accepted_date,
        feed_state,
        state_reason
    from {{ ref('int_feeds__status') }}

)

select
    kpi_feeds.kpi_id,
    max(feeds.latency_days) as latency_days,
    max(feeds.first_accepted_date) as first_accepted_date,
    {{ joined('feeds.feed', 'feeds.feed') }} filter (
        where feeds.feed_state = 'never_delivered'
    ) as never_delivered_feeds,
    {{ joined(
        "feeds.feed || ' (' || coalesce(feeds.state_reason, 'refused') || ')'", 'feeds.feed'
    ) }} filter (where feeds.feed_state = 'blocked') as blocked_feeds,
    -- Of a feed that was refused from the start every period is affected.
    min(coalesce(feeds.last_accepted_date, cast('0001-01-01' as date))) filter (
        where feeds.feed_state = 'blocked'
    ) as blocked_from_date,
    {{ joined('feeds.feed', 'feeds.feed') }} filter (
        where feeds.feed_state = 'late'
    ) as late_feeds,
    min(feeds.last_accepted_date) filter (where feeds.feed_state = 'late') as late_from_date
from kpi_feeds
inner join feeds on kpi_feeds.feed = feeds.feed
group by kpi_feeds.kpi_id
