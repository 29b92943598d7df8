-- Grain: one row per goods receipt line; reversals are rows of their own.
select
    receipt_id,
    receipt_line,
    po_id,
    line_no,
    posting_date,
    received_qty,
    rejected_qty,
    movement_type as movement_type_code,
    reversal_of,
    _delivery_date as delivery_date
from {{ source('raw', 'erp_goods_receipts') }}
