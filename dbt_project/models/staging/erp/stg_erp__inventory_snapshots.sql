-- Grain: one row per day, site, storage location, product and batch.
select
    snapshot_date,
    plant as site_id,
    storage_location as storage_location_id,
    product_id,
    batch_id,
    qty as stock_qty,
    uom as unit_code,
    value as stock_value,
    currency as currency_code,
    safety_stock as safety_stock_qty,
    _delivery_date as delivery_date
from {{ source('raw', 'erp_inventory_snapshots') }}
