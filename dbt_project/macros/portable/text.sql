{#- Texts of a group in one, sorted by another column, separated by commas; an aggregate. -#}
{% macro joined(text, order_by) -%}
    {{ return(adapter.dispatch("joined")(text, order_by)) }}
{%- endmacro %}

{% macro duckdb__joined(text, order_by) -%}
    string_agg({{ text }}, ', ' order by {{ order_by }})
{%- endmacro %}

{#- What stands before the first occurrence of a character. -#}
{% macro text_before(text, mark) -%}
    {{ return(adapter.dispatch("text_before")(text, mark)) }}
{%- endmacro %}

{% macro duckdb__text_before(text, mark) -%}
    split_part({{ text }}, '{{ mark }}', 1)
{%- endmacro %}

{#-
    One field of a JSON object: null where there is none, or where it cannot be read as this type;
    a list (`json`) stays JSON text.
-#}
{% macro json_field(object, field, kind) -%}
    {{ return(adapter.dispatch("json_field")(object, field, kind)) }}
{%- endmacro %}

{% macro duckdb__json_field(object, field, kind) -%}
    {%- if kind == 'json' -%}
        cast(json_extract({{ object }}, '$.{{ field }}') as varchar)
    {%- elif kind == 'varchar' -%}
        json_extract_string({{ object }}, '$.{{ field }}')
    {%- else -%}
        try_cast(json_extract_string({{ object }}, '$.{{ field }}') as {{ kind }})
    {%- endif -%}
{%- endmacro %}

{#- The field of a JSON object that another column names, as text; null where there is none. -#}
{% macro json_text(object, field) -%}
    {{ return(adapter.dispatch("json_text")(object, field)) }}
{%- endmacro %}

{% macro duckdb__json_text(object, field) -%}
    json_extract_string({{ object }}, '$.' || {{ field }})
{%- endmacro %}

{#- A whole number written in digits; null where it is none. -#}
{% macro whole_number_of(text) -%}
    {{ return(adapter.dispatch("whole_number_of")(text)) }}
{%- endmacro %}

{% macro duckdb__whole_number_of(text) -%}
    try_cast({{ text }} as integer)
{%- endmacro %}
