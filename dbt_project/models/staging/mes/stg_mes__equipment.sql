-- Grain: one row per piece of equipment and validity interval, as the MES master data gives it.
select
    machine_id as equipment_id,
    site as site_id,
    parent_id,
    level as equipment_level,
    name as equipment_name,
    org_unit_id,
    ideal_rate_per_h,
    time_zone,
    valid_from,
    valid_to,
    _delivery_date as delivery_date
from {{ source('raw', 'mes_equipment') }}
