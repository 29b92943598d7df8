-- Grain: one row per series, country, month and vintage.
select
    factor_id,
    geography as geography_code,
    period as period_start_date,
    value as factor_value,
    vintage as vintage_date,
    source as source_name,
    _delivery_date as delivery_date
from {{ source('raw', 'external_factors') }}
