-- Grain: one row per schedule line of a sales order.
-- What was promised beside what arrived. Schedules of an order line share its deliveries: what
-- arrives fills the promises in their order. A reversal counts on the day of what it takes back, so
-- the two net to nothing; a cancelled schedule asks for nothing.
with

-- A rounding of the scale is no short delivery.
tolerance as (

    select cast(0.01 as decimal(3, 2)) as short_share

),

promises as (

    select
        schedules.order_id,
        schedules.line_no,
        schedules.schedule_no,
        schedules.sales_org_code,
        schedules.site_id,
        schedules.customer_id,
        schedules.product_id,
        schedules.unit_code,
        schedules.order_qty,
        schedules.net_value,
        schedules.currency_code,
        schedules.order_date,
        schedules.requested_date,
        schedules.confirmed_date,
        schedules.status_code,
        schedules.delivery_date,
        schedules.status_code = 'cancelled' as is_cancelled,
        coalesce(schedules.confirmed_date, schedules.requested_date) as promised_date,
        case
            when schedules.status_code = 'cancelled' then 0 else schedules.order_qty
        end as wanted_qty,
        schedules.order_qty * tolerance.short_share as tolerated_qty
    from {{ ref('stg_erp__sales_order_lines') }} as schedules
    cross join tolerance

),

queue as (

    select
        order_id,
        line_no,
        schedule_no,
        sum(wanted_qty) over (
            partition by order_id, line_no
            order by promised_date, schedule_no
            rows between unbounded preceding and current row
        ) as wanted_so_far_qty
    from promises

),

issued as (

    select
        delivery_id,
        order_id,
        line_no,
        min(delivered_date) as delivered_date
    from {{ ref('stg_erp__deliveries') }}
    where reversal_of is null
    group by delivery_id, order_id, line_no

),

arrivals as (

    select
        deliveries.order_id,
        deliveries.line_no,
        deliveries.unit_code,
        case
            when deliveries.reversal_of is null or issued.delivery_id is null
                then deliveries.delivered_date
            else issued.delivered_date
        end as arrived_date,
        deliveries.shipped_qty,
        deliveries.delivery_date
    from {{ ref('stg_erp__deliveries') }} as deliveries
    left join issued
        on
            deliveries.reversal_of = issued.delivery_id
            and deliveries.order_id = issued.order_id
            and deliveries.line_no = issued.line_no

),

arrival_days as (

    select
        order_id,
        line_no,
        unit_code,
        arrived_date,
        sum(shipped_qty) as arrived_qty,
        max(delivery_date) as delivery_date
    from arrivals
    where arrived_date is not null
    group by order_id, line_no, unit_code, arrived_date

),

running as (

    select
        order_id,
        line_no,
        unit_code,
        arrived_date,
        arrived_qty,
        sum(arrived_qty) over (
            partition by order_id, line_no, unit_code
            order by arrived_date
            rows between unbounded preceding and current row
        ) as arrived_so_far_qty,
        delivery_date
    from arrival_days

),

met as (

    select
        promises.order_id,
        promises.line_no,
        promises.schedule_no,
        sum(running.arrived_qty) as arrived_qty,
        sum(running.arrived_qty) filter (
            where running.arrived_date <= promises.promised_date
        ) as arrived_by_promise_qty,
        min(running.arrived_date) filter (
            where running.arrived_so_far_qty + promises.tolerated_qty >= queue.wanted_so_far_qty
        ) as in_full_date,
        max(running.delivery_date) filter (
            where running.arrived_date <= promises.promised_date
        ) as delivery_date
    from promises
    inner join queue
        on
            promises.order_id = queue.order_id
            and promises.line_no = queue.line_no
            and promises.schedule_no = queue.schedule_no
    inner join running
        on
            promises.order_id = running.order_id
            and promises.line_no = running.line_no
            and promises.unit_code = running.unit_code
    group by promises.order_id, promises.line_no, promises.schedule_no

),

filled as (

    select
        promises.order_id,
        promises.line_no,
        promises.schedule_no,
        promises.tolerated_qty,
        promises.wanted_qty,
        -- Earlier schedules are filled first; what they leave is for this one.
        least(
            promises.wanted_qty,
            greatest(
                coalesce(met.arrived_by_promise_qty, 0)
                - queue.wanted_so_far_qty + promises.wanted_qty,
                0
            )
        ) as by_promise_qty,
        least(
            promises.wanted_qty,
            greatest(
                coalesce(met.arrived_qty, 0) - queue.wanted_so_far_qty + promises.wanted_qty, 0
            )
        ) as delivered_qty,
        met.in_full_date,
        met.delivery_date
    from promises
    inner join queue
        on
            promises.order_id = queue.order_id
            and promises.line_no = queue.line_no
            and promises.schedule_no = queue.schedule_no
    left join met
        on
            promises.order_id = met.order_id
            and promises.line_no = met.line_no
            and promises.schedule_no = met.schedule_no

),

complaints as (

    select
        promises.order_id,
        promises.line_no,
        promises.schedule_no,
        bool_or(complaints.is_justified) as is_complained_of,
        max(complaints.delivery_date) as delivery_date
    from promises
    inner join {{ ref('stg_erp__complaints') }} as complaints
        on
            promises.order_id = complaints.order_id
            and promises.product_id = complaints.product_id
    where complaints.opened_date <= {{ add_days('promises.promised_date', 30) }}
    group by promises.order_id, promises.line_no, promises.schedule_no

)

select
    promises.order_id,
    promises.line_no,
    promises.schedule_no,
    promises.sales_org_code,
    promises.site_id,
    promises.customer_id,
    promises.product_id,
    promises.unit_code,
    promises.order_qty,
    cast(filled.by_promise_qty as decimal(15, 3)) as delivered_by_promise_qty,
    cast(filled.delivered_qty as decimal(15, 3)) as delivered_qty,
    promises.net_value,
    promises.currency_code,
    promises.order_date,
    promises.requested_date,
    promises.confirmed_date,
    promises.promised_date,
    case when not promises.is_cancelled then filled.in_full_date end as in_full_date,
    promises.status_code,
    promises.is_cancelled,
    not promises.is_cancelled
    and filled.by_promise_qty + filled.tolerated_qty >= filled.wanted_qty as is_on_time_in_full,
    coalesce(complaints.is_complained_of, false) as is_complained_of,
    -- What came after the promised day changes neither figure, so it is no restatement of them.
    greatest(promises.delivery_date, filled.delivery_date) as otif_delivery_date,
    greatest(
        promises.delivery_date, filled.delivery_date, complaints.delivery_date
    ) as last_delivery_date
from promises
inner join filled
    on
        promises.order_id = filled.order_id
        and promises.line_no = filled.line_no
        and promises.schedule_no = filled.schedule_no
left join complaints
    on
        promises.order_id = complaints.order_id
        and promises.line_no = complaints.line_no
        and promises.schedule_no = complaints.schedule_no
