-- Grain: one row per line or machine and shift; the guard resolved the zone.
select
    site as site_id,
    line_or_machine as calendar_id,
    shift_date as production_date,
    shift_id,
    start_utc as opens_at_utc,
    end_utc as closes_at_utc,
    break_minutes,
    working as is_working,
    _delivery_date as delivery_date
from {{ source('raw', 'mes_shift_calendar') }}
