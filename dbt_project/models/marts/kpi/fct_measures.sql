{{ config(materialized='view') }}
-- Grain: one row per measure, entity it was measured at and period (a day, or a month where the
-- source knows no days).
-- Every additive quantity of the company in one shape, at the finest grain its source has and
-- never allocated below it. Readings are sums of these rows and of nothing else.
{% set machine_measures = {
    'int_measures__machine_days': [
        'planned_busy_minutes',
        'producing_minutes',
        'setup_minutes',
        'down_minutes',
        'delay_minutes',
        'operating_hours',
        'no_data_minutes',
    ],
    'int_measures__production_days': [
        'produced_qty',
        'good_qty',
        'scrap_qty',
        'rework_qty',
        'first_pass_qty',
        'standard_minutes_produced',
        'standard_minutes_good',
    ],
} %}
{% set other_measures = [
    'int_measures__orders',
    'int_measures__operations',
    'int_measures__purchasing',
    'int_measures__customer_orders',
    'int_measures__safety',
    'int_measures__people',
    'int_measures__leadership',
    'int_measures__maintenance',
    'int_measures__working_time',
    'int_measures__observations',
] %}
{% for model, measures in machine_measures.items() %}
    {% for measure in measures %}
        select
            '{{ measure }}' as measure_id,
            'work_unit' as entity_kind,
            machine_id as entity_id,
            site_id,
            production_date as period_start_date,
            production_date as period_end_date,
            cast({{ measure }} as decimal(18, 6)) as measure_value,
            1 as observations,
            last_delivery_date
        from {{ ref(model) }}
        where {{ measure }} is not null

        union all

    {% endfor %}
{% endfor %}
{% for model in other_measures %}
    select
        measure_id,
        entity_kind,
        entity_id,
        site_id,
        period_start_date,
        period_end_date,
        measure_value,
        observations,
        last_delivery_date
    from {{ ref(model) }}
    {% if not loop.last %}

        union all

    {% endif %}
{% endfor %}
