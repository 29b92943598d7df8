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
        latency_days,
        -- A feed that may have nothing to say keeps silent on such days.
        cadence = 'daily' and not may_be_empty as is_due_daily
    from {{ source('registry', 'feeds') }}

),

accepted as (

    select
        feed,
        min(delivery_date) as first_accepted_date,
        max(delivery_date) as last_accepted_date
    from {{ source('ops', 'delivery_log') }}
    where source is null and action in ('accept', 'accept_with_warning', 'quarantine_rows')
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
        when states.state in ('blocked', 'rejected') then 'blocked'
        when accepted.feed is null then 'never_delivered'
        when states.state = 'late' then 'late'
        when feeds.is_due_daily and accepted.last_accepted_date < parameters.as_of_date
            then 'late'
        else 'ok'
    end as feed_state,
    states.reason as state_reason
from feeds
cross join parameters
left join accepted on feeds.feed = accepted.feed
left join states on feeds.feed = states.feed
