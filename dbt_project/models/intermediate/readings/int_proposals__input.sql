{{ config(materialized='view') }}
-- Grain: one row per KPI with a better side and site or company that is a matter of one org unit.
-- What levels for a target are held to: the bound of capacity (of the unit, else of all units) and
-- the odds that the policy asks for.
with

units as (

    select
        places.entity_kind,
        places.entity_id,
        min(places.org_unit_id) as org_unit_id
    from {{ ref('bridge_entity_units') }} as places
    cross join {{ ref('int_run__parameters') }} as run
    where
        places.entity_kind in ('site', 'enterprise')
        and run.as_of_date between places.valid_from and places.valid_to
    group by places.entity_kind, places.entity_id
    having count(distinct places.org_unit_id) = 1

),

bounds as (

    select
        kpi_id,
        org_unit_id,
        cast(bound_level as double) as bound_level
    from {{ source('registry', 'capacity_bounds') }}

),

policy as (

    select max(cast(least_odds as double)) as least_odds
    from {{ source('registry', 'goal_policy') }}

)

select
    kpis.kpi_id,
    units.entity_kind,
    units.entity_id,
    units.org_unit_id,
    kpis.direction,
    coalesce(of_unit.bound_level, of_all.bound_level) as bound_level,
    policy.least_odds
from {{ source('registry', 'kpis') }} as kpis
cross join units
cross join policy
left join bounds as of_unit
    on kpis.kpi_id = of_unit.kpi_id and units.org_unit_id = of_unit.org_unit_id
left join bounds as of_all
    on kpis.kpi_id = of_all.kpi_id and of_all.org_unit_id is null
where kpis.direction in ('higher', 'lower')
