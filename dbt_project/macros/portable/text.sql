{#- Texts of a group in one, sorted by another column, separated by commas; an aggregate. -#}
{% macro joined(text, order_by) -%}
    {{ return(adapter.dispatch("joined")(text, order_by)) }}
{%- endmacro %}

{% macro duckdb__joined(text, order_by) -%}
    string_agg({{ text }}, ', ' order by {{ order_by }})
{%- endmacro %}
