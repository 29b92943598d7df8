-- Grain: one row per site's published monthly reading, month that it is compared with and part of
-- the change.
-- Why a figure is another than a month or a year ago. The parts add up to the change; the ends of
-- their intervals do not add up to anything. Computed by orchestration/governance/bridges.py from
-- computed values; what stands from an earlier snapshot (locked, withheld) is not explained by
-- newer figures. Effects of leaders are in no part of it: see fct_leader_bridge.
with

published as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date
    from {{ ref('fct_published_readings') }}
    where not is_locked and not is_withheld

),

bridges as (

    -- Where nothing is compared the columns have no type of their own.
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
    from {{ source('statistics', 'kpi_bridges') }}

)

select
    bridges.kpi_id,
    bridges.entity_kind,
    bridges.entity_id,
    bridges.period_kind,
    bridges.period_start_date,
    bridges.comparison,
    bridges.compared_start_date,
    bridges.part,
    bridges.baseline_value,
    bridges.outcome_value,
    bridges.contribution_value,
    bridges.low_value,
    bridges.high_value,
    bridges.not_told
from bridges
inner join published as present
    on
        bridges.kpi_id = present.kpi_id
        and bridges.entity_kind = present.entity_kind
        and bridges.entity_id = present.entity_id
        and bridges.period_kind = present.period_kind
        and bridges.period_start_date = present.period_start_date
inner join published as compared
    on
        bridges.kpi_id = compared.kpi_id
        and bridges.entity_kind = compared.entity_kind
        and bridges.entity_id = compared.entity_id
        and bridges.period_kind = compared.period_kind
        and bridges.compared_start_date = compared.period_start_date
