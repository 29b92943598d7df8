-- Grain: one row per maintenance order, as it stands.
-- An order belongs to the production day on which its work ended; before that it has none. The stop
-- behind it is the entry that stands today, whatever was corrected since the order was opened.
with

orders as (

    select
        work_order_id,
        site_id,
        machine_id,
        order_kind_code,
        status_code,
        opened_at_utc,
        started_at_utc,
        finished_at_utc,
        cast(opened_at_local as date) as opened_date_local,
        cast(finished_at_local as date) as finished_date_local,
        due_date,
        labour_hours,
        failure_downtime_id,
        delivery_date
    from {{ ref('stg_cmms__work_orders') }}

),

production_days as (

    select
        place_id,
        production_date,
        date_in_utc,
        from_utc,
        to_utc
    from {{ ref('int_calendar__production_days') }}

),

equipment as (

    select
        equipment_id,
        line_id,
        valid_from,
        valid_to
    from {{ ref('dim_equipment') }}

),

stops as (

    select
        downtime_id,
        current_downtime_id
    from {{ ref('int_downtime__current') }}

)

select
    orders.work_order_id,
    orders.machine_id,
    equipment.line_id,
    orders.site_id,
    orders.order_kind_code,
    orders.status_code,
    orders.opened_at_utc,
    orders.started_at_utc,
    orders.finished_at_utc,
    coalesce(place_days.production_date, orders.finished_date_local) as finished_date,
    orders.due_date,
    {{ seconds_between('orders.started_at_utc', 'orders.finished_at_utc') }} as work_seconds,
    orders.labour_hours,
    stops.current_downtime_id as failure_downtime_id,
    orders.delivery_date
from orders
left join equipment
    on
        orders.machine_id = equipment.equipment_id
        and orders.opened_date_local between equipment.valid_from and equipment.valid_to
left join production_days as place_days
    on
        coalesce(equipment.line_id, orders.site_id) = place_days.place_id
        and cast(orders.finished_at_utc as date) = place_days.date_in_utc
        and orders.finished_at_utc >= place_days.from_utc
        and orders.finished_at_utc < place_days.to_utc
left join stops on orders.failure_downtime_id = stops.downtime_id
