{{ config(materialized='view') }}
-- Grain: one row per range of days that a feed of the machine tables, or time alone, touched.
-- A maintenance order touches the weeks since it was opened and no state of a machine: only feeds
-- that the tables replaced by machine day read may make them be read again. A test holds the list
-- to the models.
select
    touched_ranges.from_date,
    touched_ranges.to_date
from {{ source('ops', 'touched') }} as touched_ranges
left join {{ source('registry', 'feeds') }} as feeds on touched_ranges.feed = feeds.feed
where
    feeds.feed is null
    or feeds.feed in (
        'mes_equipment',
        'mes_machine_states',
        'mes_production_counts',
        'mes_reason_codes',
        'mes_shift_calendar',
        'erp_production_orders',
        'erp_routings'
    )
