-- Grain: one row per remark on a figure.
select
    annotation_id,
    kpi_id,
    org_unit_id,
    period_label,
    author_id,
    created_at_utc,
    annotation_kind_code
from {{ ref('stg_governance__kpi_annotations') }}
