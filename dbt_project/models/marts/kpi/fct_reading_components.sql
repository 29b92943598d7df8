{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    on_schema_change='fail',
    unique_key=['period_kind', 'period_start_date'],
    meta={'touched_by': 'int_touched__periods'}
) }}
-- Grain: one row per measure, entity and period that some KPI asks for and that has measurements.
-- Sums of measures over units and days. A leader gets a day's measure for days they led, and a
-- month's measure only if they led for the whole month.
with

needed as (

    select
        measure_id,
        entity_kind,
        period_kind,
        over_time
    from {{ ref('int_readings__needed') }}

),

needed_entities as (

    select distinct
        measure_id,
        entity_kind
    from needed

),

period_days as (

    select
        periods.period_kind,
        periods.period_start_date,
        periods.elapsed_end_date,
        periods.elapsed_days,
        all_days.calendar_date
    from {{ ref('dim_periods') }} as periods
    inner join {{ ref('int_touched__periods') }} as touched
        on
            periods.period_kind = touched.period_kind
            and periods.period_start_date = touched.period_start_date
    inner join {{ ref('dim_days') }} as all_days
        on all_days.calendar_date between periods.period_start_date and periods.period_end_date

),

bounds as (

    select
        min(calendar_date) as from_date,
        max(calendar_date) as to_date
    from period_days

),

measured as (

    select
        rows_measured.measure_id,
        rows_measured.entity_kind,
        rows_measured.entity_id,
        rows_measured.site_id,
        rows_measured.period_start_date,
        rows_measured.period_end_date,
        rows_measured.measure_value,
        rows_measured.observations,
        rows_measured.last_delivery_date
    from {{ ref('fct_measures') }} as rows_measured
    inner join bounds
        on rows_measured.period_start_date between bounds.from_date and bounds.to_date

),

rollup as (

    select
        entity_kind,
        entity_id,
        ancestor_kind,
        ancestor_id,
        valid_from,
        valid_to
    from {{ ref('int_entities__rollup') }}

),

enterprise as (

    select enterprise_id
    from {{ source('registry', 'enterprise') }}

),

contributions as (

    select
        measured.measure_id,
        measured.entity_kind,
        measured.entity_id,
        measured.period_start_date,
        measured.measure_value,
        measured.observations,
        measured.last_delivery_date
    from measured

    union all

    select
        measured.measure_id,
        'site' as entity_kind,
        measured.site_id as entity_id,
        measured.period_start_date,
        measured.measure_value,
        measured.observations,
        measured.last_delivery_date
    from measured
    where
        measured.entity_kind in ('work_unit', 'line', 'org_unit')
        and measured.site_id is not null

    union all

    select
        measured.measure_id,
        'enterprise' as entity_kind,
        enterprise.enterprise_id as entity_id,
        measured.period_start_date,
        measured.measure_value,
        measured.observations,
        measured.last_delivery_date
    from measured
    cross join enterprise
    where measured.entity_kind in ('work_unit', 'line', 'site', 'org_unit', 'leader')

    union all

    select
        measured.measure_id,
        rollup.ancestor_kind as entity_kind,
        rollup.ancestor_id as entity_id,
        measured.period_start_date,
        measured.measure_value,
        measured.observations,
        measured.last_delivery_date
    from measured
    inner join needed_entities as reads_leaders
        on
            measured.measure_id = reads_leaders.measure_id
    inner join rollup
        on
            measured.entity_kind = rollup.entity_kind
            and measured.entity_id = rollup.entity_id
            and reads_leaders.entity_kind = rollup.ancestor_kind
            and measured.period_start_date >= rollup.valid_from
            and measured.period_end_date <= rollup.valid_to

),

entity_days as (

    select
        contributions.measure_id,
        contributions.entity_kind,
        contributions.entity_id,
        contributions.period_start_date as calendar_date,
        sum(contributions.measure_value) as measure_value,
        sum(contributions.observations) as observations,
        max(contributions.last_delivery_date) as last_delivery_date
    from contributions
    inner join needed_entities
        on
            contributions.measure_id = needed_entities.measure_id
            and contributions.entity_kind = needed_entities.entity_kind
    group by
        contributions.measure_id,
        contributions.entity_kind,
        contributions.entity_id,
        contributions.period_start_date

)

select
    entity_days.measure_id,
    entity_days.entity_kind,
    entity_days.entity_id,
    period_days.period_kind,
    period_days.period_start_date,
    cast(
        case needed.over_time
            when 'sum' then sum(entity_days.measure_value)
            when 'average' then sum(entity_days.measure_value) / max(period_days.elapsed_days)
            when 'last'
                then
                    sum(entity_days.measure_value) filter (
                        where entity_days.calendar_date = period_days.elapsed_end_date
                    )
        end as decimal(38, 6)
    ) as component_value,
    cast(sum(entity_days.observations) as bigint) as observations,
    max(entity_days.last_delivery_date) as last_delivery_date
from entity_days
inner join needed
    on
        entity_days.measure_id = needed.measure_id
        and entity_days.entity_kind = needed.entity_kind
inner join period_days
    on
        entity_days.calendar_date = period_days.calendar_date
        and needed.period_kind = period_days.period_kind
group by
    entity_days.measure_id,
    entity_days.entity_kind,
    entity_days.entity_id,
    period_days.period_kind,
    period_days.period_start_date,
    needed.over_time
