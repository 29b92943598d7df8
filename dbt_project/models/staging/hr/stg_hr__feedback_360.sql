-- Grain: one row per cycle, leader, rater and behaviour.
-- The comment stays in the guard's table: its words tell who wrote it.
select
    cycle_id,
    subject_id,
    rater_token,
    relationship as relationship_code,
    behaviour_id,
    score,
    scale_min,
    scale_max,
    not_observed as is_not_observed,
    completed_ts_utc as completed_at_utc,
    _delivery_date as delivery_date
from {{ source('raw', 'hr_feedback_360') }}
