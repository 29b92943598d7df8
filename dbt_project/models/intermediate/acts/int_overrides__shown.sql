-- Grain: one row per override that is to be shown on the day of the as-of, and stretch of recorded
-- instants in which that was the truth.
-- Its valid days are those on which it is shown: one that has expired is not here, without any act.
-- The row without `recorded_to_utc` is what is known now; what was known when a period became final
-- is found among the others.
with

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

consenters as (

    select
        act_seq,
        consenter_ids
    from {{ ref('int_acts__consenters') }}

),

overrides as (

    select
        subject_key,
        act_seq,
        kpi_id,
        entity_kind,
        entity_id,
        period,
        new_value,
        valid_from,
        valid_to,
        recorded_from_utc,
        recorded_to_utc
    from {{ ref('reg_override') }}

)

select
    overrides.subject_key,
    overrides.act_seq,
    overrides.kpi_id,
    overrides.entity_kind,
    overrides.entity_id,
    {{ period_kind_of('overrides.period') }} as period_kind,
    {{ period_start_of('overrides.period') }} as period_start_date,
    overrides.new_value,
    overrides.valid_to,
    overrides.recorded_from_utc,
    overrides.recorded_to_utc,
    'Overridden by act ' || cast(overrides.act_seq as varchar) || ', agreed by '
    || coalesce(consenters.consenter_ids, 'somebody whose consent was erased') || ', until '
    || cast(overrides.valid_to as varchar) || '.' as override_text
from overrides
cross join parameters
left join consenters on overrides.act_seq = consenters.act_seq
where
    parameters.as_of_date between overrides.valid_from and overrides.valid_to
    and overrides.new_value is not null
