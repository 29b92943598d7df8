{{ config(materialized='view') }}
-- Grain: one row per leader who agrees to it, kind of behaviour and month that has ended.
-- What behaviours are linked to outcomes by, leaders taken together. A month counts if the leader
-- had a plan for it or logged anything: nothing done is 0 then, and else not known. Everything
-- done counts, beyond the plan too. Two kinds only: each further one makes all others harder to
-- tell from chance.
with

parameters as (

    select
        as_of_date,
        last_production_date
    from {{ ref('int_run__parameters') }}

),

events as (

    select
        leader_id,
        behaviour_kind_code,
        {{ period_start('month', 'cast(happened_at_local as date)') }} as period_start_date
    from {{ ref('stg_leadership__behaviour_events') }}

),

plans as (

    select
        leader_id,
        period_start_date
    from {{ ref('stg_leadership__plans') }}

),

agreed as (

    select distinct consent.employee_id as leader_id
    from {{ ref('bridge_consent') }} as consent
    cross join parameters
    where
        consent.purpose_code = 'behaviour'
        and parameters.as_of_date between consent.valid_from and consent.valid_to

),

kinds as (

    select 'gemba_walk' as behaviour_kind_code

    union all

    select 'coaching_session' as behaviour_kind_code

),

known_months as (

    select
        leader_id,
        period_start_date
    from events

    union

    select
        leader_id,
        period_start_date
    from plans

),

leader_months as (

    select
        known_months.leader_id,
        known_months.period_start_date
    from known_months
    inner join agreed on known_months.leader_id = agreed.leader_id
    cross join parameters
    where
        {{ period_end('month', 'known_months.period_start_date') }}
        <= parameters.last_production_date

)

select
    leader_months.leader_id,
    kinds.behaviour_kind_code,
    leader_months.period_start_date,
    count(events.leader_id) as event_count
from leader_months
cross join kinds
left join events
    on
        leader_months.leader_id = events.leader_id
        and kinds.behaviour_kind_code = events.behaviour_kind_code
        and leader_months.period_start_date = events.period_start_date
group by
    leader_months.leader_id,
    kinds.behaviour_kind_code,
    leader_months.period_start_date
