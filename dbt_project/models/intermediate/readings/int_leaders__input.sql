{{ config(materialized='view') }}
-- Grain: one row per final monthly reading of a line and the leader who led it for two thirds of
-- the month.
-- What effects of leaders are estimated from. A month that two leaders shared says nothing of
-- either; of a line without a leader no month counts.
with

readings as (

    select
        kpi_id,
        entity_id as line_id,
        period_start_date,
        {{ period_end('month', 'period_start_date') }} as period_end_date,
        computed_value,
        direction,
        threshold_level,
        target_level
    from {{ ref('int_judgements__input') }}
    where
        entity_kind = 'line'
        and period_kind = 'month'
        and finality <> 'provisional'
        and computed_value is not null
        -- Of a KPI without a better side nobody is better than others.
        and direction in ('higher', 'lower')

),

lines as (

    select
        equipment_id as line_id,
        site_id,
        org_unit_id,
        valid_from,
        valid_to
    from {{ ref('dim_equipment') }}
    where equipment_level = 'line'

),

leadership as (

    select
        leader_id,
        org_unit_id,
        valid_from,
        valid_to
    from {{ ref('bridge_leadership') }}

),

led as (

    select
        lines.line_id,
        lines.site_id,
        leadership.leader_id,
        greatest(lines.valid_from, leadership.valid_from) as valid_from,
        least(lines.valid_to, leadership.valid_to) as valid_to
    from lines
    inner join leadership
        on
            lines.org_unit_id = leadership.org_unit_id
            and lines.valid_from <= leadership.valid_to
            and lines.valid_to >= leadership.valid_from

)

select
    readings.kpi_id,
    readings.line_id,
    readings.period_start_date,
    led.site_id,
    led.leader_id,
    readings.computed_value,
    readings.direction,
    readings.threshold_level,
    readings.target_level
from readings
inner join led
    on
        readings.line_id = led.line_id
        and readings.period_start_date <= led.valid_to
        and readings.period_end_date >= led.valid_from
group by
    readings.kpi_id,
    readings.line_id,
    readings.period_start_date,
    readings.period_end_date,
    led.site_id,
    led.leader_id,
    readings.computed_value,
    readings.direction,
    readings.threshold_level,
    readings.target_level
having
    3 * sum(
        {{ days_of_interval(
            'greatest(readings.period_start_date, led.valid_from)',
            'least(readings.period_end_date, led.valid_to)'
        ) }}
    )
    >= 2 * {{ days_of_interval('readings.period_start_date', 'readings.period_end_date') }}
