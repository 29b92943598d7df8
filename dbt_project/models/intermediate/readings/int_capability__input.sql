{{ config(materialized='view') }}
-- Grain: one row per subgroup of measured parts.
-- A process is what one machine makes of one characteristic to one specification: parts that are
-- made to another one are not compared with these. Specifications are numbered in the order in
-- which they were first made to, so that a later one moves no number.
with

subgroups as (

    select
        subgroup_id,
        site_id,
        coalesce(machine_id, '*') as machine_id,
        characteristic_id,
        unit_code,
        measured_at_utc,
        measurements as measurement_count,
        mean_value,
        range_value,
        standard_deviation,
        lower_specification,
        upper_specification,
        target_value,
        measurements_out_of_tolerance as out_of_tolerance_count
    from {{ ref('fct_quality_subgroups') }}

),

begun as (

    select
        *,
        min(measured_at_utc) over (
            partition by
                site_id,
                machine_id,
                characteristic_id,
                unit_code,
                lower_specification,
                upper_specification,
                target_value
        ) as begun_at_utc
    from subgroups

)

select
    subgroup_id,
    site_id,
    machine_id,
    characteristic_id,
    cast(
        dense_rank() over (
            partition by site_id, machine_id, characteristic_id
            order by
                begun_at_utc,
                unit_code,
                lower_specification,
                upper_specification,
                target_value
        ) as bigint
    ) as specification_no,
    unit_code,
    measured_at_utc,
    measurement_count,
    cast(mean_value as double) as mean_value,
    cast(range_value as double) as range_value,
    cast(standard_deviation as double) as standard_deviation,
    cast(lower_specification as double) as lower_specification,
    cast(upper_specification as double) as upper_specification,
    cast(target_value as double) as target_value,
    out_of_tolerance_count
from begun
