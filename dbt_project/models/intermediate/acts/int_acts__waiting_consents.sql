-- Grain: one row per consent that a pending act still needs.
-- Whoever holds the right, or is the person, is who it waits for. A consent that only acts on KPIs
-- with consequences for people need, or only the others, is here for those alone.
with

acts as (

    select
        act_seq,
        recorded_at_utc,
        act_type,
        actor_id,
        right_name,
        subject_key,
        refers_to_act_seq,
        valid_from,
        valid_to,
        outcome_code,
        act_fields
    from {{ ref('stg_ledger__acts') }}

),

waiting as (

    select act_seq
    from {{ ref('int_acts__fates') }}
    where fate_code = 'waiting'

),

consents as (

    select
        act_type,
        position,
        right_name,
        person_field,
        consents_needed,
        applies_when
    from {{ source('registry', 'act_consents') }}

),

act_types as (

    select
        act_type,
        title
    from {{ source('registry', 'act_types') }}

),

kpis as (

    select
        kpi_id,
        has_consequences
    from {{ source('registry', 'kpis') }}

),

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

given as (

    select
        refers_to_act_seq as act_seq,
        right_name,
        count(*) as consents_given
    from acts
    where act_type = 'decision.approve' and outcome_code = 'recorded'
    group by refers_to_act_seq, right_name

),

wanted as (

    select
        acts.act_seq,
        acts.recorded_at_utc,
        acts.act_type,
        acts.actor_id,
        acts.subject_key,
        acts.refers_to_act_seq,
        acts.valid_from,
        acts.valid_to,
        acts.act_fields,
        consents.position,
        consents.right_name,
        consents.person_field,
        consents.consents_needed,
        coalesce(consents.right_name, 'person:' || consents.person_field) as consent_name
    from waiting
    inner join acts on waiting.act_seq = acts.act_seq
    left join kpis on {{ json_field('acts.act_fields', 'kpi_id', 'varchar') }} = kpis.kpi_id
    left join consents
        on
            acts.act_type = consents.act_type
            and consents.applies_when in (
                'always',
                case when kpis.has_consequences then 'high_impact' else 'low_impact' end
            )

)

select
    wanted.act_seq,
    -- A type that no definition names any more asks nobody, and waits all the same.
    coalesce(wanted.position, 0) as consent_position,
    wanted.recorded_at_utc,
    wanted.act_type,
    act_types.title as act_title,
    wanted.actor_id,
    wanted.subject_key,
    {{ json_field('wanted.act_fields', 'kpi_id', 'varchar') }} as kpi_id,
    wanted.valid_from,
    wanted.valid_to,
    wanted.right_name as needed_right_name,
    case
        when wanted.person_field = 'actor' then answered.actor_id
        else {{ json_text('wanted.act_fields', 'wanted.person_field') }}
    end as needed_person_id,
    wanted.consents_needed,
    coalesce(given.consents_given, 0) as consents_given,
    {{ days_from('cast(wanted.recorded_at_utc as date)', 'parameters.as_of_date') }}
        as waiting_days,
    {{ json_field('wanted.act_fields', 'answer_by', 'date') }} as answer_by_date,
    coalesce(
        {{ json_field('wanted.act_fields', 'answer_by', 'date') }} < parameters.as_of_date, false
    ) as is_overdue
from wanted
cross join parameters
left join act_types on wanted.act_type = act_types.act_type
left join acts as answered on wanted.refers_to_act_seq = answered.act_seq
left join given
    on
        wanted.act_seq = given.act_seq
        and wanted.consent_name = given.right_name
where wanted.position is null or coalesce(given.consents_given, 0) < wanted.consents_needed
