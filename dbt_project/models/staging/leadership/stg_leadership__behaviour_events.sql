-- Grain: one row per thing a leader did: a walk, a coaching session.
select
    event_id,
    leader_id,
    kind as behaviour_kind_code,
    event_ts_local as happened_at_local,
    site as site_id,
    planned as is_planned,
    _delivery_date as delivery_date
from {{ source('raw', 'leader_behaviour_events') }}
