{#-
    The product of a side of a KPI's factors, missing where the side of any factor is missing.
    A sum stays an exact decimal; only a real product leaves it, in the order of the factors, so
    that it is the same at every run.
-#}
{% macro product_of_factors(side) -%}
    case
        when count({{ side }}) < max(factor_count) then null
        when max(factor_count) = 1 then max({{ side }})
        else cast(
            round(
                max(cast({{ side }} as double)) filter (where factor = 1)
    {%- for factor in [2, 3] %}
                * coalesce(max(cast({{ side }} as double)) filter (where factor = {{ factor }}), 1)
    {%- endfor %},
                6
            ) as decimal(38, 6)
        )
    end
{%- endmacro %}
