{{ config(materialized='view') }}
-- Grain: one row per page with a quiz and kind of org unit that people lead, and one per page for
-- all who lead (*).
-- Who has learnt to tell signal from noise: how many of those who lead took the quiz and passed, by
-- the newest mark that each handed in. No persons, and no share of too few.
with

parameters as (

    select
        run.as_of_date,
        quiz.pass_mark,
        quiz.least_people
    from {{ ref('int_run__parameters') }} as run
    cross join {{ source('registry', 'quiz') }} as quiz

),

handed_in as (

    select
        actor_id as employee_id,
        act_seq,
        {{ json_field('act_fields', 'page', 'varchar') }} as page,
        {{ json_field('act_fields', 'mark', 'decimal(28, 10)') }} as mark
    from {{ ref('stg_ledger__acts') }}
    where act_type = 'quiz.hand_in' and outcome_code = 'recorded'

),

numbered as (

    select
        employee_id,
        page,
        mark,
        row_number() over (partition by employee_id, page order by act_seq desc) as newest_no
    from handed_in

),

pages as (

    select distinct page
    from handed_in

),

led as (

    select
        units.leader_id as employee_id,
        units.org_unit_kind
    from {{ ref('dim_org_units') }} as units
    cross join parameters
    where
        units.leader_id is not null
        and parameters.as_of_date between units.valid_from and units.valid_to

),

leaders as (

    select distinct
        employee_id,
        org_unit_kind
    from led

    union all

    select distinct
        employee_id,
        '*' as org_unit_kind
    from led

),

counted as (

    select
        pages.page,
        leaders.org_unit_kind,
        count(*) as leader_count,
        count(numbered.mark) as taken_count,
        count(case when numbered.mark >= parameters.pass_mark then 1 end) as passed_count,
        max(parameters.least_people) as least_people
    from leaders
    cross join pages
    cross join parameters
    left join numbered
        on
            leaders.employee_id = numbered.employee_id
            and pages.page = numbered.page
            and numbered.newest_no = 1
    group by pages.page, leaders.org_unit_kind

)

select
    page,
    org_unit_kind,
    leader_count,
    case when taken_count >= least_people then taken_count end as taken_count,
    case when taken_count >= least_people then passed_count end as passed_count,
    case
        when taken_count >= least_people
            then round(cast(passed_count as double) / cast(taken_count as double), 10)
    end as pass_ratio
from counted
