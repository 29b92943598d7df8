-- Grain: one row per leader, kind of behaviour and month.
select
    leader_id,
    kind as behaviour_kind_code,
    period as period_start_date,
    planned as planned_count,
    _delivery_date as delivery_date
from {{ source('raw', 'leader_plans') }}
