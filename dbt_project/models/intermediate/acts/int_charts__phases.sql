{{ config(materialized='view') }}
-- Grain: one row per phase of a chart that an act has begun and that holds on the day of the as-of.
-- The readings before the first of them are a phase without a row.
with

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

phases as (

    select
        charts.kpi_id,
        charts.entity_kind,
        charts.entity_id,
        charts.act_seq,
        cast(charts.recorded_from_utc as date) as recorded_on_date,
        {{ period_kind_of('charts.period') }} as period_kind,
        {{ period_start_of('charts.period') }} as phase_start_date
    from {{ ref('reg_chart') }} as charts
    cross join parameters
    where
        charts.recorded_to_utc is null
        and parameters.as_of_date between charts.valid_from and charts.valid_to

)

select
    kpi_id,
    entity_kind,
    entity_id,
    period_kind,
    phase_start_date,
    act_seq,
    recorded_on_date,
    coalesce(
        lead(phase_start_date) over (
            partition by kpi_id, entity_kind, entity_id, period_kind order by phase_start_date
        ),
        {{ open_end() }}
    ) as next_phase_start_date
from phases
