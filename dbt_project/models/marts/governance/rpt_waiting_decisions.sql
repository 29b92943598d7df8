-- Grain: one row per consent that a pending act still needs.
-- For what, for whom and how long the company waits.
select
    act_seq,
    consent_position,
    recorded_at_utc,
    act_type,
    act_title,
    actor_id,
    subject_key,
    valid_from,
    valid_to,
    needed_right_name,
    needed_person_id,
    consents_needed,
    consents_given,
    waiting_days,
    answer_by_date,
    is_overdue
from {{ ref('int_acts__waiting_consents') }}
