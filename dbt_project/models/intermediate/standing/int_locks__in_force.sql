-- Grain: one row per period of an org unit that is locked as of the run.
-- The act and the snapshot that holds the figures; the period is named as people write it.
with

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

periods as (

    select
        period_label,
        period_start_date,
        period_end_date
    from {{ ref('dim_periods') }}
    where period_kind in ('month', 'quarter', 'year')

),

truths as (

    select
        act_seq,
        state_code,
        org_unit_id,
        period,
        snapshot,
        valid_from,
        valid_to
    from {{ ref('reg_period_lock') }}
    where recorded_to_utc is null

)

select
    truths.act_seq,
    truths.org_unit_id,
    truths.period as period_label,
    periods.period_start_date as first_date,
    periods.period_end_date as last_date,
    truths.snapshot as snapshot_hash
from truths
cross join parameters
inner join periods on truths.period = periods.period_label
where
    truths.state_code = 'locked'
    and parameters.as_of_date between truths.valid_from and truths.valid_to
