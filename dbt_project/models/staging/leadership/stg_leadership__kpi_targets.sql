-- Grain: one row per version of a target agreed with an org unit.
select
    kpi_id,
    org_unit_id,
    period as period_label,
    version as version_no,
    threshold as threshold_level,
    target as target_level,
    stretch as stretch_level,
    valid_from,
    approved_by,
    change_reason,
    _delivery_date as delivery_date
from {{ source('raw', 'kpi_targets') }}
