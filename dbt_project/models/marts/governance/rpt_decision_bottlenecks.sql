-- Grain: one row per decision right under which consents were given or are waited for.
-- How long decisions wait and on how few they rest, over the year up to the as-of. Delegation is
-- proposed where one person gives four consents in five, or nobody gave any, and what waits or
-- waited did so for more than two weeks.
with

parameters as (

    select
        as_of_date,
        {{ add_days('as_of_date', -365) }} as first_date
    from {{ ref('int_run__parameters') }}

),

acts as (

    select
        act_seq,
        recorded_at_utc,
        act_type,
        actor_id,
        right_name,
        refers_to_act_seq,
        outcome_code,
        waiting_seconds
    from {{ ref('fct_acts') }}

),

consents as (

    select
        acts.right_name,
        acts.actor_id,
        decided.waiting_seconds
    from acts
    inner join parameters on cast(acts.recorded_at_utc as date) > parameters.first_date
    inner join acts as decided on acts.refers_to_act_seq = decided.act_seq
    where
        acts.act_type = 'decision.approve'
        and acts.outcome_code = 'recorded'
        and acts.right_name is not null

),

by_person as (

    select
        right_name,
        actor_id,
        count(*) as consent_count
    from consents
    group by right_name, actor_id

),

people as (

    select
        right_name,
        count(*) as decider_count,
        max(consent_count) as busiest_count
    from by_person
    group by right_name

),

given as (

    select
        right_name,
        count(*) as consent_count,
        sum(waiting_seconds) as waiting_seconds,
        count(waiting_seconds) as settled_count
    from consents
    group by right_name

),

waiting as (

    select
        needed_right_name as right_name,
        count(*) as waiting_count,
        max(waiting_days) as longest_waiting_days
    from {{ ref('int_acts__waiting_consents') }}
    where needed_right_name is not null
    group by needed_right_name

),

measured as (

    select
        coalesce(given.right_name, waiting.right_name) as right_name,
        coalesce(given.consent_count, 0) as consent_count,
        coalesce(people.decider_count, 0) as decider_count,
        cast(people.busiest_count as double) / cast(given.consent_count as double)
            as busiest_share,
        cast(given.waiting_seconds as double) / (86400 * nullif(given.settled_count, 0))
            as mean_waited_days,
        coalesce(waiting.waiting_count, 0) as waiting_count,
        waiting.longest_waiting_days
    from given
    full outer join waiting on given.right_name = waiting.right_name
    left join people on given.right_name = people.right_name

)

select
    right_name,
    consent_count,
    decider_count,
    round(busiest_share, 6) as busiest_share,
    round(mean_waited_days, 6) as mean_waited_days,
    waiting_count,
    longest_waiting_days,
    coalesce(busiest_share, 1) >= 0.8
    and greatest(coalesce(mean_waited_days, 0), coalesce(longest_waiting_days, 0)) > 14
        as is_delegation_proposed
from measured
