{{ config(materialized='view') }}
-- Grain: one row per range of days that a feed of the machine tables, or a new day, touched.
-- A maintenance order touches the weeks since it was opened and no state of a machine: only feeds
-- that the tables replaced by machine day read may make them be read again. A test holds the list
-- to the models. `time` touches readings whose latency ends, weeks back, and no machine: of a
-- hundred million events 2.8 million were replaced by themselves every day.
select
    touched_ranges.from_date,
    touched_ranges.to_date
from {{ source('ops', 'touched') }} as touched_ranges
left join {{ source('registry', 'feeds') }} as feeds on touched_ranges.feed = feeds.feed
where
    (feeds.feed is null and touched_ranges.feed <> 'time')
    or feeds.feed in (
        'mes_equipment',
        'mes_machine_states',
        'mes_production_counts',
        'mes_reason_codes',
        'mes_shift_calendar',
        'erp_production_orders',
        'erp_routings'
    )
