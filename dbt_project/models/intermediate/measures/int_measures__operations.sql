-- Grain: one row per measure, line (or site, where the work centre belongs to no known line) and
-- day on which an operation or an order's last operation ended.
with

parameters as (

    select last_production_date
    from {{ ref('int_run__parameters') }}

),

reversed as (

    select distinct
        production_order_id,
        operation_no,
        reversal_of as confirmation_no
    from {{ ref('stg_mes__operation_confirmations') }}
    where reversal_of is not null

),

confirmations as (

    select
        confirmations.production_order_id,
        confirmations.operation_no,
        confirmations.work_centre_id,
        confirmations.planned_end_at_utc,
        confirmations.actual_start_at_utc,
        confirmations.actual_end_at_utc,
        cast(confirmations.actual_end_at_utc as date) as end_date_in_utc,
        cast(confirmations.actual_end_at_local as date) as end_date_local,
        confirmations.delivery_date
    from {{ ref('stg_mes__operation_confirmations') }} as confirmations
    left join reversed
        on
            confirmations.production_order_id = reversed.production_order_id
            and confirmations.operation_no = reversed.operation_no
            and confirmations.confirmation_no = reversed.confirmation_no
    where confirmations.reversal_of is null and reversed.confirmation_no is null

),

orders as (

    select
        production_order_id,
        site_id,
        good_qty + scrap_qty as produced_qty
    from {{ ref('stg_erp__production_orders') }}

),

equipment as (

    select
        equipment_id,
        line_id,
        site_id,
        valid_from,
        valid_to
    from {{ ref('dim_equipment') }}

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

-- The production day is that of the work centre's line, or of the order's site for a manual place;
-- without a calendar it is the date of the clock that was delivered.
dated as (

    select
        confirmations.production_order_id,
        confirmations.planned_end_at_utc,
        confirmations.actual_start_at_utc,
        confirmations.actual_end_at_utc,
        coalesce(place_days.production_date, confirmations.end_date_local) as end_date,
        confirmations.delivery_date,
        orders.produced_qty,
        coalesce(equipment.site_id, orders.site_id) as site_id,
        case when equipment.line_id is null then 'site' else 'line' end as entity_kind,
        coalesce(equipment.line_id, equipment.site_id, orders.site_id) as entity_id,
        confirmations.operation_no
    from confirmations
    left join orders on confirmations.production_order_id = orders.production_order_id
    left join equipment
        on
            confirmations.work_centre_id = equipment.equipment_id
            and confirmations.end_date_local between equipment.valid_from and equipment.valid_to
    left join production_days as place_days
        on
            coalesce(equipment.line_id, orders.site_id) = place_days.place_id
            and confirmations.end_date_in_utc = place_days.date_in_utc
            and confirmations.actual_end_at_utc >= place_days.from_utc
            and confirmations.actual_end_at_utc < place_days.to_utc

),

located as (

    select
        dated.*,
        row_number() over (
            partition by dated.production_order_id
            order by dated.actual_end_at_utc desc, dated.operation_no desc
        ) as recency,
        min(dated.actual_start_at_utc) over (
            partition by dated.production_order_id
        ) as order_start_at_utc
    from dated
    cross join parameters
    where dated.end_date <= parameters.last_production_date

),

operation_days as (

    select
        entity_kind,
        entity_id,
        site_id,
        end_date,
        count(*) as operations_finished,
        count(*) filter (where actual_end_at_utc <= planned_end_at_utc) as operations_on_time,
        max(delivery_date) as last_delivery_date
    from located
    where entity_id is not null
    group by entity_kind, entity_id, site_id, end_date

),

order_days as (

    select
        entity_kind,
        entity_id,
        site_id,
        end_date,
        sum(produced_qty) as executed_qty,
        sum(
            {{ seconds_between('order_start_at_utc', 'actual_end_at_utc') }}
        ) / 3600 as execution_hours,
        count(*) as observations,
        max(delivery_date) as last_delivery_date
    from located
    where recency = 1 and entity_id is not null and produced_qty is not null
    group by entity_kind, entity_id, site_id, end_date

)

select
    'operations_finished' as measure_id,
    entity_kind,
    entity_id,
    site_id,
    end_date as period_start_date,
    end_date as period_end_date,
    cast(operations_finished as decimal(18, 6)) as measure_value,
    operations_finished as observations,
    last_delivery_date
from operation_days

union all

select
    'operations_on_time' as measure_id,
    entity_kind,
    entity_id,
    site_id,
    end_date as period_start_date,
    end_date as period_end_date,
    cast(operations_on_time as decimal(18, 6)) as measure_value,
    operations_finished as observations,
    last_delivery_date
from operation_days

union all

select
    'executed_qty' as measure_id,
    entity_kind,
    entity_id,
    site_id,
    end_date as period_start_date,
    end_date as period_end_date,
    cast(executed_qty as decimal(18, 6)) as measure_value,
    observations,
    last_delivery_date
from order_days

union all

select
    'execution_hours' as measure_id,
    entity_kind,
    entity_id,
    site_id,
    end_date as period_start_date,
    end_date as period_end_date,
    cast(execution_hours as decimal(18, 6)) as measure_value,
    observations,
    last_delivery_date
from order_days
