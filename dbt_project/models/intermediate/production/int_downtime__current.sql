-- Grain: one row per entry about a stop, with the entry that stands in its place today.
-- A correction names the entry it takes the place of, which may be a correction itself; the end of
-- that chain stands. If two name the same entry, the later delivery stands.
with recursive

events as (

    select
        downtime_id,
        superseded_downtime_id,
        delivery_date
    from {{ ref('stg_mes__downtime_events') }}

),

chains (first_downtime_id, downtime_id, step, delivery_date) as (

    select
        events.downtime_id as first_downtime_id,
        events.downtime_id,
        0 as step,
        events.delivery_date
    from events
    left join events as earlier on events.superseded_downtime_id = earlier.downtime_id
    where earlier.downtime_id is null

    union all

    select
        chains.first_downtime_id,
        events.downtime_id,
        chains.step + 1 as step,
        events.delivery_date
    from chains
    inner join events on chains.downtime_id = events.superseded_downtime_id

)

select
    downtime_id,
    first_downtime_id,
    step as correction_no,
    first_value(downtime_id) over (
        partition by first_downtime_id
        order by step desc, delivery_date desc, downtime_id desc
        rows between unbounded preceding and unbounded following
    ) as current_downtime_id
from chains
