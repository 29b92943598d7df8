-- Grain: one row per act that took effect and person who is to be told of it.
-- Since when, whether they acknowledged it where its type asks for that, and whether a reminder is
-- due. Whom a type tells is declared with it: a person whom it names, the owner of its KPI or the
-- leader of its unit on the day of its effect, the author of the act that it answers; never the
-- author of the act itself.
with

parameters as (

    select
        run.as_of_date,
        reminders.remind_after_days
    from {{ ref('int_run__parameters') }} as run
    cross join {{ source('registry', 'notices') }} as reminders

),

told as (

    select
        acts.act_seq,
        acts.act_type,
        acts.subject_key,
        acts.actor_id,
        acts.refers_to_act_seq,
        acts.act_fields,
        acts.effective_at_utc,
        cast(acts.effective_at_utc as date) as told_date,
        {{ json_field('acts.act_fields', 'kpi_id', 'varchar') }} as kpi_id,
        {{ json_field('acts.act_fields', 'org_unit_id', 'varchar') }} as org_unit_id,
        notified.who_code,
        notified.needs_acknowledgement
    from {{ ref('int_acts__effective') }} as acts
    inner join {{ source('registry', 'act_notify') }} as notified
        on acts.act_type = notified.act_type

),

owners as (

    select
        kpi_id,
        owner_id,
        valid_from,
        valid_to,
        recorded_from_utc,
        recorded_to_utc
    from {{ ref('reg_ownership') }}

),

units as (

    select
        org_unit_id,
        leader_id,
        valid_from,
        valid_to
    from {{ ref('dim_org_units') }}

),

entries as (

    select
        act_seq,
        actor_id
    from {{ ref('stg_ledger__acts') }}

),

persons as (

    select
        told.*,
        case told.who_code
            when 'kpi_owner' then owners.owner_id
            when 'unit_leader' then units.leader_id
            when 'actor' then answered.actor_id
            else {{ json_text('told.act_fields', 'told.who_code') }}
        end as person_id
    from told
    left join owners
        on
            told.who_code = 'kpi_owner'
            and told.kpi_id = owners.kpi_id
            and told.told_date between owners.valid_from and owners.valid_to
            and told.effective_at_utc >= owners.recorded_from_utc
            and coalesce(told.effective_at_utc < owners.recorded_to_utc, true)
    left join units
        on
            told.who_code = 'unit_leader'
            and told.org_unit_id = units.org_unit_id
            and told.told_date between units.valid_from and units.valid_to
    left join entries as answered
        on told.who_code = 'actor' and told.refers_to_act_seq = answered.act_seq

),

-- Who is named twice is told once.
notices as (

    select distinct
        act_seq,
        act_type,
        subject_key,
        kpi_id,
        person_id,
        effective_at_utc,
        told_date,
        needs_acknowledgement
    from persons
    where person_id is not null and person_id <> actor_id

),

acknowledged as (

    select
        refers_to_act_seq as act_seq,
        actor_id as person_id,
        min(recorded_from_utc) as acknowledged_at_utc
    from {{ ref('reg_acknowledgement') }}
    group by refers_to_act_seq, actor_id

),

act_types as (

    select
        act_type,
        title
    from {{ source('registry', 'act_types') }}

)

select
    notices.act_seq,
    notices.person_id,
    notices.act_type,
    act_types.title as act_title,
    notices.subject_key,
    notices.kpi_id,
    notices.effective_at_utc as told_since_utc,
    notices.needs_acknowledgement,
    acknowledged.acknowledged_at_utc,
    notices.needs_acknowledgement and acknowledged.acknowledged_at_utc is null as is_open,
    notices.needs_acknowledgement
    and acknowledged.acknowledged_at_utc is null
    and {{ days_from('notices.told_date', 'parameters.as_of_date') }}
    > parameters.remind_after_days as is_reminder_due
from notices
cross join parameters
left join act_types on notices.act_type = act_types.act_type
left join acknowledged
    on notices.act_seq = acknowledged.act_seq and notices.person_id = acknowledged.person_id
