-- Grain: one row per org unit and validity interval; a new leader is a new row.
select
    org_unit_id,
    name as org_unit_name,
    parent_id,
    kind as org_unit_kind,
    leader_id,
    site as site_id,
    valid_from,
    valid_to,
    _delivery_date as delivery_date
from {{ source('raw', 'hr_org_units') }}
