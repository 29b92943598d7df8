-- Grain: one row per rating cycle and employee.
-- The newest rating before any appeal beside what rater, unit, level and tenure have one expect,
-- by orchestration/governance/ratings.py. Not published: it is for the calibration panel.
with

found as (

    -- Where nobody is rated the columns have no type of their own.
    select
        cast(cycle_id as varchar) as cycle_id,
        cast(employee_id as varchar) as employee_id,
        cast(rater_id as varchar) as rater_id,
        cast(org_unit_id as varchar) as org_unit_id,
        cast(stage_code as varchar) as stage_code,
        cast(version as bigint) as method_version,
        cast(convention as varchar) as convention,
        cast(raters_ratings as bigint) as raters_rating_count,
        cast(units_ratings as bigint) as units_rating_count,
        cast(raw_points as decimal(9, 2)) as raw_points,
        cast(normalised_points as double) as normalised_points,
        cast(low_points as double) as low_points,
        cast(high_points as double) as high_points,
        cast(rater_points as double) as rater_points,
        cast(unit_points as double) as unit_points,
        cast(covariate_points as double) as covariate_points,
        cast(expected_points as double) as expected_points,
        cast(residual_points as double) as residual_points,
        cast(residual_z as double) as residual_z,
        cast(verdict as varchar) as verdict,
        cast(refusal as varchar) as refusal
    from {{ source('statistics', 'normalised_ratings') }}

),

explained as (

    select
        rationales.cycle_id,
        rationales.employee_id,
        max(rationales.act_seq) as act_seq
    from {{ ref('reg_rationale') }} as rationales
    cross join {{ ref('int_run__parameters') }} as run
    where
        rationales.recorded_to_utc is null
        and run.as_of_date between rationales.valid_from and rationales.valid_to
    group by rationales.cycle_id, rationales.employee_id

)

select
    found.cycle_id,
    found.employee_id,
    found.rater_id,
    found.org_unit_id,
    found.stage_code,
    found.method_version,
    found.convention,
    found.raters_rating_count,
    found.units_rating_count,
    found.raw_points,
    found.normalised_points,
    found.low_points,
    found.high_points,
    found.rater_points,
    found.unit_points,
    found.covariate_points,
    found.expected_points,
    found.residual_points,
    found.residual_z,
    found.verdict,
    explained.act_seq as rationale_act_seq,
    found.refusal
from found
left join explained
    on found.cycle_id = explained.cycle_id and found.employee_id = explained.employee_id
