-- Grain: one row per purchase order line, as last delivered.
select
    po_id,
    line_no,
    supplier_id,
    plant as site_id,
    product_id,
    order_qty,
    order_date,
    due_date,
    status as status_code,
    deletion_flag as is_deleted,
    _delivery_date as delivery_date
from {{ source('raw', 'erp_purchase_order_lines') }}
