-- Grain: one row per open dispute, entity that it is about, and interval of days in which the
-- entity belonged to the unit that disputes the KPI or to one below it.
-- What a KPI means is disputed for all its periods, also those that ended before; until the ruling.
with

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

disputes as (

    select
        reg_dispute.act_seq,
        reg_dispute.kpi_id,
        reg_dispute.org_unit_id,
        'act ' || cast(reg_dispute.act_seq as varchar)
        || coalesce(', to be ruled by ' || cast(reg_dispute.due_on as varchar), '') as dispute_text
    from {{ ref('reg_dispute') }} as reg_dispute
    cross join parameters
    where
        reg_dispute.recorded_to_utc is null
        and reg_dispute.state_code <> 'ruled'
        and parameters.as_of_date between reg_dispute.valid_from and reg_dispute.valid_to

)

select
    disputes.act_seq,
    disputes.kpi_id,
    disputes.dispute_text,
    entities.entity_kind,
    entities.entity_id,
    greatest(entities.valid_from, closure.valid_from) as valid_from,
    least(entities.valid_to, closure.valid_to) as valid_to
from disputes
inner join {{ ref('int_org__closure') }} as closure on disputes.org_unit_id = closure.ancestor_id
inner join {{ ref('bridge_entity_units') }} as entities
    on
        closure.org_unit_id = entities.org_unit_id
        and closure.valid_from <= entities.valid_to
        and closure.valid_to >= entities.valid_from
