-- Grain: one row per entry of a person's day; corrections and what they correct still in it.
select
    entry_id,
    employee_id,
    work_date,
    attended_hours,
    scheduled_hours,
    overtime_hours,
    supersedes as superseded_entry_id,
    _delivery_date as delivery_date
from {{ source('raw', 'hr_time_entries') }}
