{{ config(materialized='view') }}
-- Grain: one row per count, as the quantity since the count before.
-- Running totals are differenced per machine and order; a fall is a reset and counts from zero.
with

counts as (

    select
        event_id,
        site_id,
        machine_id,
        order_id,
        operation_no,
        counted_at_utc,
        counted_at_local,
        good_qty,
        scrap_qty,
        rework_qty,
        count_kind_code,
        delivery_date
    from {{ ref('stg_mes__production_counts') }}

),

running_totals as (

    select
        event_id,
        site_id,
        machine_id,
        order_id,
        operation_no,
        counted_at_utc,
        counted_at_local,
        good_qty,
        scrap_qty,
        rework_qty,
        delivery_date,
        lag(good_qty, 1, 0) over machine_order as good_qty_before,
        lag(scrap_qty, 1, 0) over machine_order as scrap_qty_before,
        lag(rework_qty, 1, 0) over machine_order as rework_qty_before
    from counts
    where count_kind_code = 'cumulative'
    window machine_order as (
        partition by machine_id, order_id order by counted_at_utc, event_id
    )

)

select
    event_id,
    site_id,
    machine_id,
    order_id,
    operation_no,
    counted_at_utc,
    counted_at_local,
    good_qty,
    scrap_qty,
    rework_qty,
    delivery_date
from counts
where count_kind_code = 'delta'

union all

select
    event_id,
    site_id,
    machine_id,
    order_id,
    operation_no,
    counted_at_utc,
    counted_at_local,
    case when good_qty < good_qty_before then good_qty else good_qty - good_qty_before end
        as good_qty,
    case when scrap_qty < scrap_qty_before then scrap_qty else scrap_qty - scrap_qty_before end
        as scrap_qty,
    case when rework_qty < rework_qty_before then rework_qty else rework_qty - rework_qty_before end
        as rework_qty,
    delivery_date
from running_totals
