{{ config(materialized='view') }}
-- Grain: one row per benchmark, site and one of its last twelve final months; of a site without any
-- one row without a month.
-- How far the units of a benchmark are comparable with a site, and what its size takes off: what
-- agrees counts by its weight, size the less the more sizes differ, and a KPI that is defined
-- otherwise counts in part. What is not known of either side does not agree.
with

benchmarks as (

    select
        benchmark_id,
        kpi_id,
        period_end_date,
        unit_count,
        definition_share,
        per_doubling,
        industry_code,
        process_code,
        region_code,
        cast(employee_count as double) as employee_count,
        cast(p10_level as double) as p10_level,
        cast(p25_level as double) as p25_level,
        cast(p50_level as double) as p50_level,
        cast(p75_level as double) as p75_level,
        cast(p90_level as double) as p90_level
    from {{ source('registry', 'benchmarks') }}

),

sites as (

    select
        sites.site_id,
        profiles.industry_code,
        profiles.process_code,
        profiles.region_code,
        cast(profiles.employee_count as double) as employee_count
    from {{ source('registry', 'sites') }} as sites
    left join {{ source('registry', 'unit_profiles') }} as profiles
        on sites.site_id = profiles.site_id

),

policy as (

    select
        industry_weight,
        process_weight,
        region_weight,
        size_weight,
        cast(size_scale as double) as size_scale,
        least_score,
        years_valid,
        least_units
    from {{ source('registry', 'benchmark_policy') }}

),

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

pairs as (

    select
        benchmarks.*,
        sites.site_id,
        policy.least_score,
        policy.least_units,
        benchmarks.industry_code = sites.industry_code as has_industry,
        benchmarks.process_code = sites.process_code as has_process,
        benchmarks.region_code = sites.region_code as has_region,
        policy.industry_weight,
        policy.process_weight,
        policy.region_weight,
        policy.size_weight,
        cast(
            greatest(
                0, 1 - abs(ln(sites.employee_count / benchmarks.employee_count))
                / ln(policy.size_scale)
            ) as decimal(9, 6)
        ) as size_agreement,
        ln(benchmarks.employee_count / sites.employee_count) / ln(2) as doublings,
        benchmarks.period_end_date
        < {{ add_days('parameters.as_of_date', '-366 * policy.years_valid') }} as is_stale
    from benchmarks
    cross join sites
    cross join policy
    cross join parameters

),

months as (

    select
        kpi_id,
        entity_id,
        period_start_date,
        computed_value,
        row_number() over (
            partition by kpi_id, entity_id order by period_start_date desc
        ) as months_back
    from {{ ref('int_judgements__input') }}
    where
        entity_kind = 'site'
        and period_kind = 'month'
        and finality <> 'provisional'
        and computed_value is not null

),

kpis as (

    select
        kpi_id,
        direction
    from {{ source('registry', 'kpis') }}

)

select
    pairs.benchmark_id,
    pairs.kpi_id,
    pairs.site_id as entity_id,
    months.period_start_date,
    months.computed_value,
    kpis.direction,
    pairs.p10_level,
    pairs.p25_level,
    pairs.p50_level,
    pairs.p75_level,
    pairs.p90_level,
    pairs.unit_count,
    cast(
        pairs.definition_share * (
            case when pairs.has_industry then pairs.industry_weight else 0 end
            + case when pairs.has_process then pairs.process_weight else 0 end
            + case when pairs.has_region then pairs.region_weight else 0 end
            + coalesce(pairs.size_weight * pairs.size_agreement, 0)
        ) as double
    ) as comparability_score,
    coalesce(cast(pairs.per_doubling as double) * pairs.doublings, 0) as size_shift,
    pairs.is_stale,
    cast(pairs.least_score as double) as least_score,
    pairs.least_units
from pairs
inner join kpis on pairs.kpi_id = kpis.kpi_id
left join months
    on
        pairs.kpi_id = months.kpi_id
        and pairs.site_id = months.entity_id
        and months.months_back <= 12
