-- Grain: one row per org unit and validity interval; a new leader or parent is a new interval.
select
    org_unit_id,
    org_unit_name,
    org_unit_kind,
    parent_id,
    leader_id,
    site_id,
    valid_from,
    coalesce(valid_to, {{ open_end() }}) as valid_to
from {{ ref('stg_hr__org_units') }}
