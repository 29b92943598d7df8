-- Grain: one row per rating cycle.
-- How many ratings lie far from what was expected and how many of them nobody has explained yet:
-- no persons. A lock of the cycle is refused while some are unexplained.
with

ratings as (

    select
        cycle_id,
        count(*) as rated_count,
        count(verdict) as judged_count,
        count(*) filter (where verdict like 'outlier%') as outlier_count,
        count(*) filter (where verdict like 'outlier%' and rationale_act_seq is null)
            as unexplained_count
    from {{ ref('fct_normalised_ratings') }}
    group by cycle_id

),

locks as (

    select
        closed.cycle_id,
        max(closed.recorded_from_utc) as locked_from_utc
    from {{ ref('reg_rating_lock') }} as closed
    cross join {{ ref('int_run__parameters') }} as run
    where
        closed.recorded_to_utc is null
        and closed.state_code = 'locked'
        and run.as_of_date between closed.valid_from and closed.valid_to
    group by closed.cycle_id

),

changed as (

    select
        versions.cycle_id,
        count(*) as version_count
    from {{ ref('stg_hr__ratings') }} as versions
    inner join locks on versions.cycle_id = locks.cycle_id
    where versions.stage_code <> 'appealed' and versions.decided_at_utc > locks.locked_from_utc
    group by versions.cycle_id

)

select
    ratings.cycle_id,
    ratings.rated_count,
    ratings.judged_count,
    ratings.outlier_count,
    ratings.unexplained_count,
    locks.locked_from_utc,
    coalesce(changed.version_count, 0) as changed_after_lock_count
from ratings
left join locks on ratings.cycle_id = locks.cycle_id
left join changed on ratings.cycle_id = changed.cycle_id
