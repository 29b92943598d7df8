-- Grain: one row per dispute over a KPI that has not been ruled on.
-- Whom it waits for and whether its day has passed: a dispute that is overdue goes up, from the
-- other side to the board, and from the board to whoever leads the company.
with

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

truths as (

    select
        subject_key,
        act_seq,
        state_code,
        kpi_id,
        org_unit_id,
        respondent_id,
        due_on,
        valid_from,
        valid_to,
        recorded_from_utc,
        recorded_to_utc
    from {{ ref('reg_dispute') }}

),

opened as (

    select
        subject_key,
        min(recorded_from_utc) as opened_at_utc
    from truths
    group by subject_key

)

select
    truths.subject_key,
    truths.act_seq,
    truths.kpi_id,
    truths.org_unit_id,
    truths.respondent_id,
    opened.opened_at_utc,
    truths.due_on as due_date,
    truths.state_code,
    greatest({{ days_from('truths.due_on', 'parameters.as_of_date') }}, 0) as overdue_days,
    case
        when truths.due_on >= parameters.as_of_date and truths.state_code = 'open'
            then 'respondent'
        when truths.due_on >= parameters.as_of_date or truths.state_code = 'open' then 'board'
        else 'enterprise_leader'
    end as waits_for_code
from truths
cross join parameters
inner join opened on truths.subject_key = opened.subject_key
where
    truths.recorded_to_utc is null
    and truths.state_code in ('open', 'answered')
    and parameters.as_of_date between truths.valid_from and truths.valid_to
