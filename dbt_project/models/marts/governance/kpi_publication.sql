-- Grain: one row per KPI of the register: whether its figures are published, and under what.
-- Of a withheld KPI the figures stand that were last published before; `stands_as_of_date` says
-- of which day they are. Its present ones are in the build and in `steelyard kpi diff`.
select
    decided.kpi_id,
    decided.lifecycle_state,
    decided.retired_from_date,
    decided.left_out_from_date,
    decided.approval_due_date,
    decided.is_published,
    decided.logic_hash,
    decided.approved_by_act_seq,
    decided.approved_logic_hash,
    decided.is_withheld,
    standing.withheld_since_date,
    standing.snapshot_hash as stands_from_snapshot_hash,
    standing.as_of_date as stands_as_of_date,
    standing.logic_hash as stands_under_logic_hash
from {{ ref('int_kpis__publication') }} as decided
left join {{ source('standing', 'kpis') }} as standing on decided.kpi_id = standing.kpi_id
