-- Grain: one row per remark on a figure.
-- The words stay in the guard's table; here is that there are some, of which kind, and by whom.
select
    annotation_id,
    kpi_id,
    org_unit_id,
    period as period_label,
    author_id,
    created_ts_utc as created_at_utc,
    kind as annotation_kind_code,
    _delivery_date as delivery_date
from {{ source('raw', 'kpi_annotations') }}
