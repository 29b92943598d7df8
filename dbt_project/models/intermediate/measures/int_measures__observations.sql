-- Grain: one row per measure, leader and month.
-- Observations beyond the plan of a month do not make up for another month, so its count stops at
-- the plan.
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
        planned.behaviour_kind_code = 'safety_observation'
        and planned.period_start_date <= parameters.last_production_date
    group by planned.leader_id, planned.period_start_date

),

observed as (

    select
        observer_id,
        {{ period_start('month', 'cast(observed_at_local as date)') }} as period_start_date,
        count(*) as observations,
        max(delivery_date) as last_delivery_date
    from {{ ref('stg_ehs__observations') }}
    group by observer_id, {{ period_start('month', 'cast(observed_at_local as date)') }}

),

leader_months as (

    select
        plans.leader_id,
        plans.period_start_date,
        {{ period_end('month', 'plans.period_start_date') }} as period_end_date,
        plans.planned_count,
        least(coalesce(observed.observations, 0), plans.planned_count) as done_count,
        greatest(
            plans.last_delivery_date,
            coalesce(observed.last_delivery_date, plans.last_delivery_date)
        ) as last_delivery_date
    from plans
    left join observed
        on
            plans.leader_id = observed.observer_id
            and plans.period_start_date = observed.period_start_date

)

select
    'safety_observations_planned' as measure_id,
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
    'safety_observations_done' as measure_id,
    'leader' as entity_kind,
    leader_id as entity_id,
    cast(null as varchar) as site_id,
    period_start_date,
    period_end_date,
    cast(done_count as decimal(18, 6)) as measure_value,
    planned_count as observations,
    last_delivery_date
from leader_months
