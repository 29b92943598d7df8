{{ config(materialized='view') }}
-- Grain: one row per audience, KPI, entity kind and period kind: whose charts it looks at, and how
-- many false alarms a month it puts up with on all of them.
select
    audience,
    title,
    kpi_id,
    entity_kind,
    period_kind,
    cast(false_alarms_per_month as double) as budget_per_month
from {{ source('registry', 'alarm_budgets') }}
