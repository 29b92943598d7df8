{{ config(materialized='view') }}
-- Grain: one row per reading of a chart with a recent one: of days from 110 days before the run, of
-- weeks from 60 weeks, of months and quarters from 30 months.
-- What triage looks at: the series before a signal, its siblings at other sites, and traces that
-- rows leave in each other which no rule at the door can refuse: a machine that tells two counts of
-- one moment, the same quantities again in the same order, more scrap than good. Readings of
-- leaders are not here: the units that they lead are.
with

run as (

    select
        {{ add_days('as_of_date', -60) }} as since_date,
        {{ add_days('as_of_date', -110) }} as days_since_date,
        {{ add_days('as_of_date', -420) }} as weeks_since_date,
        {{ add_days('as_of_date', -900) }} as months_since_date,
        -- A count is compared with those of the days before.
        {{ add_days('as_of_date', -66) }} as counted_since_date
    from {{ ref('int_run__parameters') }}

),

judged as (

    select
        readings.kpi_id,
        readings.entity_kind,
        readings.entity_id,
        readings.period_kind,
        readings.period_start_date,
        readings.computed_value,
        readings.trust_state in ('late_input', 'blocked_input') as is_late,
        readings.period_start_date >= run.since_date as is_recent
    from {{ ref('int_judgements__input') }} as readings
    cross join run
    where
        readings.entity_kind <> 'leader'
        and readings.chart_kind <> 'none'
        and readings.period_start_date
        >= case readings.period_kind
            when 'day' then run.days_since_date
            when 'week' then run.weeks_since_date
            else run.months_since_date
        end

),

-- A chart without a recent reading is asked nothing.
charts as (

    select distinct
        kpi_id,
        entity_kind,
        period_kind
    from judged
    where is_recent and computed_value is not null

),

kpis as (

    select
        kpis.kpi_id,
        kpis.owner,
        max(case when feeds.feed = 'mes_production_counts' then 1 else 0 end) as needs_counts
    from {{ source('registry', 'kpis') }} as kpis
    inner join {{ source('registry', 'kpi_terms') }} as terms on kpis.kpi_id = terms.kpi_id
    inner join {{ source('registry', 'measure_feeds') }} as feeds
        on terms.measure_id = feeds.measure_id
    group by kpis.kpi_id, kpis.owner

),

entities as (

    select
        entity_kind,
        entity_id,
        min(site_id) as site_id
    from {{ ref('dim_entities') }}
    group by entity_kind, entity_id

),

windows as (

    select
        shifts.machine_id,
        shifts.line_id,
        shifts.production_date,
        shifts.date_in_utc,
        shifts.opens_at_utc,
        shifts.closes_at_utc
    from {{ ref('int_work_units__shift_windows') }} as shifts
    cross join run
    where shifts.production_date >= run.since_date

),

recent as (

    select
        counts.event_id,
        counts.machine_id,
        counts.counted_at_utc,
        counts.good_qty,
        counts.scrap_qty,
        counts.rework_qty
    from {{ ref('int_production__counts') }} as counts
    cross join run
    where counts.counted_at_utc >= cast(run.counted_since_date as timestamp)

),

counts as (

    select
        event_id,
        machine_id,
        counted_at_utc,
        good_qty,
        scrap_qty,
        rework_qty,
        count(*) over (
            partition by machine_id, counted_at_utc, good_qty, scrap_qty, rework_qty
        ) as same_moment_count,
        lag(good_qty) over machine as good_qty_before,
        lag(scrap_qty) over machine as scrap_qty_before,
        lag(rework_qty) over machine as rework_qty_before
    from recent
    window machine as (partition by machine_id order by counted_at_utc, event_id)

),

compared as (

    select
        machine_id,
        counted_at_utc,
        good_qty,
        good_qty_before,
        scrap_qty,
        same_moment_count,
        lag(counted_at_utc) over (
            partition by
                machine_id, good_qty, scrap_qty, rework_qty,
                good_qty_before, scrap_qty_before, rework_qty_before
            order by counted_at_utc, event_id
        ) as told_before_at_utc
    from counts

),

line_days as (

    select
        windows.line_id,
        windows.production_date,
        count(*) as record_count,
        sum(case when compared.same_moment_count > 1 then 1 else 0 end) as same_moment_count,
        -- Two counts in a row, each of twenty and more: of the 581,000 counts of the demo company
        -- none come again so within five days that were not planted.
        sum(
            case
                when
                    compared.told_before_at_utc
                    >= cast(
                        {{ add_days('cast(compared.counted_at_utc as date)', -5) }} as timestamp
                    )
                    and compared.good_qty >= 20
                    and compared.good_qty_before >= 20
                    then 1
                else 0
            end
        ) as repeated_count,
        sum(
            case
                when compared.scrap_qty > compared.good_qty and compared.scrap_qty >= 50 then 1
                else 0
            end
        ) as more_scrap_count
    from compared
    inner join windows
        on
            compared.machine_id = windows.machine_id
            and cast(compared.counted_at_utc as date) = windows.date_in_utc
            and compared.counted_at_utc >= windows.opens_at_utc
            and compared.counted_at_utc < windows.closes_at_utc
    group by
        windows.line_id,
        windows.production_date

),

traced as (

    select
        'line' as entity_kind,
        line_id as entity_id,
        'day' as period_kind,
        production_date as period_start_date,
        record_count,
        same_moment_count,
        repeated_count,
        more_scrap_count
    from line_days

)

select
    judged.kpi_id,
    judged.entity_kind,
    judged.entity_id,
    entities.site_id,
    judged.period_kind,
    judged.period_start_date,
    judged.computed_value,
    judged.is_late,
    judged.is_recent,
    kpis.owner,
    case when kpis.needs_counts = 1 then traced.record_count end as record_count,
    case when kpis.needs_counts = 1 then coalesce(traced.same_moment_count, 0) else 0 end
        as same_moment_count,
    case when kpis.needs_counts = 1 then coalesce(traced.repeated_count, 0) else 0 end
        as repeated_count,
    case when kpis.needs_counts = 1 then coalesce(traced.more_scrap_count, 0) else 0 end
        as more_scrap_count
from judged
inner join charts
    on
        judged.kpi_id = charts.kpi_id
        and judged.entity_kind = charts.entity_kind
        and judged.period_kind = charts.period_kind
inner join kpis on judged.kpi_id = kpis.kpi_id
left join entities
    on
        judged.entity_kind = entities.entity_kind
        and judged.entity_id = entities.entity_id
left join traced
    on
        judged.entity_kind = traced.entity_kind
        and judged.entity_id = traced.entity_id
        and judged.period_kind = traced.period_kind
        and judged.period_start_date = traced.period_start_date
