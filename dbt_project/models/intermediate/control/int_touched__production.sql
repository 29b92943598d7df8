{{ config(materialized='view') }}
-- Grain: one row per range of days that a production feed, or time alone, touched in this run.
select
    touched_ranges.from_date,
    touched_ranges.to_date
from {{ source('ops', 'touched') }} as touched_ranges
left join {{ source('registry', 'feeds') }} as feeds on touched_ranges.feed = feeds.feed
where feeds.feed is null or feeds.domain = 'production'
