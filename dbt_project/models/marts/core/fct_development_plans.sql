-- Grain: one row per action of a development plan, as last reported.
with

parameters as (

    select last_production_date
    from {{ ref('int_run__parameters') }}

)

select
    actions.idp_id,
    actions.employee_id,
    actions.competency_id,
    actions.linked_kpi_id,
    actions.start_date,
    actions.due_date,
    actions.closed_date,
    actions.status_code,
    actions.is_stretch,
    actions.status_code = 'open'
    and actions.due_date < parameters.last_production_date as is_overdue
from {{ ref('stg_hr__development_plans') }} as actions
cross join parameters
