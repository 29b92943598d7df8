-- Grain: one row per cycle, team, member who scores and member who is scored, under tokens.
select
    cycle_id,
    team_id,
    rater_token,
    subject_token,
    plan_id,
    score
from {{ source('raw', 'peer_assessments') }}
