-- Grain: one row per act that needed consents, with what became of it.
-- The first of: its last consent, a rejection, a withdrawal, another act that takes its place.
with

acts as (

    select
        act_seq,
        recorded_at_utc,
        act_type,
        subject_key,
        refers_to_act_seq,
        outcome_code
    from {{ ref('stg_ledger__acts') }}
    where outcome_code not in ('refused', 'erased')

),

effective as (

    select
        act_seq,
        effect_seq
    from {{ ref('int_acts__effective') }}

),

act_types as (

    select
        act_type,
        replaces_pending
    from {{ source('registry', 'act_types') }}

),

pending as (

    select
        act_seq,
        recorded_at_utc
    from acts
    where outcome_code = 'pending'

),

answers as (

    select
        refers_to_act_seq as act_seq,
        case act_type when 'decision.reject' then 'rejected' else 'withdrawn' end as fate_code,
        act_seq as settled_by_act_seq
    from acts
    where act_type in ('decision.reject', 'decision.withdraw')

),

replacements as (

    select
        acts.act_seq,
        acts.outcome_code,
        min(case when act_types.replaces_pending then acts.act_seq end) over (
            partition by acts.subject_key
            order by acts.act_seq
            rows between 1 following and unbounded following
        ) as replaced_by_act_seq
    from acts
    left join act_types on acts.act_type = act_types.act_type
    where acts.outcome_code in ('pending', 'effective')

),

fates as (

    select
        act_seq,
        'effective' as fate_code,
        effect_seq as settled_by_act_seq
    from effective

    union all

    select
        act_seq,
        fate_code,
        settled_by_act_seq
    from answers

    union all

    select
        act_seq,
        'replaced' as fate_code,
        replaced_by_act_seq as settled_by_act_seq
    from replacements
    where outcome_code = 'pending' and replaced_by_act_seq is not null

),

ordered as (

    select
        act_seq,
        fate_code,
        settled_by_act_seq,
        row_number() over (
            partition by act_seq order by settled_by_act_seq, fate_code
        ) as fate_no
    from fates

)

select
    pending.act_seq,
    coalesce(ordered.fate_code, 'waiting') as fate_code,
    ordered.settled_by_act_seq,
    settling.recorded_at_utc as settled_at_utc,
    {{ seconds_between('pending.recorded_at_utc', 'settling.recorded_at_utc') }} as waiting_seconds
from pending
left join ordered on pending.act_seq = ordered.act_seq and ordered.fate_no = 1
left join acts as settling on ordered.settled_by_act_seq = settling.act_seq
