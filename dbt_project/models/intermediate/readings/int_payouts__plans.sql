{{ config(materialized='view') }}
-- Grain: one row per pay plan and KPI that pays or is a gate.
-- What is paid at which level, as the register says.
select
    plan_id,
    plan_version,
    subject_kind,
    kpi_id,
    is_gate,
    cap,
    leverage,
    weight,
    pay_at_threshold,
    pay_at_target,
    pay_at_stretch
from {{ source('registry', 'pay_plan_items') }}
