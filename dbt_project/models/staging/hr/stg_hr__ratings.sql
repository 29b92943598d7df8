-- Grain: one row per stage of an employee's rating in a cycle.
select
    cycle_id,
    employee_id,
    version as version_no,
    stage as stage_code,
    rating as rating_code,
    rating_num as rating_points,
    rater_id,
    decided_ts_utc as decided_at_utc,
    _delivery_date as delivery_date
from {{ source('raw', 'hr_ratings') }}
