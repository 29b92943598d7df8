-- Grain: one row per piece of a person's working day.
select
    booking_id,
    employee_id as operator_id,
    order_id,
    operation_no,
    work_centre as work_centre_id,
    start_ts_utc as started_at_utc,
    start_ts_local as started_at_local,
    hours as booked_hours,
    kind as booking_kind_code,
    _delivery_date as delivery_date
from {{ source('raw', 'mes_labour_bookings') }}
