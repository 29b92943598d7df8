-- Grain: one row per version of a corrective action.
select
    action_id,
    version as version_no,
    origin_kind as origin_kind_code,
    origin_id,
    owner_id,
    root_cause_method as root_cause_method_code,
    created_date,
    due_date,
    original_due_date,
    completed_date,
    effectiveness_check as effectiveness_code,
    _delivery_date as delivery_date
from {{ source('raw', 'corrective_actions') }}
