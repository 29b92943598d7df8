-- Grain: one row per line of a customer's complaint or return, as last delivered.
select
    complaint_id,
    line_no as complaint_line_no,
    customer_id,
    order_id,
    product_id,
    batch_id,
    cast(opened_ts_local as date) as opened_date,
    cast(closed_ts_local as date) as closed_date,
    defect_code,
    qty as complained_qty,
    severity as severity_code,
    justified as is_justified,
    cost as complaint_cost,
    _delivery_date as delivery_date
from {{ source('raw', 'erp_complaints_returns') }}
