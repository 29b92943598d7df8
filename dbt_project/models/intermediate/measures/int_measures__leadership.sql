-- Grain: one row per measure, leader and month.
-- Walks beyond the plan do not make up for walks that were missed elsewhere, so the count of a
-- month stops at its plan. A walk counts whether or not it was entered as planned.
with

parameters as (

    select last_production_date
    from {{ ref('int_run__parameters') }}

),

plans as (

    select
        planned.leader_id,
        planned.period_start_date,
        sum(planned.planned_count) as planned_count,
        max(planned.delivery_date) as last_delivery_date
    from {{ ref('stg_leadership__plans') }} as planned
    cross join parameters
    where
        planned.behaviour_kind_code = 'gemba_walk'
        and planned.period_start_date <= parameters.last_production_date
    group by planned.leader_id, planned.period_start_date

),

walks as (

    select
        leader_id,
        {{ period_start('month', 'cast(happened_at_local as date)') }} as period_start_date,
        count(*) as walks,
        max(delivery_date) as last_delivery_date
    from {{ ref('stg_leadership__behaviour_events') }}
    where behaviour_kind_code = 'gemba_walk'
    group by leader_id, {{ period_start('month', 'cast(happened_at_local as date)') }}

),

leader_months as (

    select
        plans.leader_id,
        plans.period_start_date,
        {{ period_end('month', 'plans.period_start_date') }} as period_end_date,
        plans.planned_count,
        least(coalesce(walks.walks, 0), plans.planned_count) as done_count,
        greatest(
            plans.last_delivery_date, coalesce(walks.last_delivery_date, plans.last_delivery_date)
        ) as last_delivery_date
    from plans
    left join walks
        on
            plans.leader_id = walks.leader_id
            and plans.period_start_date = walks.period_start_date

)

select
    'gemba_walks_planned' as measure_id,
    'leader' as entity_kind,
    leader_id as entity_id,
    cast(null as varchar) as site_id,
    period_start_date,
    period_end_date,
    cast(planned_count as decimal(18, 6)) as measure_value,
    planned_count as observations,
    last_delivery_date
from leader_months

union all

select
    'gemba_walks_done' as measure_id,
    'leader' as entity_kind,
    leader_id as entity_id,
    cast(null as varchar) as site_id,
    period_start_date,
    period_end_date,
    cast(done_count as decimal(18, 6)) as measure_value,
    planned_count as observations,
    last_delivery_date
from leader_months
