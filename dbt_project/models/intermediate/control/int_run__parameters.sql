-- Grain: one row, the run in progress.
-- The only place that knows "today": no model asks the clock, so the same inputs and as-of give
-- the same figures. The day before the as-of is the last production day that can be complete.
select
    as_of_date,
    previous_first_date,
    {{ add_days('as_of_date', -1) }} as last_production_date
from {{ source('ops', 'run_parameters') }}
