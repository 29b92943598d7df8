-- Grain: one row per cycle, team, member who scores and member who is scored, under tokens.
-- Read by Python: whether a team that is paid together carries a member.
select
    cycle_id,
    team_id,
    plan_id,
    rater_token,
    subject_token,
    score
from {{ ref('stg_teamwork__peer_assessments') }}
