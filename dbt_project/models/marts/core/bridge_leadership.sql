-- Grain: one row per leader, org unit and interval of days in which the leader led it.
-- Who answered for a unit on a given day; `leadership_share` is 1 until units are led jointly.
select
    leader_id,
    org_unit_id,
    valid_from,
    valid_to,
    cast(1 as decimal(5, 4)) as leadership_share
from {{ ref('dim_org_units') }}
where leader_id is not null
