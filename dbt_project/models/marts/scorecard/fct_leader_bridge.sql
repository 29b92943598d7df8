-- Grain: one row per KPI, site, month, month that it is compared with and part of the change, where
-- lines of the site changed their leader and the effects of both can be told.
-- As fct_kpi_bridge, with a part for the changes of leaders. Computed by
-- orchestration/governance/bridges.py. Not published: the part of one change of leaders is a figure
-- about two persons.
select
    cast(kpi_id as varchar) as kpi_id,
    cast(entity_kind as varchar) as entity_kind,
    cast(entity_id as varchar) as entity_id,
    cast(period_kind as varchar) as period_kind,
    cast(period_start_date as date) as period_start_date,
    cast(comparison as varchar) as comparison,
    cast(compared_start_date as date) as compared_start_date,
    cast(part as varchar) as part,
    cast(baseline_value as double) as baseline_value,
    cast(outcome_value as double) as outcome_value,
    cast(contribution_value as double) as contribution_value,
    cast(low_value as double) as low_value,
    cast(high_value as double) as high_value,
    cast(not_told as varchar) as not_told
from {{ source('statistics', 'leader_bridges') }}
