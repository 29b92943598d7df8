-- Grain: one row per spell of absence, as it stands.
-- Planned absence was agreed before it began; only the rest of it counts as absenteeism. Why
-- somebody was away is not here, because it is nowhere.
select
    absence_id,
    employee_id,
    absence_kind_code,
    absence_kind_code in ('sick', 'unexcused') as is_unplanned,
    start_date,
    coalesce(end_date, {{ open_end() }}) as end_date,
    missed_hours,
    delivery_date
from {{ ref('stg_hr__absences') }}
