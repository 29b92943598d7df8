-- Grain: one row per employment: a re-hire is a second row.
select
    employee_id,
    hire_date,
    exit_date,
    exit_reason as exit_reason_code,
    exit_voluntary as is_exit_voluntary,
    worker_type as worker_type_code,
    fte,
    site as site_id,
    _delivery_date as delivery_date
from {{ source('raw', 'hr_employees') }}
