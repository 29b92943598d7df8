-- Grain: one row per answer of an employee to one purpose, first to last day inclusive.
select
    employee_id,
    jurisdiction as country_code,
    purpose as purpose_code,
    legal_basis as legal_basis_code,
    granted as is_granted,
    valid_from,
    valid_to,
    works_council_ref,
    _delivery_date as delivery_date
from {{ source('raw', 'hr_consent') }}
