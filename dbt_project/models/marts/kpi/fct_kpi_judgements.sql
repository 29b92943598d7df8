-- Grain: one row per reading: what it means, in three separate verdicts.
-- Band (where it stands against its levels), variation (signal or noise) and assurance (will this
-- process meet its target) are computed by orchestration/statistics and governance; here they meet
-- their reading.
with

readings as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        reading_value,
        n,
        finality,
        trust_state,
        trust_reason
    from {{ ref('fct_kpi_readings') }}

),

judged as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        threshold_level,
        target_level,
        stretch_level,
        target_version,
        band,
        variation,
        assurance,
        score,
        chart_kind,
        centre,
        lower_limit,
        upper_limit,
        sigma_z,
        is_trial,
        signal_rule,
        signal_side,
        chart_note
    from {{ source('statistics', 'kpi_judgements') }}

)

select
    readings.kpi_id,
    readings.entity_kind,
    readings.entity_id,
    readings.period_kind,
    readings.period_start_date,
    readings.reading_value,
    readings.n,
    readings.finality,
    readings.trust_state,
    readings.trust_reason,
    judged.threshold_level,
    judged.target_level,
    judged.stretch_level,
    cast(judged.target_version as bigint) as target_version,
    judged.band,
    judged.variation,
    judged.assurance,
    judged.score,
    judged.chart_kind,
    judged.centre,
    judged.lower_limit,
    judged.upper_limit,
    judged.sigma_z,
    judged.is_trial,
    cast(judged.signal_rule as varchar) as signal_rule,
    cast(judged.signal_side as integer) as signal_side,
    cast(judged.chart_note as varchar) as chart_note
from readings
left join judged
    on
        readings.kpi_id = judged.kpi_id
        and readings.entity_kind = judged.entity_kind
        and readings.entity_id = judged.entity_id
        and readings.period_kind = judged.period_kind
        and readings.period_start_date = judged.period_start_date
