{{ config(materialized='view') }}
-- Grain: one row per published reading: what it means.
-- A reading that stands has the verdicts that it was published with; they were reached with the
-- history and the levels of that day. Published under the name `fct_kpi_judgements`.
{% set verdicts = [
    'threshold_level',
    'target_level',
    'stretch_level',
    'target_version',
    'band',
    'variation',
    'assurance',
    'score',
    'chart_kind',
    'charted_value',
    'centre',
    'lower_limit',
    'upper_limit',
    'sigma_z',
    'is_trial',
    'rule_set',
    'signal_rules',
    'signal_rule',
    'signal_side',
    'chart_note',
    'phase_start_date',
    'phase_act_seq',
    'limits_changed_on_date',
    'target_act_seq',
    'original_target_level',
    'is_target_changed',
    'previous_target_level',
    'previous_band',
    'previous_score',
] %}
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
        trust_reason,
        computed_value,
        override_act_seq,
        annotation_count,
        newest_cause_code,
        is_excluded,
        previous_value,
        is_locked,
        is_withheld,
        stands_by_act_seq
    from {{ ref('fct_published_readings') }}

),

verdicts as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        finality,
        {{ verdicts | join(',\n        ') }},
        true as is_standing
    from {{ source('standing', 'judgements') }}

    union all

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        finality,
        {{ verdicts | join(',\n        ') }},
        false as is_standing
    from {{ ref('fct_kpi_judgements') }}

)

select
    readings.kpi_id,
    readings.entity_kind,
    readings.entity_id,
    readings.period_kind,
    readings.period_start_date,
    readings.reading_value,
    readings.n,
    -- A late target restates what a reading means, and not the reading.
    coalesce(verdicts.finality, readings.finality) as finality,
    readings.trust_state,
    readings.trust_reason,
    readings.computed_value,
    readings.override_act_seq,
    readings.annotation_count,
    readings.newest_cause_code,
    readings.is_excluded,
    readings.previous_value,
    {% for verdict in verdicts %}
        verdicts.{{ verdict }},
    {% endfor %}
    readings.is_locked,
    readings.is_withheld,
    readings.stands_by_act_seq
from readings
left join verdicts
    on
        readings.kpi_id = verdicts.kpi_id
        and readings.entity_kind = verdicts.entity_kind
        and readings.entity_id = verdicts.entity_id
        and readings.period_kind = verdicts.period_kind
        and readings.period_start_date = verdicts.period_start_date
        and (readings.is_locked or readings.is_withheld) = verdicts.is_standing
