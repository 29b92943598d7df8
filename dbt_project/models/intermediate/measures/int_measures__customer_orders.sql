-- Grain: one row per measure, site and promised day.
-- A line counts on the day it was promised for, whether or not it came: what is overdue must not
-- wait for its delivery to be counted. An order counts on the day of its last promise.
with

parameters as (

    select last_production_date
    from {{ ref('int_run__parameters') }}

),

lines as (

    select
        order_id,
        site_id,
        promised_date,
        is_on_time_in_full,
        is_complained_of,
        otif_delivery_date,
        last_delivery_date
    from {{ ref('fct_sales_order_lines') }}
    where not is_cancelled

),

line_days as (

    select
        lines.site_id,
        lines.promised_date as day_date,
        count(*) as lines_due,
        count(*) filter (where lines.is_on_time_in_full) as lines_on_time_in_full,
        max(lines.otif_delivery_date) as last_delivery_date
    from lines
    cross join parameters
    where lines.promised_date <= parameters.last_production_date
    group by lines.site_id, lines.promised_date

),

orders as (

    select
        order_id,
        site_id,
        max(promised_date) as day_date,
        bool_and(is_on_time_in_full and not is_complained_of) as is_perfect,
        max(last_delivery_date) as last_delivery_date
    from lines
    group by order_id, site_id

),

order_days as (

    select
        orders.site_id,
        orders.day_date,
        count(*) as orders_due,
        count(*) filter (where orders.is_perfect) as orders_perfect,
        max(orders.last_delivery_date) as last_delivery_date
    from orders
    cross join parameters
    where orders.day_date <= parameters.last_production_date
    group by orders.site_id, orders.day_date

)

select
    'customer_lines_due' as measure_id,
    'site' as entity_kind,
    site_id as entity_id,
    site_id,
    day_date as period_start_date,
    day_date as period_end_date,
    cast(lines_due as decimal(18, 6)) as measure_value,
    lines_due as observations,
    last_delivery_date
from line_days

union all

select
    'customer_lines_on_time_in_full' as measure_id,
    'site' as entity_kind,
    site_id as entity_id,
    site_id,
    day_date as period_start_date,
    day_date as period_end_date,
    cast(lines_on_time_in_full as decimal(18, 6)) as measure_value,
    lines_due as observations,
    last_delivery_date
from line_days

union all

select
    'customer_orders_due' as measure_id,
    'site' as entity_kind,
    site_id as entity_id,
    site_id,
    day_date as period_start_date,
    day_date as period_end_date,
    cast(orders_due as decimal(18, 6)) as measure_value,
    orders_due as observations,
    last_delivery_date
from order_days

union all

select
    'customer_orders_perfect' as measure_id,
    'site' as entity_kind,
    site_id as entity_id,
    site_id,
    day_date as period_start_date,
    day_date as period_end_date,
    cast(orders_perfect as decimal(18, 6)) as measure_value,
    orders_due as observations,
    last_delivery_date
from order_days
