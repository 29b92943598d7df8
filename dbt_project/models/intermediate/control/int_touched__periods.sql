-- Grain: one row per period (kind and first day) that holds a touched production day.
{% for period_kind in ['day', 'week', 'month', 'quarter', 'year'] -%}
    select distinct
        '{{ period_kind }}' as period_kind,
        {{ period_start(period_kind, 'production_date') }} as period_start_date
    from {{ ref('int_touched__days') }}
    {%- if not loop.last %}

        union all

    {% endif %}
{%- endfor %}
