-- Grain: one row per count that a machine reported.
select
    event_id,
    site as site_id,
    machine_id,
    order_id,
    operation as operation_no,
    event_ts_utc as counted_at_utc,
    event_ts_local as counted_at_local,
    good_qty,
    scrap_qty,
    rework_qty,
    uom as unit_code,
    count_kind as count_kind_code,
    reason_code,
    _delivery_date as delivery_date
from {{ source('raw', 'mes_production_counts') }}
