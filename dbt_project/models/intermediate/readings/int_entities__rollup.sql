-- Grain: one row per entity, ancestor and interval of days in which the one belonged to the other.
-- Site and enterprise are not here: every measured row names its site, and all sites are the
-- enterprise, so no gap in master data can make a figure vanish on its way up.
with

work_units as (

    select
        equipment_id as machine_id,
        line_id,
        valid_from,
        valid_to
    from {{ ref('dim_equipment') }}
    where equipment_level = 'work_unit' and line_id is not null

),

org_ancestors as (

    select
        org_unit_id,
        ancestor_id,
        valid_from,
        valid_to
    from {{ ref('int_org__closure') }}
    where steps > 0

),

led as (

    select
        entity_kind,
        entity_id,
        leader_id,
        valid_from,
        valid_to
    from {{ ref('int_entities__led') }}

)

select
    'work_unit' as entity_kind,
    machine_id as entity_id,
    'line' as ancestor_kind,
    line_id as ancestor_id,
    valid_from,
    valid_to
from work_units

union all

select
    'org_unit' as entity_kind,
    org_unit_id as entity_id,
    'org_unit' as ancestor_kind,
    ancestor_id,
    valid_from,
    valid_to
from org_ancestors

union all

select
    entity_kind,
    entity_id,
    'leader' as ancestor_kind,
    leader_id as ancestor_id,
    valid_from,
    valid_to
from led
