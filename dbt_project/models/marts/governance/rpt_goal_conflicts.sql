-- Grain: one row per pair of open goals, the id that sorts first before the other.
-- Whether goals that people have agreed on hurt each other: the figures of weeks say that their
-- KPIs pull against each other, a KPI is paid for with the other at some place, or the register
-- declares one as the guardrail of the other and nothing is seen yet. Goals on one KPI share it.
with

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

goals as (

    select
        reg_goal.goal_id,
        reg_goal.kpi_id,
        reg_goal.org_unit_id,
        reg_goal.owner_id
    from {{ ref('reg_goal') }} as reg_goal
    cross join parameters
    where
        reg_goal.recorded_to_utc is null
        and reg_goal.state_code = 'open'
        and parameters.as_of_date between reg_goal.valid_from and reg_goal.valid_to

),

pulling as (

    select
        first_kpi_id as kpi_id,
        second_kpi_id as other_kpi_id
    from {{ ref('fct_kpi_relations') }}
    where verdict = 'conflict'

    union distinct

    select
        second_kpi_id as kpi_id,
        first_kpi_id as other_kpi_id
    from {{ ref('fct_kpi_relations') }}
    where verdict = 'conflict'

),

guarded as (

    select
        kpi_id,
        counter_kpi_id as other_kpi_id
    from {{ source('registry', 'kpi_counters') }}

    union distinct

    select
        counter_kpi_id as kpi_id,
        kpi_id as other_kpi_id
    from {{ source('registry', 'kpi_counters') }}

),

paid as (

    select
        kpi_id,
        counter_kpi_id as other_kpi_id,
        count(*) as place_count
    from {{ ref('fct_guardrails') }}
    where verdict = 'paid_for'
    group by kpi_id, counter_kpi_id

)

select
    goals.goal_id,
    rivals.goal_id as other_goal_id,
    goals.kpi_id,
    rivals.kpi_id as other_kpi_id,
    goals.org_unit_id,
    rivals.org_unit_id as other_org_unit_id,
    goals.owner_id,
    rivals.owner_id as other_owner_id,
    coalesce(paid.place_count, 0) + coalesce(paid_back.place_count, 0) as paid_for_count,
    case
        when pulling.kpi_id is not null then 'conflict'
        when paid.kpi_id is not null or paid_back.kpi_id is not null then 'paid_for'
        when goals.kpi_id = rivals.kpi_id then 'same_kpi'
        when guarded.kpi_id is not null then 'guardrail'
        else 'none_known'
    end as verdict
from goals
inner join goals as rivals on goals.goal_id < rivals.goal_id
left join pulling
    on
        goals.kpi_id = pulling.kpi_id
        and rivals.kpi_id = pulling.other_kpi_id
left join guarded
    on
        goals.kpi_id = guarded.kpi_id
        and rivals.kpi_id = guarded.other_kpi_id
left join paid
    on
        goals.kpi_id = paid.kpi_id
        and rivals.kpi_id = paid.other_kpi_id
left join paid as paid_back
    on
        goals.kpi_id = paid_back.other_kpi_id
        and rivals.kpi_id = paid_back.kpi_id
