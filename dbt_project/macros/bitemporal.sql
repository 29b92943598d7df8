{#-
    One register: per subject at most one truth on each valid day at each recorded instant.

    Acts of a subject in the order in which they took effect: a later one covers its days from its
    effect on and leaves all others as they were; one of a type that ends covers them with nothing.
    Seen from one act, a day is its own until the next act takes effect that holds on that day. So
    an act's days fall into stretches with the same next act, and each is one row: valid days, both
    inclusive, by recorded instants, the last exclusive and null where it stands.

    The next act can change only where a later act begins or has ended, and then only for the act
    that took effect last before that one, of those that hold on the day. There are two such days
    per act at most, and so at most three rows: the number of rows grows with the acts, whatever
    they overlap. Every act is held against those of its own subject: a million acts take 6 CPU
    seconds with ten per subject and 44 with a thousand (`python -m tests.benchmarks.acts`).

    Parameters
    ----------
    register : name of the register
    columns : mapping of the types' fields to their types; `json` fields are lists
-#}
{% macro bitemporal(register, columns) -%}
with

acts as (

    select
        effect_no,
        subject_key,
        act_seq,
        act_type,
        state_code,
        is_end,
        actor_id,
        refers_to_act_seq,
        act_fields,
        valid_from,
        valid_to,
        effective_at_utc
    from {{ ref('int_acts__effective') }}
    where register_code = '{{ register }}' and valid_from <= valid_to

),

-- Days on which an act begins, or has ended.
turns as (

    select
        subject_key,
        effect_no,
        valid_from as turn_date,
        true as is_start
    from acts

    union all

    select
        subject_key,
        effect_no,
        {{ add_days('valid_to', 1) }} as turn_date,
        false as is_start
    from acts
    where valid_to < {{ open_end() }}

),

-- Of the acts that hold on that day: the last one before and the first one after.
neighbours as (

    select
        turns.subject_key,
        turns.effect_no,
        turns.turn_date,
        turns.is_start,
        max(case when acts.effect_no < turns.effect_no then acts.effect_no end) as covered_no,
        min(case when acts.effect_no > turns.effect_no then acts.effect_no end) as covering_no
    from turns
    inner join acts
        on
            turns.subject_key = acts.subject_key
            and turns.turn_date between acts.valid_from and acts.valid_to
    group by turns.subject_key, turns.effect_no, turns.turn_date, turns.is_start

),

-- Where several acts turn on one day they say the same of the act before them: distinct.
stretches as (

    select
        effect_no,
        turn_date as valid_from,
        covering_no as next_no
    from neighbours
    where is_start

    union distinct

    select
        covered_no as effect_no,
        turn_date as valid_from,
        case when is_start then effect_no else covering_no end as next_no
    from neighbours
    where covered_no is not null

),

ended as (

    select
        effect_no,
        next_no,
        valid_from,
        lead(valid_from) over (partition by effect_no order by valid_from) as next_valid_from
    from stretches

)

select
    acts.subject_key,
    acts.act_seq,
    acts.act_type,
    acts.state_code,
    acts.actor_id,
    acts.refers_to_act_seq,
    {%- for field, kind in columns.items() %}
        {{ json_field('acts.act_fields', field, kind) }} as {{ field }},
    {%- endfor %}
    ended.valid_from,
    coalesce({{ add_days('ended.next_valid_from', -1) }}, acts.valid_to) as valid_to,
    acts.effective_at_utc as recorded_from_utc,
    next_acts.effective_at_utc as recorded_to_utc
from ended
inner join acts on ended.effect_no = acts.effect_no
left join acts as next_acts on ended.next_no = next_acts.effect_no
where
    not acts.is_end
    -- Of two acts in one instant the first never was the truth.
    and (ended.next_no is null or acts.effective_at_utc < next_acts.effective_at_utc)
{%- endmacro %}
