-- Grain: one row per operation of a product at a work centre and validity interval.
select
    product_id,
    operation_no,
    work_centre as work_centre_id,
    planned_run_time_s_per_unit as planned_run_seconds_per_unit,
    setup_time_min as setup_minutes,
    valid_from,
    valid_to,
    _delivery_date as delivery_date
from {{ source('raw', 'erp_routings') }}
