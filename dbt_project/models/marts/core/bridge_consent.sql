-- Grain: one row per employee, purpose and interval of days in which the employee said yes.
-- Whoever shows something per person joins this by person, purpose and day: no row is a no, for
-- those who refused, who were never asked and who took it back.
select
    employee_id,
    purpose_code,
    country_code,
    legal_basis_code,
    works_council_ref,
    valid_from,
    coalesce(valid_to, {{ open_end() }}) as valid_to
from {{ ref('stg_hr__consent') }}
where is_granted
