-- Grain: one row per confirmation of an operation of a production order.
select
    production_order_id,
    operation_no,
    confirmation_no,
    product_id,
    work_centre as work_centre_id,
    planned_end_utc as planned_end_at_utc,
    actual_start_utc as actual_start_at_utc,
    actual_end_utc as actual_end_at_utc,
    actual_end_local as actual_end_at_local,
    labour_hours,
    good_qty,
    scrap_qty,
    reversal_of,
    _delivery_date as delivery_date
from {{ source('raw', 'mes_operation_confirmations') }}
