-- Grain: one row per audience and set of rules, and one for the rules that are in force.
-- What a set costs in false alarms on the charts of the audience, and how soon it finds a change:
-- too many and nobody looks any more, too few and a change is seen late. Computed by
-- orchestration/governance/alarms.py. A set is put in force by the act chart_rules.change.
select
    cast(audience as varchar) as audience,
    cast(title as varchar) as title,
    cast(rule_set as varchar) as rule_set,
    cast(chart_count as bigint) as chart_count,
    cast(readings_per_month as double) as readings_per_month,
    cast(budget_per_month as double) as budget_per_month,
    cast(false_alarms_per_month as double) as false_alarms_per_month,
    cast(alarms_per_month as double) as alarms_per_month,
    cast(readings_to_find as bigint) as readings_to_find,
    cast(is_advised as boolean) as is_advised,
    cast(verdict as varchar) as verdict,
    cast(refusal as varchar) as refusal
from {{ source('statistics', 'alarm_budgets') }}
