{#-
    A table whose `meta.one_range_at_a_time` names a model with a `range_no` is filled by one
    statement per range, first and further runs alike: what a statement must sort is then a quarter
    of a year of events and stays in memory, however long the history. The model itself reads the
    range in hand through `range_in_hand()`, and all ranges where none is.

    The first range makes the table. A table made empty and filled in the same transaction is taken
    for empty by whoever filters, joins or adds up its columns until the file is checkpointed
    (DuckDB 2.0: an insert that is known to bring nothing, then one of more than 122,880 rows).
-#}
{% macro duckdb__create_table_as(
    temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none
) -%}
    {%- set ranges = config.get('meta', {}).get('one_range_at_a_time') -%}
    {%- if not ranges -%}
        {{ return(dbt.duckdb__create_table_as(
            temporary, relation, compiled_code, language, partitioned_by, sorted_by
        )) }}
    {%- endif -%}
    {%- set numbers = run_query(
        'select range_no from '
        ~ api.Relation.create(database=this.database, schema='intermediate', identifier=ranges)
        ~ ' order by range_no'
    ).columns[0].values() -%}
    {#- No range has the number 0: of nothing touched the table is empty. -#}
    set variable range_in_hand = {{ numbers | first | default(0) }};
    {{ dbt.duckdb__create_table_as(temporary, relation, compiled_code) }};
    {%- for number in numbers[1:] %}
    set variable range_in_hand = {{ number }};
    insert into {{ relation.include(database=(not temporary), schema=(not temporary)) }}
    select * from ({{ compiled_code }}) as of_one_range;
    {%- endfor %}
    reset variable range_in_hand
{%- endmacro %}
