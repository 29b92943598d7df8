-- Grain: one row per assignment of an employee and validity interval.
select
    employee_id,
    assignment_no,
    valid_from,
    valid_to,
    org_unit_id,
    job_title,
    job_level as job_level_code,
    manager_id,
    shift_id,
    fte,
    "primary" as is_primary,
    _delivery_date as delivery_date
from {{ source('raw', 'hr_assignments') }}
