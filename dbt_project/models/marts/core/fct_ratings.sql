-- Grain: one row per cycle and employee: the highest version, beside what was proposed first.
-- How far calibration moved a rating is a figure of its own; nobody's rating is a KPI.
with

versions as (

    select
        cycle_id,
        employee_id,
        version_no,
        stage_code,
        rating_code,
        rating_points,
        rater_id,
        decided_at_utc,
        row_number() over (partition by cycle_id, employee_id order by version_no desc) as recency,
        first_value(rating_points) over (
            partition by cycle_id, employee_id order by version_no
        ) as proposed_points
    from {{ ref('stg_hr__ratings') }}

)

select
    cycle_id,
    employee_id,
    version_no,
    stage_code,
    rating_code,
    rating_points,
    proposed_points,
    rater_id,
    decided_at_utc
from versions
where recency = 1
