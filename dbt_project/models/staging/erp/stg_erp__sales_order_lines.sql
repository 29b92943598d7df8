-- Grain: one row per schedule line of a sales order, as last delivered.
select
    order_id,
    line_no,
    schedule_no,
    sales_org as sales_org_code,
    plant as site_id,
    customer_id,
    product_id,
    order_qty,
    uom as unit_code,
    net_value,
    currency as currency_code,
    order_date,
    requested_date,
    confirmed_date,
    status as status_code,
    _delivery_date as delivery_date
from {{ source('raw', 'erp_sales_order_lines') }}
