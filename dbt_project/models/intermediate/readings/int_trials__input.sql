{{ config(materialized='view') }}
-- Grain: one row per trial and final monthly reading of its KPI on a line; of a trial whose KPI has
-- no such reading one row without a line.
-- What it is judged from whether a change did anything: all lines, those under the change with the
-- first whole month of it. Computed values and not overridden ones, as a process does not change
-- because somebody says so.
with

trials as (

    select
        trial_id,
        kpi_id,
        cast(smallest_effect as double) as smallest_effect
    from {{ source('registry', 'trials') }}

),

treated as (

    select
        trial_id,
        line_id,
        starts_on_date
    from {{ source('registry', 'trial_lines') }}

),

readings as (

    select
        kpi_id,
        entity_id as line_id,
        period_start_date,
        computed_value,
        direction
    from {{ ref('int_judgements__input') }}
    where
        entity_kind = 'line'
        and period_kind = 'month'
        and finality <> 'provisional'
        and computed_value is not null

)

select
    trials.trial_id,
    trials.kpi_id,
    readings.line_id,
    readings.period_start_date,
    readings.computed_value,
    readings.direction,
    treated.starts_on_date,
    trials.smallest_effect
from trials
left join readings on trials.kpi_id = readings.kpi_id
left join treated
    on
        trials.trial_id = treated.trial_id
        and readings.line_id = treated.line_id
