-- Grain: one row per act that took effect.
-- An act that needed nobody else did so when it was recorded, a pending one with the first entry
-- that completed it, and holds from that entry's instant on. What was refused, lapsed or still
-- waits is not here. Without a first valid day of its own an act holds from the day on which it
-- took effect.
with

acts as (

    select
        act_seq,
        recorded_at_utc,
        act_type,
        definition_hash,
        actor_id,
        subject_key,
        refers_to_act_seq,
        valid_from,
        valid_to,
        outcome_code,
        completes_act_seq,
        act_fields
    from {{ ref('stg_ledger__acts') }}

),

act_types as (

    select
        act_type,
        state_code,
        is_end
    from {{ source('registry', 'act_types') }}

),

effects as (

    select
        act_seq,
        act_seq as effect_seq
    from acts
    where outcome_code = 'effective'

    union all

    select
        acts.act_seq,
        min(completing.act_seq) as effect_seq
    from acts
    inner join acts as completing on acts.act_seq = completing.completes_act_seq
    where
        acts.outcome_code = 'pending'
        and completing.outcome_code <> 'refused'
        and acts.act_seq < completing.act_seq
    group by acts.act_seq

)

select
    acts.act_seq,
    acts.act_type,
    {{ text_before('acts.act_type', '.') }} as register_code,
    act_types.state_code,
    -- Of a type that no definition names any more nobody knows that it ended anything.
    coalesce(act_types.is_end, false) as is_end,
    acts.definition_hash,
    acts.actor_id,
    acts.subject_key,
    acts.refers_to_act_seq,
    acts.act_fields,
    coalesce(acts.valid_from, cast(effect.recorded_at_utc as date)) as valid_from,
    coalesce(acts.valid_to, {{ open_end() }}) as valid_to,
    effects.effect_seq,
    effect.recorded_at_utc as effective_at_utc,
    row_number() over (order by effects.effect_seq, effects.act_seq) as effect_no
from effects
inner join acts on effects.act_seq = acts.act_seq
inner join acts as effect on effects.effect_seq = effect.act_seq
left join act_types on acts.act_type = act_types.act_type
