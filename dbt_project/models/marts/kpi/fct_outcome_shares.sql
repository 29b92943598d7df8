-- Grain: one row per measured piece of work, rule and team.
-- Whose an outcome is that several teams worked for, by four rules, and how far these disagree. By
-- orchestration/governance/teamwork.py.
select
    cast(item_id as varchar) as item_id,
    cast(site_id as varchar) as site_id,
    cast(team_id as varchar) as team_id,
    cast(rule as varchar) as rule_code,
    cast(share as double) as share_ratio,
    cast(low_share as double) as low_share_ratio,
    cast(high_share as double) as high_share_ratio,
    cast(is_order_stable as boolean) as is_order_stable,
    cast(share_hours as decimal(18, 6)) as share_hours,
    cast(refusal as varchar) as refusal
from {{ source('statistics', 'outcome_shares') }}
