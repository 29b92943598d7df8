{{ config(materialized='view') }}
-- Grain: one row per source, cycle, person rated, rater, relationship and item.
-- What severity and agreement of raters are estimated from: ratings as managers proposed them, and
-- the scores of 360 feedback that others than the person gave.
select
    'ratings' as source_code,
    cycle_id,
    employee_id as ratee_id,
    rater_id,
    'manager' as relationship_code,
    'rating' as item_id,
    cast(rating_points as double) as score
from {{ ref('stg_hr__ratings') }}
where stage_code = 'proposed' and rating_points is not null

union all

select
    'feedback_360' as source_code,
    cycle_id,
    subject_id as ratee_id,
    rater_token as rater_id,
    relationship_code,
    behaviour_id as item_id,
    cast(score as double) as score
from {{ ref('stg_hr__feedback_360') }}
where relationship_code <> 'self' and not is_not_observed and score is not null
