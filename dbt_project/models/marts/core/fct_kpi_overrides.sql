-- Grain: one row per figure that somebody had replaced in the planning tool.
-- The replacement is told beside the figure and never laid over it.
select
    override_id,
    kpi_id,
    org_unit_id,
    period_label,
    old_value,
    new_value,
    reason,
    requested_by,
    approved_by,
    created_at_utc,
    expires_date
from {{ ref('stg_governance__kpi_overrides') }}
