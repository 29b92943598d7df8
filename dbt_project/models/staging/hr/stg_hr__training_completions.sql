-- Grain: one row per assignment of a course to an employee, as last reported.
select
    employee_id,
    course_id,
    assigned_date,
    due_date,
    completed_date,
    status as status_code,
    mandatory as is_mandatory,
    expires as expires_date,
    _delivery_date as delivery_date
from {{ source('raw', 'hr_training_completions') }}
