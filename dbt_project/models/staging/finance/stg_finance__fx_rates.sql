-- Grain: one row per day, pair of currencies and kind of rate.
select
    rate_date,
    from_ccy as from_currency_code,
    to_ccy as to_currency_code,
    kind as rate_kind_code,
    rate as exchange_rate,
    _delivery_date as delivery_date
from {{ source('raw', 'fx_rates') }}
