{{ config(materialized='view') }}
-- Grain: one row per reading that may be published: what stands, else what was built.
-- A row of a locked period or of a withheld KPI is the one that was published before, whatever the
-- build says now. A withheld KPI that never was published under an approved definition has rows
-- that say so, and no figures. Published under the name `fct_kpi_readings`.
with

built as (

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
        computed_value,
        override_act_seq,
        annotation_count,
        newest_cause_code,
        is_excluded,
        previous_value,
        was_excluded_when_final
    from {{ ref('fct_kpi_readings') }}

),

standing as (

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
        computed_value,
        override_act_seq,
        annotation_count,
        newest_cause_code,
        is_excluded,
        previous_value,
        was_excluded_when_final,
        is_locked,
        is_withheld,
        stands_by_act_seq
    from {{ source('standing', 'readings') }}

),

decided as (

    select
        kpi_id,
        left_out_from_date,
        is_published,
        is_withheld,
        approved_by_act_seq,
        'Act ' || cast(approved_by_act_seq as varchar) || ' approved the logic '
        || substr(approved_logic_hash, 1, 12) || '; the present logic, '
        || substr(logic_hash, 1, 12) || ', is withheld since '
        || cast(withheld_since_date as varchar) || ' (steelyard kpi diff ' || kpi_id || ').'
        || coalesce(
            ' The figure is the one published as of ' || cast(stands_as_of_date as varchar) || '.',
            ''
        ) as withheld_text
    from {{ ref('kpi_publication') }}

),

locked_entities as (

    select
        entity_kind,
        entity_id,
        first_date,
        last_date
    from {{ source('standing', 'locked_entities') }}

),

-- Also what the locked snapshot did not have is not added to a locked period.
locked_keys as (

    select distinct
        built.kpi_id,
        built.entity_kind,
        built.entity_id,
        built.period_kind,
        built.period_start_date
    from built
    inner join locked_entities
        on
            built.entity_kind = locked_entities.entity_kind
            and built.entity_id = locked_entities.entity_id
            and built.period_start_date >= locked_entities.first_date
            and built.period_end_date <= locked_entities.last_date

)

select
    standing.kpi_id,
    standing.entity_kind,
    standing.entity_id,
    standing.period_kind,
    standing.period_start_date,
    standing.period_end_date,
    standing.unit,
    standing.numerator,
    standing.denominator,
    standing.n,
    standing.reading_value,
    standing.finality,
    case
        when standing.is_locked or standing.reading_value is null then standing.trust_state
        else 'withheld'
    end as trust_state,
    case
        when standing.is_locked then standing.trust_reason
        else decided.withheld_text || coalesce(' ' || standing.trust_reason, '')
    end as trust_reason,
    standing.final_on_date,
    standing.definition_version,
    standing.definition_hash,
    standing.computed_value,
    standing.override_act_seq,
    standing.annotation_count,
    standing.newest_cause_code,
    standing.is_excluded,
    standing.previous_value,
    standing.was_excluded_when_final,
    standing.is_locked,
    standing.is_withheld,
    standing.stands_by_act_seq
from standing
left join decided on standing.kpi_id = decided.kpi_id
where
    standing.is_locked
    or decided.left_out_from_date is null
    or standing.period_start_date < decided.left_out_from_date

union all

select
    built.kpi_id,
    built.entity_kind,
    built.entity_id,
    built.period_kind,
    built.period_start_date,
    built.period_end_date,
    built.unit,
    case when not decided.is_withheld then built.numerator end as numerator,
    case when not decided.is_withheld then built.denominator end as denominator,
    case when not decided.is_withheld then built.n end as n,
    case when not decided.is_withheld then built.reading_value end as reading_value,
    built.finality,
    case when decided.is_withheld then 'withheld' else built.trust_state end as trust_state,
    case when decided.is_withheld then decided.withheld_text else built.trust_reason end
        as trust_reason,
    built.final_on_date,
    case when not decided.is_withheld then built.definition_version end as definition_version,
    case when not decided.is_withheld then built.definition_hash end as definition_hash,
    case when not decided.is_withheld then built.computed_value end as computed_value,
    case when not decided.is_withheld then built.override_act_seq end as override_act_seq,
    built.annotation_count,
    built.newest_cause_code,
    built.is_excluded,
    case when not decided.is_withheld then built.previous_value end as previous_value,
    built.was_excluded_when_final,
    false as is_locked,
    decided.is_withheld,
    case when decided.is_withheld then decided.approved_by_act_seq end as stands_by_act_seq
from built
inner join decided on built.kpi_id = decided.kpi_id
left join standing
    on
        built.kpi_id = standing.kpi_id
        and built.entity_kind = standing.entity_kind
        and built.entity_id = standing.entity_id
        and built.period_kind = standing.period_kind
        and built.period_start_date = standing.period_start_date
left join locked_keys
    on
        built.kpi_id = locked_keys.kpi_id
        and built.entity_kind = locked_keys.entity_kind
        and built.entity_id = locked_keys.entity_id
        and built.period_kind = locked_keys.period_kind
        and built.period_start_date = locked_keys.period_start_date
where
    standing.kpi_id is null
    and locked_keys.kpi_id is null
    and decided.is_published
    and (decided.left_out_from_date is null or built.period_start_date < decided.left_out_from_date)
