-- Grain: one row per corrective action, its latest version.
-- `times_put_off` counts the versions that moved the due date: an action that is always in time
-- because its date moves is not.
with

parameters as (

    select last_production_date
    from {{ ref('int_run__parameters') }}

),

versions as (

    select
        action_id,
        version_no,
        origin_kind_code,
        origin_id,
        owner_id,
        root_cause_method_code,
        created_date,
        due_date,
        original_due_date,
        completed_date,
        effectiveness_code,
        lag(due_date) over (partition by action_id order by version_no) as due_before,
        row_number() over (partition by action_id order by version_no desc) as recency
    from {{ ref('stg_governance__corrective_actions') }}

),

moves as (

    select
        action_id,
        count(*) as times_put_off
    from versions
    where due_date > due_before
    group by action_id

)

select
    versions.action_id,
    versions.version_no,
    versions.origin_kind_code,
    versions.origin_id,
    versions.owner_id,
    versions.root_cause_method_code,
    versions.created_date,
    versions.due_date,
    versions.original_due_date,
    versions.completed_date,
    versions.effectiveness_code,
    coalesce(moves.times_put_off, 0) as times_put_off,
    case
        when versions.completed_date > versions.original_due_date then 'late'
        when versions.completed_date is not null then 'in_time'
        when versions.original_due_date < parameters.last_production_date then 'overdue'
        else 'open'
    end as outcome_code
from versions
cross join parameters
left join moves on versions.action_id = moves.action_id
where versions.recency = 1
