-- Grain: one row per employee and validity interval.
-- Lies in the schema `restricted`. The input of the bias audit alone reads it: what leaves are
-- results of groups.
select
    employee_id,
    valid_from,
    gender as gender_code,
    age_band as age_band_code,
    ethnicity as ethnicity_code,
    disability as disability_code,
    tenure_band as tenure_band_code,
    _delivery_date as delivery_date
from {{ source('restricted', 'hr_demographics') }}
