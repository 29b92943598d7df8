-- Grain: one row per KPI, kind of gap and period in which a feed of the KPI lacks a delivery.
with

kpi_feeds as (

    select distinct
        terms.kpi_id,
        measure_feeds.feed
    from {{ source('registry', 'kpi_terms') }} as terms
    inner join {{ source('registry', 'measure_feeds') }} as measure_feeds
        on terms.measure_id = measure_feeds.measure_id

),

gaps_by_period as (

    select
        gaps.feed,
        gaps.gap_kind,
        periods.period_kind,
        periods.period_start_date,
        count(*) as day_count,
        min(gaps.production_date) as first_date,
        max(gaps.production_date) as last_date,
        max(gaps.reason) as reason
    from {{ ref('int_feeds__gaps') }} as gaps
    inner join {{ ref('dim_periods') }} as periods
        on gaps.production_date between periods.period_start_date and periods.period_end_date
    group by gaps.feed, gaps.gap_kind, periods.period_kind, periods.period_start_date

)

select
    kpi_feeds.kpi_id,
    gaps_by_period.gap_kind,
    gaps_by_period.period_kind,
    gaps_by_period.period_start_date,
    {{ joined(
        "gaps_by_period.feed || ' lacks ' || case gaps_by_period.day_count when 1 then cast("
        ~ "gaps_by_period.first_date as varchar) || ' (' || gaps_by_period.reason || ')' else "
        ~ "cast(gaps_by_period.day_count as varchar) || ' days from ' || cast("
        ~ "gaps_by_period.first_date as varchar) || ' to ' || cast("
        ~ "gaps_by_period.last_date as varchar) end",
        'gaps_by_period.feed'
    ) }} as gap_text
from kpi_feeds
inner join gaps_by_period on kpi_feeds.feed = gaps_by_period.feed
group by
    kpi_feeds.kpi_id,
    gaps_by_period.gap_kind,
    gaps_by_period.period_kind,
    gaps_by_period.period_start_date
