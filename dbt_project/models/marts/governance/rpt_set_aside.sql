-- Grain: one row per delivery of a feed and rule that holds rows of it back.
-- Counts and no values: what a release would let in. A row that fails two rules is counted by both.
select
    feed,
    delivery_date,
    rule_id,
    cast(sum(row_count) as bigint) as row_count
from {{ source('ops', 'set_aside') }}
group by feed, delivery_date, rule_id
