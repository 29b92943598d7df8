-- Grain: one row per live KPI and per open goal: who answers for it.
-- Who is consulted and informed stands beside the one who is accountable; whoever leads the units
-- that the KPI measures is responsible for its figures there.
-- There is never more than one owner, as the register holds one truth; there may be none, one whose
-- ownership is disputed, or one who has left.
with

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

live as (

    select reg_lifecycle.kpi_id
    from {{ ref('reg_lifecycle') }} as reg_lifecycle
    cross join parameters
    where
        reg_lifecycle.recorded_to_utc is null
        and reg_lifecycle.state_code = 'live'
        and parameters.as_of_date between reg_lifecycle.valid_from and reg_lifecycle.valid_to

),

owned as (

    select
        reg_ownership.kpi_id,
        reg_ownership.owner_id,
        reg_ownership.consulted,
        reg_ownership.informed,
        reg_ownership.state_code,
        reg_ownership.act_seq
    from {{ ref('reg_ownership') }} as reg_ownership
    cross join parameters
    where
        reg_ownership.recorded_to_utc is null
        and parameters.as_of_date between reg_ownership.valid_from and reg_ownership.valid_to

),

answered as (

    select
        'kpi' as subject_kind,
        live.kpi_id as subject_id,
        owned.owner_id,
        owned.consulted,
        owned.informed,
        owned.state_code,
        owned.act_seq
    from live
    left join owned on live.kpi_id = owned.kpi_id

    union all

    select
        'goal' as subject_kind,
        reg_goal.goal_id as subject_id,
        reg_goal.owner_id,
        reg_goal.consulted,
        reg_goal.informed,
        reg_goal.state_code,
        reg_goal.act_seq
    from {{ ref('reg_goal') }} as reg_goal
    cross join parameters
    where
        reg_goal.recorded_to_utc is null
        and reg_goal.state_code = 'open'
        and parameters.as_of_date between reg_goal.valid_from and reg_goal.valid_to

),

people as (

    select
        employee_id,
        exit_date
    from {{ ref('dim_people') }}

)

select
    answered.subject_kind,
    answered.subject_id,
    answered.owner_id,
    answered.consulted as consulted_ids,
    answered.informed as informed_ids,
    answered.act_seq,
    case
        when answered.owner_id is null then 'no_owner'
        when people.employee_id is null or people.exit_date < parameters.as_of_date
            then 'departed_owner'
        when answered.state_code = 'disputed' then 'disputed_owner'
        else 'one_owner'
    end as accountability_code
from answered
cross join parameters
left join people on answered.owner_id = people.employee_id
