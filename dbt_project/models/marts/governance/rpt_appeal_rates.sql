-- Grain: one row per rating cycle.
-- How many of those who were rated appealed, and what came of it in which time: no persons.
-- What came of it is said from three decided appeals on: everybody knows whose one or two are.
with

rated as (

    select
        cycle_id,
        count(distinct employee_id) as rated_count
    from {{ ref('fct_rating_versions') }}
    group by cycle_id

),

appeals as (

    select
        cycle_id,
        count(*) as appeal_count,
        count(distinct employee_id) as appellant_count,
        count(*) filter (where state_code = 'decided') as decided_count,
        count(*) filter (where outcome_code = 'changed') as changed_count,
        count(*) filter (where is_overdue) as overdue_count,
        cast(sum(days_used) filter (where state_code = 'decided') as bigint) as decided_days
    from {{ ref('fct_rating_appeals') }}
    group by cycle_id

)

select
    rated.cycle_id,
    rated.rated_count,
    coalesce(appeals.appeal_count, 0) as appeal_count,
    coalesce(appeals.decided_count, 0) as decided_count,
    case when appeals.decided_count >= 3 then appeals.changed_count end as changed_count,
    coalesce(appeals.overdue_count, 0) as overdue_count,
    case when appeals.decided_count >= 3 then appeals.decided_days end as decided_days,
    case
        when appeals.decided_count >= 3
            then round(
                cast(appeals.decided_count - appeals.changed_count as double)
                / cast(appeals.decided_count as double),
                10
            )
    end as upheld_ratio,
    round(
        cast(coalesce(appeals.appellant_count, 0) as double) / cast(rated.rated_count as double),
        10
    ) as appeal_ratio
from rated
left join appeals on rated.cycle_id = appeals.cycle_id
