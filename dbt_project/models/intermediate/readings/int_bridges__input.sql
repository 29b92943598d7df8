{{ config(materialized='view') }}
-- Grain: one row per KPI, site, final month and line of the site; where lines are not read, one
-- for the site as a whole.
-- What a change of a site is made of. Ratios of sums only: a product of ratios, or a ratio with a
-- constant in it, is not the sum of its lines. What is blocked or overridden explains nothing.
with

readings as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_start_date,
        numerator,
        denominator
    from {{ ref('fct_kpi_readings') }}
    where
        entity_kind in ('site', 'line')
        and period_kind = 'month'
        and finality <> 'provisional'
        and trust_state not in ('blocked_input', 'overridden')
        and numerator is not null
        and denominator > 0

),

constants as (

    select distinct kpi_id
    from {{ source('registry', 'kpi_terms') }}
    where constant is not null

),

kpis as (

    select
        kpis.kpi_id,
        kpis.multiplier
    from {{ source('registry', 'kpis') }} as kpis
    left join constants on kpis.kpi_id = constants.kpi_id
    where
        kpis.factor_count = 1
        and kpis.has_denominator
        and constants.kpi_id is null

),

lines as (

    select distinct
        equipment_id as line_id,
        site_id
    from {{ ref('dim_equipment') }}
    where equipment_level = 'line'

),

of_lines as (

    select
        readings.kpi_id,
        lines.site_id,
        readings.period_start_date,
        readings.entity_id as unit_id,
        readings.numerator,
        readings.denominator
    from readings
    inner join lines on readings.entity_id = lines.line_id
    where readings.entity_kind = 'line'

),

kpis_of_lines as (

    select distinct kpi_id
    from of_lines

),

of_sites as (

    select
        readings.kpi_id,
        readings.entity_id as site_id,
        readings.period_start_date,
        readings.numerator,
        readings.denominator,
        kpis_of_lines.kpi_id is not null as has_lines
    from readings
    left join kpis_of_lines on readings.kpi_id = kpis_of_lines.kpi_id
    where readings.entity_kind = 'site'

),

units as (

    select
        of_sites.kpi_id,
        of_sites.site_id,
        of_sites.period_start_date,
        of_lines.unit_id,
        of_lines.numerator,
        of_lines.denominator,
        of_sites.numerator as site_numerator,
        of_sites.denominator as site_denominator
    from of_sites
    inner join of_lines
        on
            of_sites.kpi_id = of_lines.kpi_id
            and of_sites.site_id = of_lines.site_id
            and of_sites.period_start_date = of_lines.period_start_date
    where of_sites.has_lines
    union all
    select
        kpi_id,
        site_id,
        period_start_date,
        site_id as unit_id,
        numerator,
        denominator,
        numerator as site_numerator,
        denominator as site_denominator
    from of_sites
    where not has_lines

)

select
    units.kpi_id,
    units.site_id,
    units.period_start_date,
    units.unit_id,
    cast(units.numerator as double) as numerator,
    cast(units.denominator as double) as denominator,
    cast(units.site_numerator as double) as site_numerator,
    cast(units.site_denominator as double) as site_denominator,
    cast(kpis.multiplier as double) as multiplier
from units
inner join kpis on units.kpi_id = kpis.kpi_id
