-- Grain: one row per product, work centre and validity interval: planned run time of one unit.
-- Where a product passes a work centre more than once, its operations there add up.
select
    product_id,
    work_centre_id,
    valid_from,
    coalesce(valid_to, {{ open_end() }}) as valid_to,
    sum(planned_run_seconds_per_unit) as planned_run_seconds_per_unit
from {{ ref('stg_erp__routings') }}
group by product_id, work_centre_id, valid_from, coalesce(valid_to, {{ open_end() }})
