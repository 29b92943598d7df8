-- Grain: one row per thing that a user did in the reporting tool.
select
    event_id,
    user_id,
    event_ts_utc as happened_at_utc,
    action as action_code,
    object_id,
    session_id,
    duration_s as duration_seconds,
    _delivery_date as delivery_date
from {{ source('raw', 'bi_usage_log') }}
