-- Grain: one row per spell of absence, as it stands.
select
    absence_id,
    employee_id,
    kind as absence_kind_code,
    start_date,
    end_date,
    hours as missed_hours,
    approved as is_approved,
    _delivery_date as delivery_date
from {{ source('raw', 'hr_absences') }}
