-- Grain: one row per maintenance order, as it stands.
select
    work_order_id,
    site as site_id,
    machine_id,
    kind as order_kind_code,
    opened_ts_utc as opened_at_utc,
    started_ts_utc as started_at_utc,
    finished_ts_utc as finished_at_utc,
    opened_ts_local as opened_at_local,
    finished_ts_local as finished_at_local,
    due_date,
    labour_hours,
    failure_event_id as failure_downtime_id,
    status as status_code,
    _delivery_date as delivery_date
from {{ source('raw', 'cmms_work_orders') }}
