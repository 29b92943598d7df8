{{ config(materialized='view') }}
-- Grain: one row per rating cycle and employee: the newest rating before any appeal.
-- What ratings are normalised from: who rated, in which unit, and what differs between units and
-- persons without being anybody's merit. Machines are those of today: complexity is not historised.
with

newest as (

    select
        cycle_id,
        employee_id,
        rater_id,
        stage_code,
        rating_points,
        cast(decided_at_utc as date) as decided_date,
        row_number() over (partition by cycle_id, employee_id order by version_no desc) as recency
    from {{ ref('stg_hr__ratings') }}
    where stage_code <> 'appealed'

),

placed as (

    select
        newest.cycle_id,
        newest.employee_id,
        min(assignments.org_unit_id) as org_unit_id,
        min(assignments.job_level_code) as level_code
    from newest
    inner join {{ ref('stg_hr__assignments') }} as assignments
        on
            newest.employee_id = assignments.employee_id
            and assignments.is_primary
            and newest.decided_date
            between assignments.valid_from
            and coalesce(assignments.valid_to, {{ open_end() }})
    where newest.recency = 1
    group by newest.cycle_id, newest.employee_id

),

hired as (

    select
        newest.cycle_id,
        newest.employee_id,
        min({{ days_from('employments.hire_date', 'newest.decided_date') }}) as tenure_days
    from newest
    inner join {{ ref('stg_hr__employees') }} as employments
        on
            newest.employee_id = employments.employee_id
            and newest.decided_date >= employments.hire_date
    where newest.recency = 1
    group by newest.cycle_id, newest.employee_id

),

machines as (

    select
        equipment.org_unit_id,
        count(distinct equipment.equipment_id) as machine_count
    from {{ ref('dim_equipment') }} as equipment
    cross join {{ ref('int_run__parameters') }} as run
    where
        equipment.equipment_level = 'work_unit'
        and run.as_of_date between equipment.valid_from and equipment.valid_to
    group by equipment.org_unit_id

)

select
    newest.cycle_id,
    newest.employee_id,
    newest.rater_id,
    placed.org_unit_id,
    newest.stage_code,
    cast(newest.rating_points as double) as rating_points,
    count(*) over (partition by newest.cycle_id, placed.org_unit_id) as unit_size,
    coalesce(machines.machine_count, 0) as machine_count,
    placed.level_code,
    cast(hired.tenure_days as double) / 365.25 as tenure_years,
    declared.least_ratees,
    cast(declared.outlier_residual as double) as outlier_residual
from newest
cross join {{ source('registry', 'rating_policy') }} as declared
left join placed
    on newest.cycle_id = placed.cycle_id and newest.employee_id = placed.employee_id
left join hired
    on newest.cycle_id = hired.cycle_id and newest.employee_id = hired.employee_id
left join machines on placed.org_unit_id = machines.org_unit_id
where newest.recency = 1
