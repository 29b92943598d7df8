-- Grain: one row per act that somebody consented to, with who did, in the order of the ledger.
select
    refers_to_act_seq as act_seq,
    {{ joined('actor_id', 'act_seq') }} as consenter_ids
from {{ ref('stg_ledger__acts') }}
where act_type = 'decision.approve' and outcome_code = 'recorded'
group by refers_to_act_seq
