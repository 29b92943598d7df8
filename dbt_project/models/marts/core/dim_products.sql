-- Grain: one row per product.
select
    product_id,
    product_name,
    coalesce(category_code, 'UNCLASSIFIED') as category_code,
    subcategory_code,
    unit_code
from {{ ref('stg_erp__products') }}
