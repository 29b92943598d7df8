-- Grain: one row per entity, org unit that it belongs to and interval of days.
-- Decides what a lock of a unit covers. A leader belongs to what they lead; the company as a whole,
-- its suppliers and its products to the units that have none above them.
with

equipment as (

    select
        equipment_level,
        equipment_id,
        site_id,
        org_unit_id,
        valid_from,
        valid_to
    from {{ ref('dim_equipment') }}
    where equipment_level in ('site', 'line', 'work_unit') and org_unit_id is not null

),

units as (

    select
        org_unit_id,
        parent_id,
        site_id,
        valid_from,
        valid_to
    from {{ ref('dim_org_units') }}

),

-- The highest units of a site: nothing above them is of the same site.
site_units as (

    select
        units.site_id,
        units.org_unit_id,
        units.valid_from,
        units.valid_to
    from units
    left join units as parents
        on
            units.parent_id = parents.org_unit_id
            and units.site_id = parents.site_id
            and units.valid_from <= parents.valid_to
            and units.valid_to >= parents.valid_from
    where units.site_id is not null and parents.org_unit_id is null

),

roots as (

    select
        org_unit_id,
        valid_from,
        valid_to
    from units
    where parent_id is null

),

entities as (

    select
        entity_kind,
        entity_id,
        site_id
    from {{ ref('dim_entities') }}
    where entity_kind in ('enterprise', 'site', 'supplier', 'product_category', 'scrap_reason')

),

belongings as (

    select
        equipment_level as entity_kind,
        equipment_id as entity_id,
        org_unit_id,
        valid_from,
        valid_to
    from equipment
    where equipment_level <> 'site'

    union all

    select
        'org_unit' as entity_kind,
        org_unit_id as entity_id,
        org_unit_id,
        valid_from,
        valid_to
    from units

    union all

    select
        'leader' as entity_kind,
        leader_id as entity_id,
        org_unit_id,
        valid_from,
        valid_to
    from {{ ref('bridge_leadership') }}

    union all

    select
        entities.entity_kind,
        entities.entity_id,
        site_units.org_unit_id,
        site_units.valid_from,
        site_units.valid_to
    from entities
    inner join site_units on entities.site_id = site_units.site_id

    union all

    select
        entities.entity_kind,
        entities.entity_id,
        equipment.org_unit_id,
        equipment.valid_from,
        equipment.valid_to
    from entities
    inner join equipment on entities.site_id = equipment.site_id
    where equipment.equipment_level = 'site'

    union all

    select
        entities.entity_kind,
        entities.entity_id,
        roots.org_unit_id,
        roots.valid_from,
        roots.valid_to
    from entities
    cross join roots
    where entities.site_id is null

)

select
    entity_kind,
    entity_id,
    org_unit_id,
    valid_from,
    max(valid_to) as valid_to
from belongings
group by
    entity_kind,
    entity_id,
    org_unit_id,
    valid_from
