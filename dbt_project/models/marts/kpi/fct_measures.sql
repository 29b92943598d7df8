{{ config(materialized='view') }}
-- Grain: one row per measure, entity it was measured at and period (a day, or a month where the
-- source knows no days).
-- Every additive quantity of the company in one shape, at the finest grain its source has and
-- never allocated below it. Readings are sums of these rows and of nothing else.
with

machine_days as (

    select
        machine_id,
        site_id,
        production_date,
        planned_busy_minutes,
        producing_minutes,
        setup_minutes,
        down_minutes,
        no_data_minutes,
        last_delivery_date
    from {{ ref('int_measures__machine_days') }}

),

production_days as (

    select
        machine_id,
        site_id,
        production_date,
        first_pass_qty,
        scrap_qty,
        rework_qty,
        standard_minutes_good,
        standard_minutes_produced,
        last_delivery_date
    from {{ ref('int_measures__production_days') }}

)

select
    'planned_busy_minutes' as measure_id,
    'work_unit' as entity_kind,
    machine_id as entity_id,
    site_id,
    production_date as period_start_date,
    production_date as period_end_date,
    cast(planned_busy_minutes as decimal(18, 6)) as measure_value,
    1 as observations,
    last_delivery_date
from machine_days

union all

select
    'producing_minutes' as measure_id,
    'work_unit' as entity_kind,
    machine_id as entity_id,
    site_id,
    production_date as period_start_date,
    production_date as period_end_date,
    cast(producing_minutes as decimal(18, 6)) as measure_value,
    1 as observations,
    last_delivery_date
from machine_days
where producing_minutes is not null

union all

select
    'setup_minutes' as measure_id,
    'work_unit' as entity_kind,
    machine_id as entity_id,
    site_id,
    production_date as period_start_date,
    production_date as period_end_date,
    cast(setup_minutes as decimal(18, 6)) as measure_value,
    1 as observations,
    last_delivery_date
from machine_days
where setup_minutes is not null

union all

select
    'down_minutes' as measure_id,
    'work_unit' as entity_kind,
    machine_id as entity_id,
    site_id,
    production_date as period_start_date,
    production_date as period_end_date,
    cast(down_minutes as decimal(18, 6)) as measure_value,
    1 as observations,
    last_delivery_date
from machine_days
where down_minutes is not null

union all

select
    'no_data_minutes' as measure_id,
    'work_unit' as entity_kind,
    machine_id as entity_id,
    site_id,
    production_date as period_start_date,
    production_date as period_end_date,
    cast(no_data_minutes as decimal(18, 6)) as measure_value,
    1 as observations,
    last_delivery_date
from machine_days

union all

select
    'produced_qty' as measure_id,
    'work_unit' as entity_kind,
    machine_id as entity_id,
    site_id,
    production_date as period_start_date,
    production_date as period_end_date,
    cast(first_pass_qty + rework_qty + scrap_qty as decimal(18, 6)) as measure_value,
    1 as observations,
    last_delivery_date
from production_days

union all

select
    'good_qty' as measure_id,
    'work_unit' as entity_kind,
    machine_id as entity_id,
    site_id,
    production_date as period_start_date,
    production_date as period_end_date,
    cast(first_pass_qty + rework_qty as decimal(18, 6)) as measure_value,
    1 as observations,
    last_delivery_date
from production_days

union all

select
    'scrap_qty' as measure_id,
    'work_unit' as entity_kind,
    machine_id as entity_id,
    site_id,
    production_date as period_start_date,
    production_date as period_end_date,
    cast(scrap_qty as decimal(18, 6)) as measure_value,
    1 as observations,
    last_delivery_date
from production_days

union all

select
    'rework_qty' as measure_id,
    'work_unit' as entity_kind,
    machine_id as entity_id,
    site_id,
    production_date as period_start_date,
    production_date as period_end_date,
    cast(rework_qty as decimal(18, 6)) as measure_value,
    1 as observations,
    last_delivery_date
from production_days

union all

select
    'first_pass_qty' as measure_id,
    'work_unit' as entity_kind,
    machine_id as entity_id,
    site_id,
    production_date as period_start_date,
    production_date as period_end_date,
    cast(first_pass_qty as decimal(18, 6)) as measure_value,
    1 as observations,
    last_delivery_date
from production_days

union all

select
    'standard_minutes_produced' as measure_id,
    'work_unit' as entity_kind,
    machine_id as entity_id,
    site_id,
    production_date as period_start_date,
    production_date as period_end_date,
    cast(standard_minutes_produced as decimal(18, 6)) as measure_value,
    1 as observations,
    last_delivery_date
from production_days

union all

select
    'standard_minutes_good' as measure_id,
    'work_unit' as entity_kind,
    machine_id as entity_id,
    site_id,
    production_date as period_start_date,
    production_date as period_end_date,
    cast(standard_minutes_good as decimal(18, 6)) as measure_value,
    1 as observations,
    last_delivery_date
from production_days

union all

select
    measure_id,
    entity_kind,
    entity_id,
    site_id,
    period_start_date,
    period_end_date,
    measure_value,
    observations,
    last_delivery_date
from {{ ref('int_measures__orders') }}

union all

select
    measure_id,
    entity_kind,
    entity_id,
    site_id,
    period_start_date,
    period_end_date,
    measure_value,
    observations,
    last_delivery_date
from {{ ref('int_measures__operations') }}

union all

select
    measure_id,
    entity_kind,
    entity_id,
    site_id,
    period_start_date,
    period_end_date,
    measure_value,
    observations,
    last_delivery_date
from {{ ref('int_measures__purchasing') }}

union all

select
    measure_id,
    entity_kind,
    entity_id,
    site_id,
    period_start_date,
    period_end_date,
    measure_value,
    observations,
    last_delivery_date
from {{ ref('int_measures__customer_orders') }}

union all

select
    measure_id,
    entity_kind,
    entity_id,
    site_id,
    period_start_date,
    period_end_date,
    measure_value,
    observations,
    last_delivery_date
from {{ ref('int_measures__safety') }}

union all

select
    measure_id,
    entity_kind,
    entity_id,
    site_id,
    period_start_date,
    period_end_date,
    measure_value,
    observations,
    last_delivery_date
from {{ ref('int_measures__people') }}

union all

select
    measure_id,
    entity_kind,
    entity_id,
    site_id,
    period_start_date,
    period_end_date,
    measure_value,
    observations,
    last_delivery_date
from {{ ref('int_measures__leadership') }}
