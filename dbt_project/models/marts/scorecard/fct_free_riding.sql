-- Grain: one row per cycle and team that is paid together.
-- Whether the peers of a team say that they carry one of them. The team and its plan of pay are in
-- question; who the member is, is in no row. By orchestration/governance/teamwork.py. Not
-- published: in a small team everybody knows who is meant.
select
    cast(cycle_id as varchar) as cycle_id,
    cast(team_id as varchar) as team_id,
    cast(plan_id as varchar) as plan_id,
    cast(score_count as bigint) as score_count,
    cast(rater_count as bigint) as rater_count,
    cast(member_count as bigint) as member_count,
    cast(gap_points as double) as gap_points,
    cast(gap_without_one_points as double) as gap_without_one_points,
    cast(p_value as double) as p_value,
    cast(adjusted_p_value as double) as adjusted_p_value,
    cast(verdict as varchar) as verdict,
    cast(refusal as varchar) as refusal
from {{ source('statistics', 'free_riding') }}
