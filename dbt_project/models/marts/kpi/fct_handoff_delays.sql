-- Grain: one row per finished piece of work and party, and one per team of a site over all of them.
-- Who held up work that went through several teams, by the critical path of its hand-offs; waits
-- that nobody answers for are the party 'unassigned'. By orchestration/governance/teamwork.py.
select
    cast(site_id as varchar) as site_id,
    cast(item_id as varchar) as item_id,
    cast(team_id as varchar) as team_id,
    cast(item_count as bigint) as item_count,
    cast(planned_days as decimal(18, 6)) as planned_days,
    cast(actual_days as decimal(18, 6)) as actual_days,
    cast(delay_days as decimal(18, 6)) as delay_days,
    cast(excess_days as decimal(18, 6)) as excess_days,
    cast(is_on_path as boolean) as is_on_path,
    cast(p_value as double) as p_value,
    cast(verdict as varchar) as verdict,
    cast(refusal as varchar) as refusal
from {{ source('statistics', 'handoff_delays') }}
