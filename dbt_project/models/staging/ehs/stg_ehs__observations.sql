-- Grain: one row per safety observation.
select
    observation_id,
    site as site_id,
    observed_ts_local as observed_at_local,
    observer_id,
    kind as observation_kind_code,
    category as category_code,
    coached as is_coached,
    _delivery_date as delivery_date
from {{ source('raw', 'ehs_observations') }}
