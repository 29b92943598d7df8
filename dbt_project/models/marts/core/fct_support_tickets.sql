-- Grain: one row per ticket, at its last update.
-- Updates of one minute are ordered by their number. A ticket that was closed and opened again
-- says that closing it was the aim.
with

updates as (

    select
        ticket_id,
        update_no,
        state_code,
        opened_at_utc,
        updated_at_utc,
        resolved_at_utc,
        closed_at_utc,
        reopen_count,
        reassignment_count,
        category_code,
        priority_code,
        assignee_id,
        is_in_time,
        row_number() over (partition by ticket_id order by update_no desc) as recency
    from {{ ref('stg_governance__support_tickets') }}

)

select
    ticket_id,
    update_no,
    state_code,
    opened_at_utc,
    updated_at_utc,
    resolved_at_utc,
    closed_at_utc,
    reopen_count,
    reassignment_count,
    category_code,
    priority_code,
    assignee_id,
    is_in_time,
    reopen_count > 0 as is_reopened
from updates
where recency = 1
