-- Grain: one row per task of a piece of work, as it stands.
select
    item_id,
    task_no,
    site as site_id,
    team_id,
    function as function_code,
    waits_for_task_no,
    also_waits_for_task_no,
    agreed_weight,
    planned_days,
    started_date,
    handed_on_date
from {{ source('raw', 'work_handoffs') }}
