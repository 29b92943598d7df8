-- Grain: one row per product.
select
    product_id,
    name as product_name,
    category as category_code,
    subcategory as subcategory_code,
    uom as unit_code,
    status as status_code,
    _delivery_date as delivery_date
from {{ source('raw', 'erp_products') }}
