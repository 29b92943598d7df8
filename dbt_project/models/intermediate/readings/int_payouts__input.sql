{{ config(materialized='view') }}
-- Grain: one row per final monthly reading of a site or line on a KPI that some pay plan names.
-- What payouts are simulated from: computed values, and the levels in force that pay would follow.
with

planned as (

    select distinct
        kpi_id,
        subject_kind
    from {{ ref('int_payouts__plans') }}

)

select
    readings.kpi_id,
    readings.entity_kind,
    readings.entity_id,
    readings.period_start_date,
    readings.computed_value,
    readings.threshold_level,
    readings.target_level,
    readings.stretch_level
from {{ ref('int_judgements__input') }} as readings
inner join planned
    on
        readings.kpi_id = planned.kpi_id
        and readings.entity_kind = planned.subject_kind
where
    readings.period_kind = 'month'
    and readings.finality <> 'provisional'
