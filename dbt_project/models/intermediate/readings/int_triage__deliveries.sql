{{ config(materialized='view') }}
-- Grain: one row per feed that delivers its whole list each time and day of such a delivery,
-- without the first one.
-- Whether a list has stopped being kept: what came, and whether anything in it was new.
with

feeds as (

    select
        feed,
        source_system,
        steward
    from {{ source('registry', 'feeds') }}
    where is_whole_each_time

),

accepted as (

    select
        feed,
        delivery_date,
        sum(rows_new + rows_changed + rows_removed) as moved_count
    from {{ source('ops', 'delivery_log') }}
    where source is null and action in ('accept', 'accept_with_warning', 'quarantine_rows')
    group by feed, delivery_date

),

numbered as (

    select
        feed,
        delivery_date,
        moved_count,
        row_number() over (partition by feed order by delivery_date) as delivery_no
    from accepted

)

select
    feeds.feed,
    numbered.delivery_date,
    feeds.source_system,
    feeds.steward,
    coalesce(numbered.moved_count > 0, false) as is_changed
from feeds
inner join numbered on feeds.feed = numbered.feed
where numbered.delivery_no > 1
