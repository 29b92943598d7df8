-- Grain: one row per measure, entity (site, product category, scrap reason) and day.
-- Quantities count on the day an order ended, lateness on the day it was due. Category and reason
-- are views of the same orders: all categories together are all sites together, because a product
-- without a category, or that no product list knows, is UNCLASSIFIED. Every reason is seen against
-- all that the site produced.
with

parameters as (

    select last_production_date
    from {{ ref('int_run__parameters') }}

),

orders as (

    select
        orders.site_id,
        coalesce(products.category_code, 'UNCLASSIFIED') as category_code,
        orders.site_id || '/' || orders.scrap_reason_code as scrap_reason_id,
        orders.good_qty,
        orders.scrap_qty,
        orders.due_date,
        orders.actual_end_date,
        orders.delivery_date
    from {{ ref('stg_erp__production_orders') }} as orders
    left join {{ ref('dim_products') }} as products on orders.product_id = products.product_id
    where orders.status_code <> 'cancelled'

),

finished as (

    select
        orders.site_id,
        orders.category_code,
        orders.scrap_reason_id,
        orders.actual_end_date as day_date,
        sum(orders.good_qty) as good_qty,
        sum(orders.scrap_qty) as scrap_qty,
        count(*) as observations,
        max(orders.delivery_date) as last_delivery_date
    from orders
    cross join parameters
    where orders.actual_end_date <= parameters.last_production_date
    group by
        orders.site_id, orders.category_code, orders.scrap_reason_id, orders.actual_end_date

),

due as (

    select
        orders.site_id,
        orders.due_date as day_date,
        count(*) as orders_due,
        count(*) filter (where orders.actual_end_date <= orders.due_date) as orders_on_time,
        max(orders.delivery_date) as last_delivery_date
    from orders
    cross join parameters
    where orders.due_date <= parameters.last_production_date
    group by orders.site_id, orders.due_date

),

by_site as (

    select
        site_id,
        day_date,
        sum(good_qty) as good_qty,
        sum(scrap_qty) as scrap_qty,
        sum(observations) as observations,
        max(last_delivery_date) as last_delivery_date
    from finished
    group by site_id, day_date

),

by_category as (

    select
        category_code,
        day_date,
        sum(good_qty) as good_qty,
        sum(scrap_qty) as scrap_qty,
        sum(observations) as observations,
        max(last_delivery_date) as last_delivery_date
    from finished
    group by category_code, day_date

),

reasons as (

    select distinct
        site_id,
        scrap_reason_id
    from finished
    where scrap_reason_id is not null

),

by_reason as (

    select
        reasons.scrap_reason_id,
        reasons.site_id,
        by_site.day_date,
        by_site.good_qty + by_site.scrap_qty as produced_qty,
        by_site.observations,
        by_site.last_delivery_date,
        coalesce(sum(finished.scrap_qty), 0) as scrap_qty
    from reasons
    inner join by_site on reasons.site_id = by_site.site_id
    left join finished
        on
            reasons.scrap_reason_id = finished.scrap_reason_id
            and by_site.day_date = finished.day_date
    group by
        reasons.scrap_reason_id,
        reasons.site_id,
        by_site.day_date,
        by_site.good_qty,
        by_site.scrap_qty,
        by_site.observations,
        by_site.last_delivery_date

)

select
    'order_good_qty' as measure_id,
    'site' as entity_kind,
    site_id as entity_id,
    site_id,
    day_date as period_start_date,
    day_date as period_end_date,
    cast(good_qty as decimal(18, 6)) as measure_value,
    observations,
    last_delivery_date
from by_site

union all

select
    'order_scrap_qty' as measure_id,
    'site' as entity_kind,
    site_id as entity_id,
    site_id,
    day_date as period_start_date,
    day_date as period_end_date,
    cast(scrap_qty as decimal(18, 6)) as measure_value,
    observations,
    last_delivery_date
from by_site

union all

select
    'order_produced_qty' as measure_id,
    'site' as entity_kind,
    site_id as entity_id,
    site_id,
    day_date as period_start_date,
    day_date as period_end_date,
    cast(good_qty + scrap_qty as decimal(18, 6)) as measure_value,
    observations,
    last_delivery_date
from by_site

union all

select
    'order_good_qty' as measure_id,
    'product_category' as entity_kind,
    category_code as entity_id,
    cast(null as varchar) as site_id,
    day_date as period_start_date,
    day_date as period_end_date,
    cast(good_qty as decimal(18, 6)) as measure_value,
    observations,
    last_delivery_date
from by_category

union all

select
    'order_scrap_qty' as measure_id,
    'product_category' as entity_kind,
    category_code as entity_id,
    cast(null as varchar) as site_id,
    day_date as period_start_date,
    day_date as period_end_date,
    cast(scrap_qty as decimal(18, 6)) as measure_value,
    observations,
    last_delivery_date
from by_category

union all

select
    'order_produced_qty' as measure_id,
    'product_category' as entity_kind,
    category_code as entity_id,
    cast(null as varchar) as site_id,
    day_date as period_start_date,
    day_date as period_end_date,
    cast(good_qty + scrap_qty as decimal(18, 6)) as measure_value,
    observations,
    last_delivery_date
from by_category

union all

select
    'order_scrap_qty' as measure_id,
    'scrap_reason' as entity_kind,
    scrap_reason_id as entity_id,
    site_id,
    day_date as period_start_date,
    day_date as period_end_date,
    cast(scrap_qty as decimal(18, 6)) as measure_value,
    observations,
    last_delivery_date
from by_reason

union all

select
    'order_produced_qty' as measure_id,
    'scrap_reason' as entity_kind,
    scrap_reason_id as entity_id,
    site_id,
    day_date as period_start_date,
    day_date as period_end_date,
    cast(produced_qty as decimal(18, 6)) as measure_value,
    observations,
    last_delivery_date
from by_reason

union all

select
    'orders_due' as measure_id,
    'site' as entity_kind,
    site_id as entity_id,
    site_id,
    day_date as period_start_date,
    day_date as period_end_date,
    cast(orders_due as decimal(18, 6)) as measure_value,
    orders_due as observations,
    last_delivery_date
from due

union all

select
    'orders_on_time' as measure_id,
    'site' as entity_kind,
    site_id as entity_id,
    site_id,
    day_date as period_start_date,
    day_date as period_end_date,
    cast(orders_on_time as decimal(18, 6)) as measure_value,
    orders_due as observations,
    last_delivery_date
from due
