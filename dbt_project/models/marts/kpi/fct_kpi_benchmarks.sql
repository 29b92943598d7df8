-- Grain: one row per benchmark and site.
-- Where a site stands among the units that somebody published, at their size and with an interval;
-- where too little is comparable, the median alone, as context. Computed by
-- orchestration/governance/benchmarks.py. A KPI whose present logic is not approved has none.
with

standings as (

    -- Where nothing is said the columns have no type of their own.
    select
        cast(benchmark_id as varchar) as benchmark_id,
        cast(kpi_id as varchar) as kpi_id,
        cast(entity_id as varchar) as entity_id,
        cast(month_count as bigint) as month_count,
        cast(last_month_date as date) as last_month_date,
        cast(own_value as double) as own_value,
        cast(comparability_score as double) as comparability_score,
        cast(least_score as double) as least_score,
        cast(median_level as double) as median_level,
        cast(size_shift as double) as size_shift,
        cast(adjusted_value as double) as adjusted_value,
        cast(better_than_share as double) as better_than_share,
        cast(low_share as double) as low_share,
        cast(high_share as double) as high_share,
        cast(even_level as double) as even_level,
        cast(upper_quarter_level as double) as upper_quarter_level,
        cast(upper_tenth_level as double) as upper_tenth_level,
        cast(verdict as varchar) as verdict,
        cast(refusal as varchar) as refusal
    from {{ source('statistics', 'kpi_benchmarks') }}

),

published as (

    select kpi_id
    from {{ ref('kpi_publication') }}
    where is_published and not is_withheld and left_out_from_date is null

)

select
    standings.benchmark_id,
    standings.kpi_id,
    standings.entity_id,
    standings.month_count,
    standings.last_month_date,
    standings.own_value,
    standings.comparability_score,
    standings.least_score,
    standings.median_level,
    standings.size_shift,
    standings.adjusted_value,
    standings.better_than_share,
    standings.low_share,
    standings.high_share,
    standings.even_level,
    standings.upper_quarter_level,
    standings.upper_tenth_level,
    standings.verdict,
    standings.refusal
from standings
inner join published on standings.kpi_id = published.kpi_id
