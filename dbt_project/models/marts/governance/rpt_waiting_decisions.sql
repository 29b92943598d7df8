-- Grain: one row per consent that a pending act still needs, and per change of a definition that a
-- ruling orders and no definition.change has carried out.
-- For what, for whom and how long the company waits; what is overdue goes up to whoever leads it.
with

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

carried_out as (

    select
        kpi_id,
        carries_out as act_seq
    from {{ ref('reg_definition') }}
    where carries_out is not null
    group by kpi_id, carries_out

),

ordered as (

    select
        rulings.act_seq,
        rulings.recorded_from_utc,
        rulings.act_type,
        rulings.actor_id,
        rulings.subject_key,
        rulings.kpi_id,
        rulings.valid_from,
        rulings.change_by,
        {{ days_from('cast(rulings.recorded_from_utc as date)', 'parameters.as_of_date') }}
            as waiting_days,
        rulings.change_by < parameters.as_of_date as is_overdue
    from {{ ref('reg_dispute') }} as rulings
    cross join parameters
    left join carried_out
        on rulings.act_seq = carried_out.act_seq and rulings.kpi_id = carried_out.kpi_id
    where
        rulings.recorded_to_utc is null
        and rulings.state_code = 'ruled'
        and rulings.change_by is not null
        and carried_out.act_seq is null

)

select
    act_seq,
    consent_position,
    'consent' as waits_for_code,
    recorded_at_utc,
    act_type,
    act_title,
    actor_id,
    subject_key,
    kpi_id,
    valid_from,
    valid_to,
    needed_right_name,
    needed_person_id,
    consents_needed,
    consents_given,
    waiting_days,
    answer_by_date,
    is_overdue,
    case when is_overdue then 'enterprise_leader' end as goes_up_to_role_code
from {{ ref('int_acts__waiting_consents') }}

union all

select
    act_seq,
    cast(0 as bigint) as consent_position,
    'ordered_change' as waits_for_code,
    recorded_from_utc as recorded_at_utc,
    act_type,
    'Change the definition as was ruled' as act_title,
    actor_id,
    subject_key,
    kpi_id,
    valid_from,
    cast(null as date) as valid_to,
    -- Whoever may propose a definition.change.
    'propose_kpi' as needed_right_name,
    cast(null as varchar) as needed_person_id,
    cast(1 as bigint) as consents_needed,
    cast(0 as bigint) as consents_given,
    waiting_days,
    change_by as answer_by_date,
    is_overdue,
    case when is_overdue then 'enterprise_leader' end as goes_up_to_role_code
from ordered
