-- Grain: one row per reading of a final period and thing that an act changed since it was final.
-- Old is what the acts said when the period became final, new what they say now: two looks into
-- the same registers, never a comparison with what was built then. Of the limits, 1 says that the
-- reading is left out of them, 0 that it helps to set them.
with

readings as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        reading_value,
        previous_value,
        is_excluded,
        was_excluded_when_final,
        cast({{ add_days('final_on_date', 1) }} as timestamp) as final_from_utc
    from {{ ref('fct_kpi_readings') }}
    where finality <> 'provisional'

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
        previous_threshold_level,
        previous_target_level,
        previous_stretch_level
    from {{ ref('int_judgements__input') }}
    where is_changed_by_act

),

effective as (

    select
        act_seq,
        subject_key,
        effective_at_utc,
        effect_no
    from {{ ref('int_acts__effective') }}

),

levels as (

    {% for level in ['threshold', 'target', 'stretch'] %}
        select
            judged.kpi_id,
            judged.entity_kind,
            judged.entity_id,
            judged.period_kind,
            judged.period_start_date,
            '{{ level }}' as what_code,
            judged.previous_{{ level }}_level as old_value,
            judged.{{ level }}_level as new_value,
            targets.target_act_seq as act_seq,
            effective.effective_at_utc as recorded_at_utc
        from judged
        inner join {{ ref('int_targets__in_force') }} as targets
            on
                judged.kpi_id = targets.kpi_id
                and judged.entity_kind = targets.entity_kind
                and judged.entity_id = targets.entity_id
                and judged.period_kind = targets.period_kind
                and judged.period_start_date = targets.period_start_date
        left join effective on targets.target_act_seq = effective.act_seq
        where judged.previous_{{ level }}_level is distinct from judged.{{ level }}_level

        {% if not loop.last %}
            union all
        {% endif %}
    {% endfor %}

),

-- An act that ended something is no truth of a register: it is found by what it was about.
subjects as (

    select
        'value' as what_code,
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        subject_key
    from {{ ref('int_overrides__shown') }}

    union distinct

    select
        'limits' as what_code,
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        subject_key
    from {{ ref('int_annotations__shown') }}
    where is_excluded

),

changed as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        final_from_utc,
        'value' as what_code,
        previous_value as old_value,
        reading_value as new_value
    from readings
    where previous_value is not null

    union all

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        final_from_utc,
        'limits' as what_code,
        case when was_excluded_when_final then 1 else 0 end as old_value,
        case when is_excluded then 1 else 0 end as new_value
    from readings
    where is_excluded <> was_excluded_when_final

),

attributed as (

    select
        changed.kpi_id,
        changed.entity_kind,
        changed.entity_id,
        changed.period_kind,
        changed.period_start_date,
        changed.what_code,
        changed.old_value,
        changed.new_value,
        effective.act_seq,
        effective.effective_at_utc as recorded_at_utc,
        row_number() over (
            partition by
                changed.kpi_id,
                changed.entity_kind,
                changed.entity_id,
                changed.period_kind,
                changed.period_start_date,
                changed.what_code
            order by effective.effect_no desc
        ) as recency
    from changed
    inner join subjects
        on
            changed.what_code = subjects.what_code
            and changed.kpi_id = subjects.kpi_id
            and changed.entity_kind = subjects.entity_kind
            and changed.entity_id = subjects.entity_id
            and changed.period_kind = subjects.period_kind
            and changed.period_start_date = subjects.period_start_date
    inner join effective
        on
            subjects.subject_key = effective.subject_key
            and changed.final_from_utc <= effective.effective_at_utc

),

found as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        what_code,
        old_value,
        new_value,
        act_seq,
        recorded_at_utc
    from attributed
    where recency = 1

    union all

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        what_code,
        old_value,
        new_value,
        act_seq,
        recorded_at_utc
    from levels

)

select
    found.kpi_id,
    found.entity_kind,
    found.entity_id,
    found.period_kind,
    found.period_start_date,
    found.what_code,
    cast(found.old_value as decimal(28, 10)) as old_value,
    cast(found.new_value as decimal(28, 10)) as new_value,
    found.act_seq,
    found.recorded_at_utc
from found
-- What is not published is not told by another way.
inner join {{ ref('fct_published_readings') }} as published
    on
        found.kpi_id = published.kpi_id
        and found.entity_kind = published.entity_kind
        and found.entity_id = published.entity_id
        and found.period_kind = published.period_kind
        and found.period_start_date = published.period_start_date
where not published.is_locked and not published.is_withheld
