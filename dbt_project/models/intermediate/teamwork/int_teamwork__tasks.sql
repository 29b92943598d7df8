-- Grain: one row per task of a piece of work, with what came of the whole once it was measured.
-- Read by Python: who held the work up, and whose its outcome is.
with

work_tasks as (

    select * from {{ ref('stg_teamwork__tasks') }}

),

results as (

    select * from {{ ref('stg_teamwork__outcomes') }}

)

select
    work_tasks.item_id,
    work_tasks.task_no,
    work_tasks.site_id,
    work_tasks.team_id,
    work_tasks.function_code,
    work_tasks.waits_for_task_no,
    work_tasks.also_waits_for_task_no,
    work_tasks.agreed_weight,
    work_tasks.planned_days,
    work_tasks.started_date,
    work_tasks.handed_on_date,
    results.measured_date,
    results.saved_hours

from work_tasks
left join results on work_tasks.item_id = results.item_id
