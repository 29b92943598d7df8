-- Grain: one row per reading: what it means, in three separate verdicts.
-- Band (where it stands against its levels), variation (signal or noise) and assurance (will this
-- process meet its target) are computed by orchestration/statistics and governance; here they meet
-- their reading. What acts changed after a period was final stands beside what it was then. Where
-- late data or an act have drawn the limits anew since, the judgement is restated. A reading on
-- whose KPI the method failed is not judged and says so; `rpt_unanswered_questions` says why.
with

readings as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        reading_value,
        computed_value,
        n,
        finality,
        trust_state,
        trust_reason,
        override_act_seq,
        annotation_count,
        newest_cause_code,
        is_excluded,
        previous_value,
        was_excluded_when_final
    from {{ ref('fct_kpi_readings') }}

),

targets as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        target_act_seq,
        original_target_level,
        is_target_changed
    from {{ ref('int_targets__in_force') }}

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
        charted_value,
        centre,
        lower_limit,
        upper_limit,
        sigma_z,
        is_trial,
        rule_set,
        signal_rules,
        signal_rule,
        signal_side,
        chart_note,
        phase_start_date,
        phase_act_seq,
        limits_changed_on_date,
        previous_target_level,
        previous_band,
        previous_score,
        is_changed_by_act
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
    case
        when
            readings.finality = 'final'
            and (
                judged.is_changed_by_act
                or judged.limits_changed_on_date is not null
                or readings.is_excluded <> readings.was_excluded_when_final
            )
            then 'restated'
        else readings.finality
    end as finality,
    readings.trust_state,
    readings.trust_reason,
    judged.threshold_level,
    judged.target_level,
    judged.stretch_level,
    cast(judged.target_version as bigint) as target_version,
    coalesce(cast(judged.band as varchar), 'not_judged') as band,
    coalesce(cast(judged.variation as varchar), 'not_charted') as variation,
    coalesce(cast(judged.assurance as varchar), 'not_assessable') as assurance,
    judged.score,
    cast(judged.chart_kind as varchar) as chart_kind,
    cast(judged.charted_value as double) as charted_value,
    judged.centre,
    judged.lower_limit,
    judged.upper_limit,
    judged.sigma_z,
    judged.is_trial,
    case when judged.centre is not null then cast(judged.rule_set as varchar) end as rule_set,
    cast(judged.signal_rules as integer) as signal_rules,
    cast(judged.signal_rule as varchar) as signal_rule,
    cast(judged.signal_side as integer) as signal_side,
    cast(judged.chart_note as varchar) as chart_note,
    cast(judged.phase_start_date as date) as phase_start_date,
    cast(judged.phase_act_seq as bigint) as phase_act_seq,
    cast(judged.limits_changed_on_date as date) as limits_changed_on_date,
    readings.computed_value,
    readings.override_act_seq,
    readings.annotation_count,
    readings.newest_cause_code,
    readings.is_excluded,
    targets.target_act_seq,
    cast(targets.original_target_level as double) as original_target_level,
    coalesce(targets.is_target_changed, false) as is_target_changed,
    readings.previous_value,
    judged.previous_target_level,
    cast(judged.previous_band as varchar) as previous_band,
    judged.previous_score
from readings
left join judged
    on
        readings.kpi_id = judged.kpi_id
        and readings.entity_kind = judged.entity_kind
        and readings.entity_id = judged.entity_id
        and readings.period_kind = judged.period_kind
        and readings.period_start_date = judged.period_start_date
left join targets
    on
        readings.kpi_id = targets.kpi_id
        and readings.entity_kind = targets.entity_kind
        and readings.entity_id = targets.entity_id
        and readings.period_kind = targets.period_kind
        and readings.period_start_date = targets.period_start_date
