-- Grain: one row per action of a development plan, as last reported.
select
    idp_id,
    employee_id,
    competency_id,
    linked_kpi_id,
    start_date,
    due_date,
    closed_date,
    status as status_code,
    stretch as is_stretch,
    _delivery_date as delivery_date
from {{ source('raw', 'hr_development_plans') }}
