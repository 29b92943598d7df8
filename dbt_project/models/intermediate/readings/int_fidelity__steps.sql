{{ config(materialized='view') }}
-- Grain: one row per trial, line under its change and declared step; of a line without declared
-- steps one row without a step.
-- What is due by the day of the run, and what of it is recorded as done (`trial_step`). What is not
-- recorded is not done.
with

run as (

    select as_of_date from {{ ref('int_run__parameters') }}

),

trials as (

    select
        trial_id,
        kpi_id,
        cast(least_fidelity as double) as least_fidelity_share
    from {{ source('registry', 'trials') }}

),

treated as (

    select
        trial_id,
        line_id,
        starts_on_date
    from {{ source('registry', 'trial_lines') }}

),

steps as (

    select
        trial_id,
        line_id,
        step_id,
        due_date
    from {{ source('registry', 'trial_steps') }}

),

done as (

    select
        reg_trial_step.trial_id,
        reg_trial_step.entity_id as line_id,
        reg_trial_step.step_id,
        reg_trial_step.done_on as done_on_date
    from {{ ref('reg_trial_step') }} as reg_trial_step
    cross join run
    where
        reg_trial_step.recorded_to_utc is null
        and reg_trial_step.state_code = 'done'
        and reg_trial_step.entity_kind = 'line'
        and run.as_of_date between reg_trial_step.valid_from and reg_trial_step.valid_to
        and reg_trial_step.done_on <= run.as_of_date

)

select
    trials.trial_id,
    trials.kpi_id,
    treated.line_id,
    treated.starts_on_date,
    trials.least_fidelity_share,
    steps.step_id,
    steps.due_date,
    done.done_on_date,
    coalesce(steps.due_date <= run.as_of_date, false) as is_due,
    done.done_on_date is not null as is_done,
    coalesce(done.done_on_date <= steps.due_date, false) as is_done_in_time
from trials
inner join treated on trials.trial_id = treated.trial_id
cross join run
left join steps
    on
        treated.trial_id = steps.trial_id
        and treated.line_id = steps.line_id
left join done
    on
        steps.trial_id = done.trial_id
        and steps.line_id = done.line_id
        and steps.step_id = done.step_id
