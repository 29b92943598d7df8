-- Grain: one row per id that a person has in another system.
select
    source_system as source_system_code,
    source_id,
    employee_id,
    valid_from,
    valid_to,
    _delivery_date as delivery_date
from {{ source('raw', 'hr_person_crosswalk') }}
