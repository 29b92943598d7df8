-- Grain: one row per site, month and kind of person.
select
    site as site_id,
    period as period_start_date,
    person_kind as person_kind_code,
    hours as hours_worked,
    average_headcount,
    source as source_code,
    _delivery_date as delivery_date
from {{ source('raw', 'ehs_hours_worked') }}
