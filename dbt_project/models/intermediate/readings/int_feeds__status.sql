-- Grain: one row per feed that the registers know.
-- Whether its figures can be trusted now, and from which day on they cannot.
with

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

feeds as (

    select
        feed,
        cadence,
        latency_days
    from {{ source('registry', 'feeds') }}

),

accepted as (

    select
        feed,
        min(delivery_date) as first_accepted_date,
        max(delivery_date) as last_accepted_date
    from {{ source('ops', 'delivery_log') }}
    where action in ('accept', 'accept_with_warning', 'quarantine_rows')
    group by feed

),

states as (

    select
        feed,
        state,
        reason
    from {{ source('ops', 'feed_state') }}

)

select
    feeds.feed,
    feeds.latency_days,
    accepted.first_accepted_date,
    accepted.last_accepted_date,
    case
        -- Refused at its first delivery is refused, not missing.
        when states.state in ('blocked', 'rejected') then 'blocked'
        when accepted.feed is null then 'never_delivered'
        when feeds.cadence = 'daily' and accepted.last_accepted_date < parameters.as_of_date
            then 'late'
        else 'ok'
    end as feed_state,
    states.reason as state_reason
from feeds
cross join parameters
left join accepted on feeds.feed = accepted.feed
left join states on feeds.feed = states.feed
