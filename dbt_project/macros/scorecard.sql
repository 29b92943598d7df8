{#-
    The lines of the scorecards of one kind of subject: reading, verdicts and score of every KPI of
    the template of the period, with the card's total over what was measured. A locked card is the
    one that was locked.
-#}
{% macro scorecard(subject_kind) -%}
with

card_lines as (

    select
        period_kind,
        period_start_date,
        template_id,
        template_version,
        title,
        template_hash,
        position,
        kpi_id,
        weight
    from {{ ref('dim_card_lines') }}
    where subject_kind = '{{ subject_kind }}'

),

-- A figure that stands is shown in the unit that it was published in.
kpis as (

    select
        kpis.kpi_id,
        coalesce(standing.kpi_name, kpis.kpi_name) as kpi_name,
        coalesce(standing.unit, kpis.unit) as unit,
        coalesce(standing.decimals, kpis.decimals) as decimals,
        coalesce(standing.direction, kpis.direction) as direction,
        coalesce(standing.definition_hash, kpis.definition_hash) as definition_hash
    from {{ source('registry', 'kpis') }} as kpis
    left join {{ source('standing', 'kpis') }} as standing on kpis.kpi_id = standing.kpi_id

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
        is_withheld,
        stands_by_act_seq,
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
    from {{ ref('fct_published_judgements') }}
    where entity_kind = '{{ subject_kind }}' and not is_locked

),

lines as (

    select
        judgements.entity_id,
        judgements.period_kind,
        judgements.period_start_date,
        card_lines.template_id,
        card_lines.template_version,
        card_lines.title,
        card_lines.template_hash,
        card_lines.position,
        card_lines.kpi_id,
        kpis.kpi_name,
        kpis.unit,
        kpis.decimals,
        kpis.direction,
        kpis.definition_hash,
        card_lines.weight,
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
        judgements.is_withheld,
        judgements.stands_by_act_seq,
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
    inner join card_lines
        on
            judgements.kpi_id = card_lines.kpi_id
            and judgements.period_kind = card_lines.period_kind
            and judgements.period_start_date = card_lines.period_start_date
    inner join kpis on card_lines.kpi_id = kpis.kpi_id

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
    false as is_locked,
    lines.is_withheld,
    lines.stands_by_act_seq,
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

union all

-- Cards of locked periods, whole, as the snapshot of the lock has them.
select
    subject_id as {{ subject_kind }}_id,
    period_start_date,
    template_id,
    template_version,
    title,
    template_hash,
    position,
    kpi_id,
    kpi_name,
    unit,
    decimals,
    direction,
    definition_hash,
    weight,
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
    measured_weight,
    total_score,
    is_locked,
    is_withheld,
    stands_by_act_seq,
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
from {{ source('standing', 'card_lines') }}
where subject_kind = '{{ subject_kind }}'
{%- endmacro %}
