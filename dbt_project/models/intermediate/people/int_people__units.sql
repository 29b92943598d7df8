{{ config(materialized='view') }}
-- Grain: one row per employee, employment and interval of days in one org unit, cut to the days of
-- employment.
-- Whose hours an hour is: the unit of the primary assignment on that day, staff of agencies too.
with

employments as (

    select
        employee_id,
        hire_date,
        coalesce(exit_date, {{ open_end() }}) as exit_date,
        worker_type_code,
        delivery_date
    from {{ ref('stg_hr__employees') }}

)

select
    assignments.employee_id,
    assignments.org_unit_id,
    org_units.site_id,
    employments.worker_type_code,
    assignments.shift_id is not null as is_shift_worker,
    greatest(assignments.valid_from, employments.hire_date, org_units.valid_from) as valid_from,
    least(
        coalesce(assignments.valid_to, {{ open_end() }}),
        employments.exit_date,
        coalesce(org_units.valid_to, {{ open_end() }})
    ) as valid_to,
    greatest(assignments.delivery_date, employments.delivery_date) as delivery_date
from {{ ref('stg_hr__assignments') }} as assignments
inner join employments
    on
        assignments.employee_id = employments.employee_id
        and assignments.valid_from <= employments.exit_date
        and coalesce(assignments.valid_to, {{ open_end() }}) >= employments.hire_date
inner join {{ ref('dim_org_units') }} as org_units
    on
        assignments.org_unit_id = org_units.org_unit_id
        and assignments.valid_from <= org_units.valid_to
        and coalesce(assignments.valid_to, {{ open_end() }}) >= org_units.valid_from
where assignments.is_primary
