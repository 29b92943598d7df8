{#- Fails with each key that several rows share, or that lacks a part. -#}
{% test unique_key(model, columns) %}
select
    {{ columns | join(", ") }},
    count(*) as rows_with_key
from {{ model }}
group by {{ columns | join(", ") }}
having count(*) > 1 or {{ columns | join(" is null or ") }} is null
{% endtest %}
