-- Grain: one row per measure, work unit and production day.
-- A failure counts on the day it began, a restoration on the day it ended: a stop that still lasts
-- is a failure already and no restoration yet, and its length will change no closed period.
with

parameters as (

    select last_production_date
    from {{ ref('int_run__parameters') }}

),

failures as (

    select
        machine_id,
        site_id,
        production_date,
        restored_production_date,
        duration_seconds,
        delivery_date
    from {{ ref('fct_downtime_events') }}
    where is_failure and site_id is not null

),

orders as (

    select
        machine_id,
        site_id,
        finished_date,
        order_kind_code,
        work_seconds,
        delivery_date
    from {{ ref('fct_maintenance_orders') }}
    where status_code = 'finished' and work_seconds is not null and finished_date is not null

),

measured as (

    select
        'failure_events' as measure_id,
        machine_id,
        site_id,
        production_date,
        count(*) as measure_value,
        count(*) as observations,
        max(delivery_date) as last_delivery_date
    from failures
    group by machine_id, site_id, production_date

    union all

    select
        'restorations' as measure_id,
        machine_id,
        site_id,
        restored_production_date as production_date,
        count(*) as measure_value,
        count(*) as observations,
        max(delivery_date) as last_delivery_date
    from failures
    where restored_production_date is not null
    group by machine_id, site_id, restored_production_date

    union all

    select
        'restoration_hours' as measure_id,
        machine_id,
        site_id,
        restored_production_date as production_date,
        sum(duration_seconds) / 3600 as measure_value,
        count(*) as observations,
        max(delivery_date) as last_delivery_date
    from failures
    where restored_production_date is not null
    group by machine_id, site_id, restored_production_date

    union all

    select
        'corrective_hours' as measure_id,
        machine_id,
        site_id,
        finished_date as production_date,
        sum(work_seconds) / 3600 as measure_value,
        count(*) as observations,
        max(delivery_date) as last_delivery_date
    from orders
    where order_kind_code = 'corrective'
    group by machine_id, site_id, finished_date

    union all

    select
        'preventive_hours' as measure_id,
        machine_id,
        site_id,
        finished_date as production_date,
        sum(work_seconds) / 3600 as measure_value,
        count(*) as observations,
        max(delivery_date) as last_delivery_date
    from orders
    where order_kind_code = 'preventive'
    group by machine_id, site_id, finished_date

)

select
    measured.measure_id,
    'work_unit' as entity_kind,
    measured.machine_id as entity_id,
    measured.site_id,
    measured.production_date as period_start_date,
    measured.production_date as period_end_date,
    cast(measured.measure_value as decimal(18, 6)) as measure_value,
    measured.observations,
    measured.last_delivery_date
from measured
cross join parameters
where measured.production_date <= parameters.last_production_date
