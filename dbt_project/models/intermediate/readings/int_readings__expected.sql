{{ config(materialized='view') }}
-- Grain: one row per KPI, entity and period that the KPI's file expects, for touched periods.
-- A reading that should be there and is not becomes a row that says why.
select
    grains.kpi_id,
    grains.entity_kind,
    intervals.entity_id,
    grains.period_kind,
    periods.period_start_date,
    periods.period_end_date,
    -- Something that an entity was or led began or ended within the period.
    bool_or(
        intervals.valid_from > periods.period_start_date
        or intervals.valid_to < periods.elapsed_end_date
    ) as is_part_of_period
from {{ source('registry', 'kpi_grains') }} as grains
inner join {{ ref('int_entities__intervals') }} as intervals
    on grains.entity_kind = intervals.entity_kind
inner join {{ ref('dim_periods') }} as periods
    on
        grains.period_kind = periods.period_kind
        and intervals.valid_from <= periods.elapsed_end_date
        and intervals.valid_to >= periods.period_start_date
inner join {{ ref('int_touched__periods') }} as touched
    on
        periods.period_kind = touched.period_kind
        and periods.period_start_date = touched.period_start_date
group by
    grains.kpi_id,
    grains.entity_kind,
    intervals.entity_id,
    grains.period_kind,
    periods.period_start_date,
    periods.period_end_date
