-- Grain: one row per piece of work that was measured.
select
    item_id,
    site as site_id,
    measured_date,
    saved_hours
from {{ source('raw', 'work_outcomes') }}
