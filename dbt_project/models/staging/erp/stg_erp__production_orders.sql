-- Grain: one row per production order, as last delivered.
select
    production_order_id,
    plant as site_id,
    product_id,
    order_qty,
    good_qty,
    scrap_qty,
    scrap_reason as scrap_reason_code,
    due_date,
    actual_start as actual_start_date,
    actual_end as actual_end_date,
    status as status_code,
    _delivery_date as delivery_date
from {{ source('raw', 'erp_production_orders') }}
