-- Grain: one row per line of a customer's complaint or return.
-- The site is that of the order it names; a complaint without an order belongs to none.
with

orders as (

    select
        order_id,
        product_id,
        min(site_id) as site_id,
        min(promised_date) as promised_date
    from {{ ref('fct_sales_order_lines') }}
    group by order_id, product_id

)

select
    complaints.complaint_id,
    complaints.complaint_line_no,
    orders.site_id,
    complaints.customer_id,
    complaints.order_id,
    complaints.product_id,
    complaints.batch_id,
    complaints.opened_date,
    complaints.closed_date,
    orders.promised_date,
    complaints.defect_code,
    complaints.severity_code,
    complaints.complained_qty,
    complaints.is_justified,
    complaints.complaint_cost
from {{ ref('stg_erp__complaints') }} as complaints
left join orders
    on
        complaints.order_id = orders.order_id
        and complaints.product_id = orders.product_id
