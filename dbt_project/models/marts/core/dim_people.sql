-- Grain: one row per employee.
-- No name: figures need to know who is the same person, not who it is.
with

employments as (

    select
        employee_id,
        min(hire_date) as first_hire_date,
        max(coalesce(exit_date, {{ open_end() }})) as last_employed_date
    from {{ ref('stg_hr__employees') }}
    group by employee_id

),

other_ids as (

    select
        employee_id,
        count(*) as ids_in_other_systems
    from {{ ref('stg_hr__person_crosswalk') }}
    group by employee_id

)

select
    employments.employee_id,
    employments.first_hire_date,
    nullif(employments.last_employed_date, {{ open_end() }}) as exit_date,
    coalesce(other_ids.ids_in_other_systems, 0) as ids_in_other_systems
from employments
left join other_ids on employments.employee_id = other_ids.employee_id
