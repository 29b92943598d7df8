-- Grain: one row per update of a ticket.
select
    ticket_id,
    update_no,
    state as state_code,
    opened_ts_utc as opened_at_utc,
    updated_ts_utc as updated_at_utc,
    resolved_ts_utc as resolved_at_utc,
    closed_ts_utc as closed_at_utc,
    reopen_count,
    reassignment_count,
    category as category_code,
    priority as priority_code,
    assignee_id,
    made_sla as is_in_time,
    _delivery_date as delivery_date
from {{ source('raw', 'support_tickets') }}
