-- Grain: one row per rating and version, those of the HR system and then those that appeals made.
-- An appeal that was upheld is a version too: the same rating, by another person, on record.
with

delivered as (

    select
        cycle_id,
        employee_id,
        version_no,
        stage_code,
        rating_code,
        rater_id,
        decided_at_utc
    from {{ ref('stg_hr__ratings') }}

),

last_delivered as (

    select
        cycle_id,
        employee_id,
        max(version_no) as version_no
    from delivered
    group by cycle_id, employee_id

),

decided as (

    select
        cycle_id,
        employee_id,
        new_rating,
        outcome,
        reviewer_id,
        act_seq,
        min(recorded_from_utc) as decided_at_utc
    from {{ ref('reg_appeal') }}
    where state_code = 'decided' and recorded_to_utc is null
    group by cycle_id, employee_id, new_rating, outcome, reviewer_id, act_seq

)

select
    cycle_id,
    employee_id,
    version_no,
    stage_code,
    rating_code,
    rater_id,
    decided_at_utc,
    cast(null as bigint) as appeal_act_seq,
    cast(null as varchar) as appeal_outcome_code
from delivered

union all

select
    decided.cycle_id,
    decided.employee_id,
    coalesce(last_delivered.version_no, 0) + row_number() over (
        partition by decided.cycle_id, decided.employee_id
        order by decided.decided_at_utc, decided.act_seq
    ) as version_no,
    'appeal' as stage_code,
    decided.new_rating as rating_code,
    decided.reviewer_id as rater_id,
    decided.decided_at_utc,
    decided.act_seq as appeal_act_seq,
    decided.outcome as appeal_outcome_code
from decided
left join last_delivered
    on
        decided.cycle_id = last_delivered.cycle_id
        and decided.employee_id = last_delivered.employee_id
