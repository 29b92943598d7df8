{{ config(materialized='view') }}
-- Grain: one row per final reading of a charted KPI over a week, a month or a quarter.
-- What charts are reviewed by: the figures that they are drawn from, and none that deliveries may
-- still change. Days are charted too and
-- follow their weeks and months; charts of leaders are about persons, whose baseline nobody moves.
select
    kpi_id,
    entity_kind,
    entity_id,
    period_kind,
    period_start_date,
    series_id,
    phase_start_date,
    phase_act_seq,
    case when trust_state <> 'blocked_input' then numerator end as numerator,
    case when trust_state <> 'blocked_input' then denominator end as denominator,
    case when trust_state <> 'blocked_input' then computed_value end as computed_value,
    finality,
    is_excluded,
    chart_kind,
    when_rare,
    rule_set,
    baseline_readings,
    baseline_from_date,
    baseline_to_date,
    when_not_in_control,
    restated_on_date,
    multiplier
from {{ ref('int_judgements__input') }}
where
    period_kind in ('week', 'month', 'quarter')
    and entity_kind <> 'leader'
    and chart_kind <> 'none'
    and finality <> 'provisional'
