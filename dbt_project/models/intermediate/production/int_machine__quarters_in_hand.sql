{{ config(materialized='view') }}
-- Grain: one row per work unit and touched quarter that the statement at hand builds.
-- The number of a row stands for both in what follows: of an integer events are sorted in two
-- thirds of the time that range and name of the machine take.
with

quarters as (

    select
        range_no,
        from_date,
        to_date
    from {{ ref('int_touched__quarter_in_hand') }}

),

work_units as (

    select distinct equipment_id
    from {{ ref('dim_equipment') }}
    where equipment_level = 'work_unit'

)

select
    cast(
        row_number() over (order by quarters.range_no, work_units.equipment_id) as integer
    ) as machine_quarter_no,
    work_units.equipment_id as machine_id,
    quarters.range_no,
    quarters.from_date,
    quarters.to_date
from quarters
cross join work_units
