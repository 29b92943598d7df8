{#-
    The one incremental strategy: what this run touched is deleted and put back, nothing else.
    Rows that a restatement removed vanish too, which "delete what the new rows name" would leave.

    A model declares `unique_key` (its column or columns) and `meta.touched_by` (the model whose
    rows name what to replace, with the same columns).
-#}
{% macro get_incremental_replace_touched_sql(arg_dict) %}
    {%- set keys = arg_dict["unique_key"] -%}
    {%- set keys = [keys] if keys is string else keys -%}
    {%- set touched = api.Relation.create(
        database=arg_dict["target_relation"].database,
        schema="intermediate",
        identifier=config.get("meta")["touched_by"]
    ) -%}
    {%- set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) -%}
    delete from {{ arg_dict["target_relation"] }}
    where ({{ keys | join(", ") }}) in (select {{ keys | join(", ") }} from {{ touched }});

    insert into {{ arg_dict["target_relation"] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict["temp_relation"] }}
{% endmacro %}
