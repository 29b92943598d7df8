-- Grain: one row per line of a delivery to a customer; reversals are rows of their own.
select
    delivery_id,
    delivery_line,
    order_id,
    line_no,
    shipped_qty,
    uom as unit_code,
    goods_issue_date,
    delivered_date,
    reversal_of,
    _delivery_date as delivery_date
from {{ source('raw', 'erp_deliveries') }}
