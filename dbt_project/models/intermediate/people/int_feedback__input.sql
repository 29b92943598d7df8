{{ config(materialized='view') }}
-- Grain: one row per cycle, leader, rater, relationship and behaviour.
-- What 360 results are summed up from: scores that were handed in by others than the leader, with
-- what the register says of their relationship.
select
    feedback.cycle_id,
    feedback.subject_id,
    feedback.rater_token as rater_id,
    feedback.relationship_code,
    feedback.behaviour_id as item_id,
    cast(feedback.score as double) as score,
    feedback.scale_min,
    feedback.scale_max,
    cast(declared.weight as double) as weight,
    declared.least_raters,
    declared.least_ratees,
    cast(declared.least_weight as double) as least_weight
from {{ ref('stg_hr__feedback_360') }} as feedback
inner join {{ source('registry', 'feedback_groups') }} as declared
    on feedback.relationship_code = declared.relationship_code
where
    feedback.score is not null
    and feedback.completed_at_utc is not null
    and not feedback.is_not_observed
