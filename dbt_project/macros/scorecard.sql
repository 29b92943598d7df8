{#-
    The lines of the scorecards of one kind of subject: reading, verdicts and score of every KPI of
    the template in force, with the card's total over what was measured.
-#}
{% macro scorecard(subject_kind) -%}
with

templates as (

    select
        template_id,
        template_version,
        title,
        period_kind,
        template_hash,
        valid_from,
        coalesce(valid_to, {{ open_end() }}) as valid_to
    from {{ source('registry', 'scorecard_templates') }}
    where subject_kind = '{{ subject_kind }}'

),

items as (

    select
        template_id,
        template_version,
        position,
        kpi_id,
        weight
    from {{ source('registry', 'scorecard_items') }}

),

kpis as (

    select
        kpi_id,
        kpi_name,
        unit,
        decimals,
        direction,
        definition_hash
    from {{ source('registry', 'kpis') }}

),

judgements as (

    select
        kpi_id,
        entity_id,
        period_kind,
        period_start_date,
        reading_value,
        n,
        finality,
        trust_state,
        trust_reason,
        threshold_level,
        target_level,
        stretch_level,
        band,
        variation,
        assurance,
        score,
        computed_value,
        override_act_seq,
        annotation_count,
        newest_cause_code,
        target_act_seq,
        original_target_level,
        is_target_changed,
        previous_value,
        previous_target_level,
        previous_band,
        previous_score
    from {{ ref('fct_kpi_judgements') }}
    where entity_kind = '{{ subject_kind }}'

),

lines as (

    select
        judgements.entity_id,
        judgements.period_kind,
        judgements.period_start_date,
        templates.template_id,
        templates.template_version,
        templates.title,
        templates.template_hash,
        items.position,
        items.kpi_id,
        kpis.kpi_name,
        kpis.unit,
        kpis.decimals,
        kpis.direction,
        kpis.definition_hash,
        items.weight,
        judgements.reading_value,
        judgements.n,
        judgements.finality,
        judgements.trust_state,
        judgements.trust_reason,
        judgements.threshold_level,
        judgements.target_level,
        judgements.stretch_level,
        judgements.band,
        judgements.variation,
        judgements.assurance,
        judgements.score,
        judgements.computed_value,
        judgements.override_act_seq,
        judgements.annotation_count,
        judgements.newest_cause_code,
        judgements.target_act_seq,
        judgements.original_target_level,
        judgements.is_target_changed,
        judgements.previous_value,
        judgements.previous_target_level,
        judgements.previous_band,
        judgements.previous_score
    from judgements
    inner join items on judgements.kpi_id = items.kpi_id
    inner join templates
        on
            items.template_id = templates.template_id
            and items.template_version = templates.template_version
            and judgements.period_kind = templates.period_kind
            and judgements.period_start_date between templates.valid_from and templates.valid_to
    inner join kpis on items.kpi_id = kpis.kpi_id

),

totals as (

    select
        entity_id,
        template_id,
        template_version,
        period_start_date,
        sum(weight) filter (where score is not null) as measured_weight,
        -- Exact, so that the order of the lines cannot turn the last digit.
        sum(weight * cast(score as decimal(18, 10))) as weighted_score
    from lines
    group by entity_id, template_id, template_version, period_start_date

)

select
    lines.entity_id as {{ subject_kind }}_id,
    lines.period_start_date,
    lines.template_id,
    lines.template_version,
    lines.title,
    lines.template_hash,
    lines.position,
    lines.kpi_id,
    lines.kpi_name,
    lines.unit,
    lines.decimals,
    lines.direction,
    lines.definition_hash,
    lines.weight,
    lines.reading_value,
    lines.n,
    lines.finality,
    lines.trust_state,
    lines.trust_reason,
    lines.threshold_level,
    lines.target_level,
    lines.stretch_level,
    lines.band,
    lines.variation,
    lines.assurance,
    lines.score,
    coalesce(totals.measured_weight, 0) as measured_weight,
    round(
        cast(totals.weighted_score as double) / cast(totals.measured_weight as double), 10
    ) as total_score,
    lines.computed_value,
    lines.override_act_seq,
    lines.annotation_count,
    lines.newest_cause_code,
    lines.target_act_seq,
    lines.original_target_level,
    lines.is_target_changed,
    lines.previous_value,
    lines.previous_target_level,
    lines.previous_band,
    lines.previous_score
from lines
inner join totals
    on
        lines.entity_id = totals.entity_id
        and lines.template_id = totals.template_id
        and lines.template_version = totals.template_version
        and lines.period_start_date = totals.period_start_date
{%- endmacro %}
