-- Grain: one row per version of an incident.
select
    incident_id,
    version as version_no,
    site as site_id,
    occurred_ts_local as occurred_at_local,
    person_kind as person_kind_code,
    case_class as case_class_code,
    lost_days,
    status as status_code,
    _delivery_date as delivery_date
from {{ source('raw', 'ehs_incidents') }}
