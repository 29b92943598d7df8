-- Grain: one row per day (UTC), action and object of the reporting tool.
-- Counts and no person: per person usage is shown only with consent.
select
    cast(happened_at_utc as date) as usage_date,
    action_code,
    coalesce(object_id, 'none') as object_id,
    count(*) as event_count,
    count(distinct user_id) as user_count
from {{ ref('stg_governance__usage_log') }}
group by cast(happened_at_utc as date), action_code, coalesce(object_id, 'none')
