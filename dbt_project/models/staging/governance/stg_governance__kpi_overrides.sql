-- Grain: one row per figure that somebody had replaced in the planning tool.
select
    override_id,
    kpi_id,
    org_unit_id,
    period as period_label,
    old_value,
    new_value,
    reason,
    requested_by,
    approved_by,
    created_ts_utc as created_at_utc,
    expires as expires_date,
    _delivery_date as delivery_date
from {{ source('raw', 'kpi_overrides') }}
