-- Grain: one row per annotation that is to be shown on the day of the as-of, and stretch of
-- recorded instants in which that was the truth.
-- What it says in words stays in the register of annotations. A special cause leaves the limits of
-- its chart once somebody else has confirmed it, and not before.
with

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

annotations as (

    select
        subject_key,
        act_seq,
        state_code,
        kpi_id,
        entity_kind,
        entity_id,
        period,
        cause_code,
        is_special_cause,
        valid_from,
        valid_to,
        recorded_from_utc,
        recorded_to_utc
    from {{ ref('reg_annotation') }}

)

select
    annotations.subject_key,
    annotations.act_seq,
    annotations.kpi_id,
    annotations.entity_kind,
    annotations.entity_id,
    {{ period_kind_of('annotations.period') }} as period_kind,
    {{ period_start_of('annotations.period') }} as period_start_date,
    annotations.cause_code,
    annotations.state_code = 'confirmed' and coalesce(annotations.is_special_cause, false)
        as is_excluded,
    annotations.recorded_from_utc,
    annotations.recorded_to_utc
from annotations
cross join parameters
where parameters.as_of_date between annotations.valid_from and annotations.valid_to
