{{ config(materialized='view') }}
-- Grain: one row per final monthly reading of a site or the company.
-- What forecasts are made from: computed values and not overridden ones, as a process does not
-- change because somebody says so, and no month that deliveries may still change.
select
    kpi_id,
    entity_kind,
    entity_id,
    period_start_date,
    computed_value,
    target_level,
    direction
from {{ ref('int_judgements__input') }}
where
    period_kind = 'month'
    and entity_kind in ('site', 'enterprise')
    and finality <> 'provisional'
