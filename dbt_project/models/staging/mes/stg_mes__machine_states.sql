-- Grain: one row per state that a machine reported; repeats and overlaps still in it.
select
    machine_id,
    start_ts_utc as started_at_utc,
    sequence as sequence_no,
    end_ts_utc as ended_at_utc,
    site as site_id,
    state_raw,
    state as state_code,
    reason_code,
    order_id,
    _delivery_date as delivery_date
from {{ source('raw', 'mes_machine_states') }}
