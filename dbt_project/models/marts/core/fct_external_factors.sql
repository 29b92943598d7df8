-- Grain: one row per series, country and month.
-- The newest vintage, beside what was said first: the difference is what hindsight added.
with

vintages as (

    select
        factor_id,
        geography_code,
        period_start_date,
        factor_value,
        vintage_date,
        source_name,
        delivery_date,
        row_number() over (
            partition by factor_id, geography_code, period_start_date order by vintage_date
        ) as age,
        row_number() over (
            partition by factor_id, geography_code, period_start_date order by vintage_date desc
        ) as recency
    from {{ ref('stg_external__factors') }}

)

select
    factor_id,
    geography_code,
    period_start_date,
    max(factor_value) filter (where recency = 1) as factor_value,
    max(vintage_date) as vintage_date,
    max(factor_value) filter (where age = 1) as first_value,
    min(vintage_date) as first_vintage_date,
    count(*) as vintages,
    max(source_name) filter (where recency = 1) as source_name,
    max(delivery_date) as last_delivery_date
from vintages
group by factor_id, geography_code, period_start_date
