-- Grain: one row per UTC date that a production day reaches into.
-- One more than there are production days: the last evening of an American plant is already
-- tomorrow in UTC, and without that date its newest day would lose its late shift.
with

days as (

    select calendar_date
    from {{ ref('dim_days') }}

)

select calendar_date as date_in_utc
from days

union all

select {{ add_days('max(calendar_date)', 1) }} as date_in_utc
from days
having count(*) > 0
