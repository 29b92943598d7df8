-- Grain: one row per entry about a stop; corrections and what they correct still in it.
select
    downtime_id,
    machine_id,
    start_ts_utc as started_at_utc,
    end_ts_utc as ended_at_utc,
    start_ts_local as started_at_local,
    end_ts_local as ended_at_local,
    planned as is_planned,
    reason_code,
    supersedes as superseded_downtime_id,
    _delivery_date as delivery_date
from {{ source('raw', 'mes_downtime_events') }}
