{{ config(materialized='view') }}
-- Grain: one row per reading, with what judging it needs: the levels in force and its chart plan.
-- Agreed levels win over the register's. Charts follow `computed_value`, bands and scores the value
-- that is shown; what was shown when the period became final stands beside, where an act changed it
-- since. The floor is the register's where it lies beyond the
-- agreed threshold, else as far below the threshold as the target is above it. A phase that an act
-- has begun is a chart series of its own. Rules that an act has put in force hold in periods that
-- begin on its days, and those of the KPI's file in all others.
with

readings as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        numerator,
        denominator,
        n,
        reading_value,
        computed_value,
        finality,
        trust_state,
        is_excluded,
        previous_value,
        final_on_date
    from {{ ref('fct_kpi_readings') }}

),

kpis as (

    select
        kpi_id,
        direction,
        multiplier,
        chart_kind,
        when_rare,
        rule_set,
        baseline_readings,
        baseline_from_date,
        baseline_to_date,
        when_not_in_control,
        floor_level,
        threshold_level,
        target_level,
        stretch_level
    from {{ source('registry', 'kpis') }}

),

targets as (

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
        threshold_level_when_final,
        target_level_when_final,
        stretch_level_when_final
    from {{ ref('int_targets__in_force') }}

),

phases as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        phase_start_date,
        next_phase_start_date,
        act_seq,
        recorded_on_date
    from {{ ref('int_charts__phases') }}

),

-- Of a KPI at most one on a day.
rules as (

    select
        kpi_id,
        rule_set,
        valid_from,
        valid_to
    from {{ ref('reg_chart_rules') }}
    where recorded_to_utc is null

),

-- When late data changed a reading: few.
restated as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        restated_on_date
    from {{ ref('int_readings__computed') }}
    where restated_on_date is not null

),

levels as (

    select
        readings.kpi_id,
        readings.entity_kind,
        readings.entity_id,
        readings.period_kind,
        readings.period_start_date,
        readings.numerator,
        readings.denominator,
        readings.n,
        readings.reading_value,
        readings.computed_value,
        readings.finality,
        readings.trust_state,
        readings.is_excluded,
        readings.previous_value,
        kpis.direction,
        kpis.multiplier,
        kpis.chart_kind,
        kpis.when_rare,
        kpis.baseline_readings,
        case when phases.act_seq is null then kpis.baseline_from_date end as baseline_from_date,
        case when phases.act_seq is null then kpis.baseline_to_date end as baseline_to_date,
        kpis.when_not_in_control,
        kpis.floor_level,
        readings.final_on_date,
        restated.restated_on_date,
        phases.phase_start_date,
        phases.act_seq as phase_act_seq,
        phases.recorded_on_date as phase_recorded_on_date,
        targets.target_version,
        coalesce(rules.rule_set, kpis.rule_set) as rule_set,
        coalesce(targets.threshold_level, kpis.threshold_level) as threshold_level,
        coalesce(targets.target_level, kpis.target_level) as target_level,
        coalesce(targets.stretch_level, kpis.stretch_level) as stretch_level,
        coalesce(targets.threshold_level_when_final, kpis.threshold_level)
            as previous_threshold_level,
        coalesce(targets.target_level_when_final, kpis.target_level) as previous_target_level,
        coalesce(targets.stretch_level_when_final, kpis.stretch_level) as previous_stretch_level
    from readings
    inner join kpis on readings.kpi_id = kpis.kpi_id
    left join targets
        on
            readings.kpi_id = targets.kpi_id
            and readings.entity_kind = targets.entity_kind
            and readings.entity_id = targets.entity_id
            and readings.period_kind = targets.period_kind
            and readings.period_start_date = targets.period_start_date
    left join phases
        on
            readings.kpi_id = phases.kpi_id
            and readings.entity_kind = phases.entity_kind
            and readings.entity_id = phases.entity_id
            and readings.period_kind = phases.period_kind
            and readings.period_start_date >= phases.phase_start_date
            and readings.period_start_date < phases.next_phase_start_date
    left join rules
        on
            readings.kpi_id = rules.kpi_id
            and readings.period_start_date between rules.valid_from and rules.valid_to
    left join restated
        on
            readings.kpi_id = restated.kpi_id
            and readings.entity_kind = restated.entity_kind
            and readings.entity_id = restated.entity_id
            and readings.period_kind = restated.period_kind
            and readings.period_start_date = restated.period_start_date

)

select
    kpi_id,
    entity_kind,
    entity_id,
    period_kind,
    period_start_date,
    kpi_id || '|' || entity_kind || '|' || entity_id || '|' || period_kind
    || coalesce('|' || cast(phase_start_date as varchar), '') as series_id,
    phase_start_date,
    phase_act_seq,
    phase_recorded_on_date,
    cast(numerator as double) as numerator,
    cast(denominator as double) as denominator,
    n,
    reading_value,
    computed_value,
    finality,
    trust_state,
    is_excluded,
    final_on_date,
    restated_on_date,
    direction,
    cast(multiplier as double) as multiplier,
    chart_kind,
    when_rare,
    rule_set,
    baseline_readings,
    baseline_from_date,
    baseline_to_date,
    when_not_in_control,
    {%- for before in ['', 'previous_'] %}
        cast(
            case
                when direction = 'higher' and floor_level < {{ before }}threshold_level
                    then floor_level
                when direction = 'lower' and floor_level > {{ before }}threshold_level
                    then floor_level
                else
                    {{ before }}threshold_level
                    - ({{ before }}target_level - {{ before }}threshold_level)
            end as double
        ) as {{ before }}floor_level,
        cast({{ before }}threshold_level as double) as {{ before }}threshold_level,
        cast({{ before }}target_level as double) as {{ before }}target_level,
        cast({{ before }}stretch_level as double) as {{ before }}stretch_level,
    {%- endfor %}
    coalesce(previous_value, reading_value) as previous_value,
    coalesce(
        previous_value is not null
        or previous_threshold_level is distinct from threshold_level
        or previous_target_level is distinct from target_level
        or previous_stretch_level is distinct from stretch_level,
        false
    ) as is_changed_by_act,
    target_version
from levels
