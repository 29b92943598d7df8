-- Grain: one row per assignment of a course to an employee, as last reported.
-- What became of it by the last production day: in time, late, overdue or still open. A course
-- without a due date is never late.
with

parameters as (

    select last_production_date
    from {{ ref('int_run__parameters') }}

)

select
    assignments.employee_id,
    assignments.course_id,
    assignments.assigned_date,
    assignments.due_date,
    assignments.completed_date,
    assignments.expires_date,
    assignments.is_mandatory,
    case
        when assignments.completed_date is not null
            then
                case
                    when assignments.completed_date > assignments.due_date then 'late'
                    else 'in_time'
                end
        when assignments.status_code = 'waived' then 'waived'
        when assignments.due_date < parameters.last_production_date then 'overdue'
        else 'open'
    end as outcome_code
from {{ ref('stg_hr__training_completions') }} as assignments
cross join parameters
