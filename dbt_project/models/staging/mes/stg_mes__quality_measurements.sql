-- Grain: one row per measured part and characteristic.
select
    measurement_id,
    site as site_id,
    machine_id,
    product_id,
    characteristic_id,
    subgroup_id,
    sample_no,
    measured_ts_utc as measured_at_utc,
    value as measured_value,
    unit as unit_code,
    lsl as lower_specification,
    usl as upper_specification,
    target as target_value,
    gauge_id,
    _delivery_date as delivery_date
from {{ source('raw', 'mes_quality_measurements') }}
