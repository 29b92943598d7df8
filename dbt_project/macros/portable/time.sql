{#- Dialect differences live here and nowhere else: each macro has one variant per engine. -#}

{#- Seconds between two instants, DECIMAL so that sums repeat to the last digit; to the microsecond,
    because a state machine that switches every second would lose its share of each rounding. -#}
{% macro seconds_between(earlier, later) -%}
    {{ return(adapter.dispatch("seconds_between")(earlier, later)) }}
{%- endmacro %}

{% macro duckdb__seconds_between(earlier, later) -%}
    cast(
        cast(date_diff('microsecond', {{ earlier }}, {{ later }}) as decimal(18, 0))
        * cast(0.000001 as decimal(7, 6))
        as decimal(18, 6)
    )
{%- endmacro %}

{#- First day of the period of this kind (day, week from Monday, month, quarter, year). -#}
{% macro period_start(period_kind, day) -%}
    {{ return(adapter.dispatch("period_start")(period_kind, day)) }}
{%- endmacro %}

{% macro default__period_start(period_kind, day) -%}
    cast(date_trunc('{{ period_kind }}', {{ day }}) as date)
{%- endmacro %}

{#- Last day of the period that starts on this day. -#}
{% macro period_end(period_kind, first_day) -%}
    {{ return(adapter.dispatch("period_end")(period_kind, first_day)) }}
{%- endmacro %}

{% macro duckdb__period_end(period_kind, first_day) -%}
    cast({{ first_day }} + interval 1 {{ period_kind }} - interval 1 day as date)
{%- endmacro %}

{#- A day moved by whole days. -#}
{% macro add_days(day, days) -%}
    {{ return(adapter.dispatch("add_days")(day, days)) }}
{%- endmacro %}

{% macro duckdb__add_days(day, days) -%}
    cast({{ day }} + cast({{ days }} as integer) * interval 1 day as date)
{%- endmacro %}

{#- A day moved by whole months; the last day of a shorter month where there is no such day. -#}
{% macro add_months(day, months) -%}
    {{ return(adapter.dispatch("add_months")(day, months)) }}
{%- endmacro %}

{% macro duckdb__add_months(day, months) -%}
    cast({{ day }} + cast({{ months }} as integer) * interval 1 month as date)
{%- endmacro %}

{#- One row per day from the first to the last, column `calendar_date`. -#}
{% macro days_between(first_day, last_day) -%}
    {{ return(adapter.dispatch("days_between")(first_day, last_day)) }}
{%- endmacro %}

{% macro duckdb__days_between(first_day, last_day) -%}
    select cast(unnest(generate_series({{ first_day }}, {{ last_day }}, interval 1 day)) as date)
        as calendar_date
{%- endmacro %}

{#- Number of days from the first to the last, both counted. -#}
{% macro days_of_interval(first_day, last_day) -%}
    {{ return(adapter.dispatch("days_of_interval")(first_day, last_day)) }}
{%- endmacro %}

{% macro duckdb__days_of_interval(first_day, last_day) -%}
    (date_diff('day', {{ first_day }}, {{ last_day }}) + 1)
{%- endmacro %}

{#- What a person writes for a period: 2026, 2026-Q3, 2026-10, 2026-10-31. -#}
{% macro period_label(period_kind, first_day) -%}
    {{ return(adapter.dispatch("period_label")(period_kind, first_day)) }}
{%- endmacro %}

{% macro duckdb__period_label(period_kind, first_day) -%}
    case {{ period_kind }}
        when 'year' then strftime({{ first_day }}, '%Y')
        when 'quarter' then strftime({{ first_day }}, '%Y-Q') || quarter({{ first_day }})
        when 'month' then strftime({{ first_day }}, '%Y-%m')
        else strftime({{ first_day }}, '%Y-%m-%d')
    end
{%- endmacro %}

{#- The days after every interval of dates that has no end. -#}
{% macro open_end() -%}
    cast('9999-12-31' as date)
{%- endmacro %}

{#- An instant moved by whole periods of twenty-four hours. -#}
{% macro add_24_hours(instant, times) -%}
    {{ return(adapter.dispatch("add_24_hours")(instant, times)) }}
{%- endmacro %}

{% macro duckdb__add_24_hours(instant, times) -%}
    cast({{ instant }} + cast({{ times }} as integer) * interval 24 hour as timestamp)
{%- endmacro %}

{#- Days from the first to the second, 0 for the same day. -#}
{% macro days_from(first_day, second_day) -%}
    ({{ days_of_interval(first_day, second_day) }} - 1)
{%- endmacro %}

{#-
    The kind of the period that a label names: 2026, 2026-Q3, 2026-10, 2026-W44, 2026-10-31; null
    where it is no label.
-#}
{% macro period_kind_of(label) -%}
    case
        when {{ label }} like '____' then 'year'
        when {{ label }} like '____-Q_' then 'quarter'
        when {{ label }} like '____-W__' then 'week'
        when {{ label }} like '____-__' then 'month'
        when {{ label }} like '____-__-__' then 'day'
    end
{%- endmacro %}

{#- First day of the period that a label names; null where there is no such day. -#}
{% macro period_start_of(label) -%}
    case
        when {{ label }} like '____' then {{ day_of(label ~ " || '-01-01'") }}
        when {{ label }} like '____-Q_' then {{ day_of(
            "substr(" ~ label ~ ", 1, 5) || case substr(" ~ label ~ ", 7, 1) "
            ~ "when '1' then '01' when '2' then '04' when '3' then '07' when '4' then '10' end "
            ~ "|| '-01'"
        ) }}
        -- The week with the fourth of January is the first of its year.
        when {{ label }} like '____-W__' then {{ add_days(
            period_start('week', day_of("substr(" ~ label ~ ", 1, 4) || '-01-04'")),
            "7 * (" ~ whole_number_of("substr(" ~ label ~ ", 7, 2)") ~ " - 1)"
        ) }}
        when {{ label }} like '____-__' then {{ day_of(label ~ " || '-01'") }}
        when {{ label }} like '____-__-__' then {{ day_of(label) }}
    end
{%- endmacro %}

{#- A day written as 2026-10-31; null where there is no such day. -#}
{% macro day_of(text) -%}
    {{ return(adapter.dispatch("day_of")(text)) }}
{%- endmacro %}

{% macro duckdb__day_of(text) -%}
    try_cast({{ text }} as date)
{%- endmacro %}
