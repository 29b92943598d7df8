-- Grain: one row per entry of the ledger of acts, refused and erased ones too.
select
    act_seq,
    recorded_ts_utc as recorded_at_utc,
    act_type,
    definition_hash,
    actor_id,
    right_name,
    right_role as right_role_code,
    right_org_unit as right_org_unit_id,
    subject as subject_key,
    refers_to as refers_to_act_seq,
    valid_from,
    valid_to,
    outcome as outcome_code,
    refusal as refusal_reason,
    completes as completes_act_seq,
    fields as act_fields,
    _delivery_date as delivery_date
from {{ source('raw', 'acts') }}
