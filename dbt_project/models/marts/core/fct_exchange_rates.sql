-- Grain: one row per day, pair of currencies and kind of rate.
select
    rate_date,
    from_currency_code,
    to_currency_code,
    rate_kind_code,
    exchange_rate,
    delivery_date as last_delivery_date
from {{ ref('stg_finance__fx_rates') }}
