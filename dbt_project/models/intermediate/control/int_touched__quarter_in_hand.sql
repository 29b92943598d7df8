{{ config(materialized='view') }}
-- Grain: one row per touched quarter that the statement at hand builds: one, or where no one goes
-- through them one by one, all.
select
    range_no,
    from_date,
    to_date
from {{ ref('int_touched__machine_quarters') }}
where range_no = coalesce({{ range_in_hand() }}, range_no)
