{{ config(materialized='view') }}
-- Grain: one row per KPI, declared driver, site and month that it bears on.
-- A series bears on a site of its country so many months later as was declared. Its newest vintage
-- counts: a bridge looks back, it decides nothing on the day.
with

drivers as (

    select
        kpi_id,
        factor_id,
        role_code,
        lag_months
    from {{ source('registry', 'kpi_drivers') }}

),

factors as (

    select
        factor_id,
        geography_code,
        period_start_date,
        factor_value
    from {{ ref('fct_external_factors') }}
    where factor_value > 0

),

sites as (

    select
        site_id,
        country_code
    from {{ source('registry', 'sites') }}

)

select
    drivers.kpi_id,
    drivers.factor_id,
    drivers.role_code,
    sites.site_id,
    factors.period_start_date,
    drivers.lag_months,
    cast(factors.factor_value as double) as factor_value
from drivers
inner join factors on drivers.factor_id = factors.factor_id
inner join sites on factors.geography_code = sites.country_code
