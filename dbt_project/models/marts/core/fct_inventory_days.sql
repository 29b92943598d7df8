-- Grain: one row per day that has a snapshot, site and product.
-- Stock over locations and batches; the safety stock is the product's own and counted once.
select
    snapshot_date,
    site_id,
    product_id,
    unit_code,
    currency_code,
    cast(sum(stock_qty) as decimal(18, 3)) as stock_qty,
    cast(sum(stock_value) as decimal(18, 4)) as stock_value,
    max(safety_stock_qty) as safety_stock_qty,
    coalesce(sum(stock_qty) < max(safety_stock_qty), false) as is_below_safety_stock,
    count(*) as stock_lines,
    max(delivery_date) as last_delivery_date
from {{ ref('stg_erp__inventory_snapshots') }}
group by snapshot_date, site_id, product_id, unit_code, currency_code
