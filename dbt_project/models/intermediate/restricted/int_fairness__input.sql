{{ config(materialized='view') }}
-- Grain: one row per audit, attribute, rating cycle, stage and employee.
-- What the audit of ratings is made of. The group stands only where the person agrees to a bias
-- audit as of the run: who was never asked, refused or took it back has none, and is counted for
-- coverage alone. Lies in the schema `restricted`; what leaves are results of groups.
with

run as (

    select as_of_date from {{ ref('int_run__parameters') }}

),

ratings as (

    select
        cycle_id,
        employee_id,
        stage_code,
        rating_points,
        rater_id,
        min(decided_at_utc) over (partition by cycle_id, employee_id) as first_decided_at_utc
    from {{ ref('stg_hr__ratings') }}
    where stage_code in ('proposed', 'calibrated', 'final')

),

placed as (

    select
        ratings.cycle_id,
        ratings.employee_id,
        ratings.stage_code,
        min(org_units.site_id) as site_id,
        min(case
            when org_units.org_unit_kind = 'line' then org_units.parent_id
            else org_units.org_unit_id
        end) as function_id,
        min(assignments.job_level_code) as level_code
    from ratings
    inner join {{ ref('stg_hr__assignments') }} as assignments
        on
            ratings.employee_id = assignments.employee_id
            and assignments.is_primary
            and cast(ratings.first_decided_at_utc as date) >= assignments.valid_from
            and (
                cast(ratings.first_decided_at_utc as date) <= assignments.valid_to
                or assignments.valid_to is null
            )
    inner join {{ ref('dim_org_units') }} as org_units
        on
            assignments.org_unit_id = org_units.org_unit_id
            and cast(ratings.first_decided_at_utc as date)
            between org_units.valid_from and org_units.valid_to
    group by ratings.cycle_id, ratings.employee_id, ratings.stage_code

),

consenting as (

    select distinct consents.employee_id
    from {{ ref('bridge_consent') }} as consents
    inner join run on run.as_of_date between consents.valid_from and consents.valid_to
    where consents.purpose_code = 'bias_audit'

),

newest as (

    select
        stated.employee_id,
        stated.gender_code,
        stated.age_band_code,
        stated.ethnicity_code,
        stated.disability_code,
        row_number() over (
            partition by stated.employee_id order by stated.valid_from desc
        ) as recency
    from {{ ref('stg_restricted__demographics') }} as stated
    inner join consenting on stated.employee_id = consenting.employee_id
    inner join run on stated.valid_from <= run.as_of_date

),

groups as (

    select
        employee_id,
        'gender' as attribute_name,
        gender_code as group_code
    from newest
    where recency = 1 and gender_code is not null

    union all

    select
        employee_id,
        'age_band' as attribute_name,
        age_band_code as group_code
    from newest
    where recency = 1 and age_band_code is not null

    union all

    select
        employee_id,
        'ethnicity' as attribute_name,
        ethnicity_code as group_code
    from newest
    where recency = 1 and ethnicity_code is not null

    union all

    select
        employee_id,
        'disability' as attribute_name,
        disability_code as group_code
    from newest
    where recency = 1 and disability_code is not null

)

select
    audits.audit_id,
    audits.attribute_name,
    ratings.cycle_id,
    ratings.stage_code,
    ratings.employee_id,
    cast(ratings.rating_points as double) as rating_points,
    ratings.rater_id,
    placed.site_id,
    placed.function_id,
    placed.level_code,
    consenting.employee_id is not null as has_consent,
    groups.group_code,
    audits.reference_group_code,
    cast(audits.favourable_points as double) as favourable_points,
    cast(audits.ratio_cut as double) as ratio_cut,
    cast(audits.alpha as double) as alpha,
    audits.least_members,
    audits.site_role,
    audits.level_role
from {{ source('registry', 'audit_attributes') }} as audits
cross join ratings
left join placed
    on
        ratings.cycle_id = placed.cycle_id
        and ratings.employee_id = placed.employee_id
        and ratings.stage_code = placed.stage_code
left join consenting on ratings.employee_id = consenting.employee_id
left join groups
    on
        ratings.employee_id = groups.employee_id
        and audits.attribute_name = groups.attribute_name
where ratings.rating_points is not null
