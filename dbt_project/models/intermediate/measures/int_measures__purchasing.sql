-- Grain: one row per measure, entity (site or supplier) and posting day.
-- Quantities are signed, so a receipt and its reversal net to nothing; neither counts as a receipt
-- that was or was not on time. Suppliers are a view of the same
-- receipts and never add up with sites.
with

parameters as (

    select last_production_date
    from {{ ref('int_run__parameters') }}

),

lines as (

    select
        po_id,
        line_no,
        supplier_id,
        site_id,
        due_date
    from {{ ref('stg_erp__purchase_order_lines') }}
    where not is_deleted

),

reversed as (

    select distinct reversal_of as receipt_id
    from {{ ref('stg_erp__goods_receipts') }}
    where reversal_of is not null

),

receipts as (

    select
        lines.site_id,
        lines.supplier_id,
        receipts.posting_date,
        receipts.received_qty,
        receipts.rejected_qty,
        case
            when receipts.reversal_of is null and reversed.receipt_id is null then 1 else 0
        end as is_receipt,
        case when receipts.posting_date <= lines.due_date then 1 else 0 end as is_on_time,
        receipts.delivery_date
    from {{ ref('stg_erp__goods_receipts') }} as receipts
    inner join lines on receipts.po_id = lines.po_id and receipts.line_no = lines.line_no
    left join reversed on receipts.receipt_id = reversed.receipt_id
    cross join parameters
    where receipts.posting_date <= parameters.last_production_date

),

entity_days as (

    select
        'site' as entity_kind,
        site_id as entity_id,
        site_id,
        posting_date,
        sum(received_qty) as received_qty,
        sum(rejected_qty) as rejected_qty,
        sum(is_receipt) as receipts,
        sum(is_receipt * is_on_time) as receipts_on_time,
        max(delivery_date) as last_delivery_date
    from receipts
    group by site_id, posting_date

    union all

    select
        'supplier' as entity_kind,
        supplier_id as entity_id,
        cast(null as varchar) as site_id,
        posting_date,
        sum(received_qty) as received_qty,
        sum(rejected_qty) as rejected_qty,
        sum(is_receipt) as receipts,
        sum(is_receipt * is_on_time) as receipts_on_time,
        max(delivery_date) as last_delivery_date
    from receipts
    group by supplier_id, posting_date

)

select
    'receipts' as measure_id,
    entity_kind,
    entity_id,
    site_id,
    posting_date as period_start_date,
    posting_date as period_end_date,
    cast(receipts as decimal(18, 6)) as measure_value,
    receipts as observations,
    last_delivery_date
from entity_days

union all

select
    'receipts_on_time' as measure_id,
    entity_kind,
    entity_id,
    site_id,
    posting_date as period_start_date,
    posting_date as period_end_date,
    cast(receipts_on_time as decimal(18, 6)) as measure_value,
    receipts as observations,
    last_delivery_date
from entity_days

union all

select
    'received_qty' as measure_id,
    entity_kind,
    entity_id,
    site_id,
    posting_date as period_start_date,
    posting_date as period_end_date,
    cast(received_qty as decimal(18, 6)) as measure_value,
    receipts as observations,
    last_delivery_date
from entity_days

union all

select
    'rejected_qty' as measure_id,
    entity_kind,
    entity_id,
    site_id,
    posting_date as period_start_date,
    posting_date as period_end_date,
    cast(rejected_qty as decimal(18, 6)) as measure_value,
    receipts as observations,
    last_delivery_date
from entity_days
