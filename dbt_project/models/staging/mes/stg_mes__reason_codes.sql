-- Grain: one row per reason code of a site and validity interval.
select
    site as site_id,
    reason_code,
    reason_text,
    loss_class as loss_class_code,
    enterprise_code as enterprise_reason_code,
    valid_from,
    valid_to,
    _delivery_date as delivery_date
from {{ source('raw', 'mes_reason_codes') }}
