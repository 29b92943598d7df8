{#- The number of the range that the statement at hand is about; missing if it is about all. -#}
{% macro range_in_hand() -%}
    {{ return(adapter.dispatch("range_in_hand")()) }}
{%- endmacro %}

{% macro duckdb__range_in_hand() -%}
    getvariable('range_in_hand')
{%- endmacro %}
