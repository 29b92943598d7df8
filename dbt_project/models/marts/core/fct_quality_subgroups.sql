-- Grain: one row per subgroup and characteristic.
-- Parts made one after the other by the same process: the mean says where it stands, the range and
-- the standard deviation within how much it scatters. Sums are exact, so the figures repeat to the
-- last digit.
with

measurements as (

    select
        subgroup_id,
        characteristic_id,
        site_id,
        machine_id,
        product_id,
        gauge_id,
        unit_code,
        measured_at_utc,
        measured_value,
        lower_specification,
        upper_specification,
        target_value,
        delivery_date
    from {{ ref('stg_mes__quality_measurements') }}

),

subgroups as (

    select
        subgroup_id,
        characteristic_id,
        max(site_id) as site_id,
        max(machine_id) as machine_id,
        max(product_id) as product_id,
        max(gauge_id) as gauge_id,
        max(unit_code) as unit_code,
        min(measured_at_utc) as measured_at_utc,
        count(*) as measurements,
        sum(measured_value) as value_sum,
        sum(cast(measured_value * measured_value as decimal(38, 12))) as square_sum,
        min(measured_value) as smallest_value,
        max(measured_value) as largest_value,
        max(lower_specification) as lower_specification,
        max(upper_specification) as upper_specification,
        max(target_value) as target_value,
        count(*) filter (
            where
            measured_value < lower_specification
            or measured_value > upper_specification
        ) as measurements_out_of_tolerance,
        max(delivery_date) as delivery_date
    from measurements
    group by subgroup_id, characteristic_id

)

select
    subgroup_id,
    characteristic_id,
    site_id,
    machine_id,
    product_id,
    gauge_id,
    unit_code,
    measured_at_utc,
    measurements,
    cast(value_sum / measurements as decimal(18, 6)) as mean_value,
    cast(largest_value - smallest_value as decimal(18, 6)) as range_value,
    cast(
        case
            when measurements > 1
                then
                    sqrt(
                        greatest(
                            cast(square_sum as double)
                            - cast(value_sum as double) * cast(value_sum as double) / measurements,
                            0
                        )
                        / (measurements - 1)
                    )
        end as decimal(18, 6)
    ) as standard_deviation,
    lower_specification,
    upper_specification,
    target_value,
    measurements_out_of_tolerance,
    delivery_date
from subgroups
