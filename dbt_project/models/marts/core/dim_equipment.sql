-- Grain: one row per piece of equipment and validity interval.
-- Resolves the ISA-95 chain once: every work unit knows its line and site.
with

equipment as (

    select
        equipment_id,
        equipment_name,
        equipment_level,
        parent_id,
        site_id,
        org_unit_id,
        valid_from,
        coalesce(valid_to, {{ open_end() }}) as valid_to
    from {{ ref('stg_mes__equipment') }}

)

select
    equipment.equipment_id,
    equipment.equipment_name,
    equipment.equipment_level,
    equipment.parent_id,
    equipment.site_id,
    case equipment.equipment_level
        when 'line' then equipment.equipment_id
        when 'work_unit' then parent_lines.equipment_id
    end as line_id,
    coalesce(equipment.org_unit_id, parent_lines.org_unit_id) as org_unit_id,
    greatest(equipment.valid_from, coalesce(parent_lines.valid_from, equipment.valid_from))
        as valid_from,
    least(equipment.valid_to, coalesce(parent_lines.valid_to, equipment.valid_to)) as valid_to
from equipment
left join equipment as parent_lines
    on
        equipment.parent_id = parent_lines.equipment_id
        and equipment.equipment_level = 'work_unit'
        and parent_lines.equipment_level = 'line'
        and equipment.valid_from <= parent_lines.valid_to
        and equipment.valid_to >= parent_lines.valid_from
