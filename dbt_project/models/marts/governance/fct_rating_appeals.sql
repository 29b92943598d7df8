-- Grain: one row per appeal against a rating.
-- How long it took of the time that it was given; what was claimed stays in the ledger.
with

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

opened as (

    select
        subject_key,
        min(recorded_from_utc) as opened_at_utc
    from {{ ref('reg_appeal') }}
    group by subject_key

),

present as (

    select
        reg_appeal.subject_key,
        reg_appeal.cycle_id,
        reg_appeal.employee_id,
        reg_appeal.rater_id,
        reg_appeal.reviewer_id,
        reg_appeal.due_on,
        reg_appeal.state_code,
        reg_appeal.outcome,
        reg_appeal.act_seq,
        case when reg_appeal.state_code = 'decided' then reg_appeal.recorded_from_utc end
            as decided_at_utc
    from {{ ref('reg_appeal') }} as reg_appeal
    cross join parameters
    where
        reg_appeal.recorded_to_utc is null
        and parameters.as_of_date between reg_appeal.valid_from and reg_appeal.valid_to

)

select
    present.subject_key,
    present.cycle_id,
    present.employee_id,
    present.rater_id,
    present.reviewer_id,
    present.state_code,
    present.outcome as outcome_code,
    present.act_seq as last_act_seq,
    opened.opened_at_utc,
    present.due_on as due_date,
    present.decided_at_utc,
    {{ days_from(
        'cast(opened.opened_at_utc as date)',
        'coalesce(cast(present.decided_at_utc as date), parameters.as_of_date)'
    ) }} as days_used,
    {{ days_from('cast(opened.opened_at_utc as date)', 'present.due_on') }} as days_allowed,
    coalesce(
        present.due_on < coalesce(cast(present.decided_at_utc as date), parameters.as_of_date),
        false
    ) as is_overdue
from present
cross join parameters
inner join opened on present.subject_key = opened.subject_key
