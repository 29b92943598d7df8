-- Grain: one row per entry of the ledger of acts, refused and erased ones too.
-- What was said in words stays in the ledger; who did what under which right, and what became of
-- it, is here.
with

acts as (

    select
        act_seq,
        recorded_at_utc,
        act_type,
        definition_hash,
        actor_id,
        right_name,
        right_role_code,
        right_org_unit_id,
        subject_key,
        refers_to_act_seq,
        valid_from,
        valid_to,
        outcome_code,
        refusal_reason,
        completes_act_seq
    from {{ ref('stg_ledger__acts') }}

),

fates as (

    select
        act_seq,
        fate_code,
        settled_by_act_seq,
        settled_at_utc,
        waiting_seconds
    from {{ ref('int_acts__fates') }}

)

select
    acts.act_seq,
    acts.recorded_at_utc,
    acts.act_type,
    {{ text_before('acts.act_type', '.') }} as register_code,
    acts.definition_hash,
    acts.actor_id,
    acts.right_name,
    acts.right_role_code,
    acts.right_org_unit_id,
    acts.subject_key,
    acts.refers_to_act_seq,
    acts.valid_from,
    acts.valid_to,
    acts.outcome_code,
    acts.refusal_reason,
    acts.completes_act_seq,
    fates.fate_code,
    fates.settled_by_act_seq,
    fates.settled_at_utc,
    fates.waiting_seconds
from acts
left join fates on acts.act_seq = fates.act_seq
