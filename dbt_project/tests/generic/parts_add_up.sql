{#- Fails with each whole whose parts do not add up to it, beyond the rounding of doubles. -#}
{% test parts_add_up(model, columns, part, before, after) %}
select
    {{ columns | join(", ") }},
    sum({{ part }}) as parts,
    max({{ after }} - {{ before }}) as whole
from {{ model }}
group by {{ columns | join(", ") }}
having
    max({{ after }} - {{ before }}) <> min({{ after }} - {{ before }})
    or abs(sum({{ part }}) - max({{ after }} - {{ before }}))
    > 1e-9 * greatest(1, max(abs({{ after }})))
    or sum({{ part }}) is null
{% endtest %}
