{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    on_schema_change='fail',
    unique_key='production_date',
    meta={'touched_by': 'int_touched__machine_days'}
) }}
-- Grain: one row per work unit and production day with counts.
-- A count belongs to the production day of the shift that holds its instant; outside every shift
-- it keeps the local date. Planned run time is that of the order's product at this machine. Right
-- first time, reworked and scrapped are disjoint; reworked units are good in the end.
with

touched as (

    select
        {{ add_days('from_date', -2) }} as from_date,
        {{ add_days('to_date', 2) }} as to_date
    from {{ ref('int_touched__machine_ranges') }}

),

windows as (

    select
        shift_windows.machine_id,
        shift_windows.production_date,
        shift_windows.date_in_utc,
        shift_windows.opens_at_utc,
        shift_windows.closes_at_utc
    from {{ ref('int_work_units__shift_windows') }} as shift_windows
    where
        exists (
            select 1
            from touched
            where
                shift_windows.production_date >= touched.from_date
                and shift_windows.production_date <= touched.to_date
        )

),

counts as (

    -- Padded ranges may overlap; a count is still one count.
    select distinct
        counts.event_id,
        counts.site_id,
        counts.machine_id,
        counts.order_id,
        counts.counted_at_utc,
        cast(counts.counted_at_local as date) as local_date,
        counts.good_qty,
        counts.scrap_qty,
        counts.rework_qty,
        counts.delivery_date
    from {{ ref('int_production__counts') }} as counts
    inner join touched
        on
            counts.counted_at_utc >= cast(touched.from_date as timestamp)
            and counts.counted_at_utc < cast({{ add_days('touched.to_date', 1) }} as timestamp)

),

dated as (

    select
        counts.event_id,
        counts.site_id,
        counts.machine_id,
        counts.order_id,
        counts.good_qty,
        counts.scrap_qty,
        counts.rework_qty,
        counts.delivery_date,
        coalesce(windows.production_date, counts.local_date) as production_date
    from counts
    left join windows
        on
            counts.machine_id = windows.machine_id
            and cast(counts.counted_at_utc as date) = windows.date_in_utc
            and counts.counted_at_utc >= windows.opens_at_utc
            and counts.counted_at_utc < windows.closes_at_utc

),

orders as (

    select
        production_order_id,
        product_id
    from {{ ref('stg_erp__production_orders') }}

),

routings as (

    select
        product_id,
        work_centre_id,
        valid_from,
        valid_to,
        planned_run_seconds_per_unit
    from {{ ref('int_routings__current') }}

)

select
    dated.machine_id,
    dated.site_id,
    dated.production_date,
    cast(sum(dated.good_qty + dated.rework_qty + dated.scrap_qty) as decimal(18, 3))
        as produced_qty,
    cast(sum(dated.good_qty + dated.rework_qty) as decimal(18, 3)) as good_qty,
    cast(sum(dated.good_qty) as decimal(18, 3)) as first_pass_qty,
    cast(sum(dated.scrap_qty) as decimal(18, 3)) as scrap_qty,
    cast(sum(dated.rework_qty) as decimal(18, 3)) as rework_qty,
    cast(
        sum((dated.good_qty + dated.rework_qty) * routings.planned_run_seconds_per_unit)
        / 60 as decimal(18, 6)
    ) as standard_minutes_good,
    cast(
        sum(
            (dated.good_qty + dated.rework_qty + dated.scrap_qty)
            * routings.planned_run_seconds_per_unit
        ) / 60 as decimal(18, 6)
    ) as standard_minutes_produced,
    count(*) filter (where routings.planned_run_seconds_per_unit is null) as counts_without_routing,
    max(dated.delivery_date) as last_delivery_date
from dated
left join orders on dated.order_id = orders.production_order_id
left join routings
    on
        orders.product_id = routings.product_id
        and dated.machine_id = routings.work_centre_id
        and dated.production_date between routings.valid_from and routings.valid_to
where
    dated.production_date in (
        select touched_days.production_date
        from {{ ref('int_touched__machine_days') }} as touched_days
    )
group by dated.machine_id, dated.site_id, dated.production_date
