-- Grain: one row per measure, leader and month.
-- What is done beyond the plan does not make up for what was missed elsewhere, so the count of a
-- month stops at its plan. An activity counts whether or not it was entered as planned.
with

parameters as (

    select last_production_date
    from {{ ref('int_run__parameters') }}

),

plans as (

    select
        planned.leader_id,
        planned.behaviour_kind_code,
        planned.period_start_date,
        sum(planned.planned_count) as planned_count,
        max(planned.delivery_date) as last_delivery_date
    from {{ ref('stg_leadership__plans') }} as planned
    cross join parameters
    where planned.period_start_date <= parameters.last_production_date
    group by planned.leader_id, planned.behaviour_kind_code, planned.period_start_date

),

events as (

    select
        leader_id,
        behaviour_kind_code,
        {{ period_start('month', 'cast(happened_at_local as date)') }} as period_start_date,
        count(*) as done_count,
        max(delivery_date) as last_delivery_date
    from {{ ref('stg_leadership__behaviour_events') }}
    group by
        leader_id,
        behaviour_kind_code,
        {{ period_start('month', 'cast(happened_at_local as date)') }}

),

leader_months as (

    select
        plans.leader_id,
        plans.behaviour_kind_code,
        plans.period_start_date,
        {{ period_end('month', 'plans.period_start_date') }} as period_end_date,
        plans.planned_count,
        least(coalesce(events.done_count, 0), plans.planned_count) as done_count,
        greatest(
            plans.last_delivery_date, coalesce(events.last_delivery_date, plans.last_delivery_date)
        ) as last_delivery_date
    from plans
    left join events
        on
            plans.leader_id = events.leader_id
            and plans.behaviour_kind_code = events.behaviour_kind_code
            and plans.period_start_date = events.period_start_date

),

measures as (

    select
        'gemba_walk' as behaviour_kind_code,
        'gemba_walks_planned' as measure_id,
        true as is_plan

    union all

    select
        'gemba_walk' as behaviour_kind_code,
        'gemba_walks_done' as measure_id,
        false as is_plan

    union all

    select
        'coaching_session' as behaviour_kind_code,
        'coaching_sessions_planned' as measure_id,
        true as is_plan

    union all

    select
        'coaching_session' as behaviour_kind_code,
        'coaching_sessions_done' as measure_id,
        false as is_plan

)

select
    measures.measure_id,
    'leader' as entity_kind,
    leader_months.leader_id as entity_id,
    cast(null as varchar) as site_id,
    leader_months.period_start_date,
    leader_months.period_end_date,
    cast(
        case
            when measures.is_plan then leader_months.planned_count
            else leader_months.done_count
        end as decimal(18, 6)
    ) as measure_value,
    leader_months.planned_count as observations,
    leader_months.last_delivery_date
from leader_months
inner join measures on leader_months.behaviour_kind_code = measures.behaviour_kind_code
