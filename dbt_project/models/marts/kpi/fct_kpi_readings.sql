{{ config(materialized='view') }}
-- Grain: one row per KPI, entity and period that the KPI's file expects.
-- What was computed, with what people decided laid over it: `reading_value` is what is shown,
-- `computed_value` what the deliveries say. A value is overridden only where one was computed from
-- accepted deliveries. Of several reasons for care the state names the first of: blocked input, not
-- computable, under dispute, overridden, late input; the reason tells all.
with

computed as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        period_end_date,
        unit,
        numerator,
        denominator,
        n,
        reading_value,
        finality,
        trust_state,
        trust_reason,
        final_on_date,
        definition_version,
        definition_hash,
        trust_state <> 'blocked_input' and reading_value is not null as can_be_overridden,
        -- The first instant at which the period was final; what was recorded before was known then.
        case
            when finality <> 'provisional'
                then cast({{ add_days('final_on_date', 1) }} as timestamp)
        end as final_from_utc
    from {{ ref('int_readings__computed') }}

),

overrides as (

    select
        act_seq,
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        round(cast(new_value as double), 10) as new_value,
        override_text,
        recorded_from_utc,
        recorded_to_utc
    from {{ ref('int_overrides__shown') }}

),

disputed as (

    select distinct
        computed.kpi_id,
        computed.entity_kind,
        computed.entity_id,
        computed.period_kind,
        computed.period_start_date,
        disputes.act_seq,
        disputes.dispute_text
    from computed
    inner join {{ ref('int_disputes__open') }} as disputes
        on
            computed.kpi_id = disputes.kpi_id
            and computed.entity_kind = disputes.entity_kind
            and computed.entity_id = disputes.entity_id
            and computed.period_start_date <= disputes.valid_to
            and computed.period_end_date >= disputes.valid_from

),

disputes as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        'Under dispute: ' || {{ joined('dispute_text', 'act_seq') }} || '.' as dispute_text
    from disputed
    group by kpi_id, entity_kind, entity_id, period_kind, period_start_date

),

annotated as (

    select
        annotations.kpi_id,
        annotations.entity_kind,
        annotations.entity_id,
        annotations.period_kind,
        annotations.period_start_date,
        annotations.cause_code,
        annotations.is_excluded,
        annotations.recorded_to_utc is null as stands,
        annotations.recorded_from_utc < computed.final_from_utc
        and coalesce(annotations.recorded_to_utc >= computed.final_from_utc, true) as stood,
        row_number() over (
            partition by
                annotations.kpi_id,
                annotations.entity_kind,
                annotations.entity_id,
                annotations.period_kind,
                annotations.period_start_date
            order by
                case when annotations.recorded_to_utc is null then 0 else 1 end,
                annotations.recorded_from_utc desc,
                annotations.act_seq desc
        ) as recency
    from {{ ref('int_annotations__shown') }} as annotations
    inner join computed
        on
            annotations.kpi_id = computed.kpi_id
            and annotations.entity_kind = computed.entity_kind
            and annotations.entity_id = computed.entity_id
            and annotations.period_kind = computed.period_kind
            and annotations.period_start_date = computed.period_start_date

),

annotations as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        count(*) filter (where stands) as annotation_count,
        max(cause_code) filter (where stands and recency = 1) as newest_cause_code,
        count(*) filter (where stands and is_excluded) > 0 as is_excluded,
        count(*) filter (where stood and is_excluded) > 0 as was_excluded
    from annotated
    group by kpi_id, entity_kind, entity_id, period_kind, period_start_date

),

laid as (

    select
        computed.kpi_id,
        computed.entity_kind,
        computed.entity_id,
        computed.period_kind,
        computed.period_start_date,
        computed.period_end_date,
        computed.unit,
        computed.numerator,
        computed.denominator,
        computed.n,
        computed.reading_value as computed_value,
        computed.finality,
        computed.trust_state,
        computed.trust_reason,
        computed.final_on_date,
        computed.final_from_utc,
        computed.definition_version,
        computed.definition_hash,
        known_now.act_seq as override_act_seq,
        known_now.override_text,
        disputes.dispute_text,
        coalesce(known_now.new_value, computed.reading_value) as reading_value,
        coalesce(known_then.new_value, computed.reading_value) as value_when_final,
        coalesce(annotations.annotation_count, 0) as annotation_count,
        annotations.newest_cause_code,
        coalesce(annotations.is_excluded, false) as is_excluded,
        coalesce(annotations.was_excluded, false) as was_excluded
    from computed
    left join overrides as known_now
        on
            computed.kpi_id = known_now.kpi_id
            and computed.entity_kind = known_now.entity_kind
            and computed.entity_id = known_now.entity_id
            and computed.period_kind = known_now.period_kind
            and computed.period_start_date = known_now.period_start_date
            and computed.can_be_overridden
            and known_now.recorded_to_utc is null
    left join overrides as known_then
        on
            computed.kpi_id = known_then.kpi_id
            and computed.entity_kind = known_then.entity_kind
            and computed.entity_id = known_then.entity_id
            and computed.period_kind = known_then.period_kind
            and computed.period_start_date = known_then.period_start_date
            and computed.can_be_overridden
            and computed.final_from_utc > known_then.recorded_from_utc
            and coalesce(computed.final_from_utc <= known_then.recorded_to_utc, true)
    left join disputes
        on
            computed.kpi_id = disputes.kpi_id
            and computed.entity_kind = disputes.entity_kind
            and computed.entity_id = disputes.entity_id
            and computed.period_kind = disputes.period_kind
            and computed.period_start_date = disputes.period_start_date
    left join annotations
        on
            computed.kpi_id = annotations.kpi_id
            and computed.entity_kind = annotations.entity_kind
            and computed.entity_id = annotations.entity_id
            and computed.period_kind = annotations.period_kind
            and computed.period_start_date = annotations.period_start_date

)

select
    kpi_id,
    entity_kind,
    entity_id,
    period_kind,
    period_start_date,
    period_end_date,
    unit,
    numerator,
    denominator,
    n,
    reading_value,
    computed_value,
    case
        when final_from_utc is not null and reading_value <> value_when_final then 'restated'
        else finality
    end as finality,
    case
        when trust_state in ('blocked_input', 'not_computable') then trust_state
        when dispute_text is not null then 'under_dispute'
        when override_act_seq is not null then 'overridden'
        else trust_state
    end as trust_state,
    nullif(
        trim(
            coalesce(override_text, '')
            || coalesce(' ' || dispute_text, '')
            || coalesce(' ' || trust_reason, '')
        ),
        ''
    ) as trust_reason,
    final_on_date,
    definition_version,
    definition_hash,
    override_act_seq,
    annotation_count,
    newest_cause_code,
    is_excluded,
    case
        when final_from_utc is not null and reading_value <> value_when_final
            then value_when_final
    end as previous_value,
    case when final_from_utc is not null then was_excluded end as was_excluded_when_final
from laid
