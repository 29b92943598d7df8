-- Grain: one row per cycle, leader, behaviour and relationship with raters enough.
-- Three raters or more, except the leader's own view and that of the manager, who are one each and
-- named as such. Only what was handed in counts, and there are no totals over relationships.
with

scores as (

    select
        cycle_id,
        subject_id,
        behaviour_id,
        relationship_code,
        count(*) as raters,
        sum(score) as score_total,
        min(scale_min) as scale_min,
        max(scale_max) as scale_max
    from {{ ref('stg_hr__feedback_360') }}
    where score is not null and completed_at_utc is not null
    group by cycle_id, subject_id, behaviour_id, relationship_code

)

select
    cycle_id,
    subject_id,
    behaviour_id,
    relationship_code,
    raters,
    cast(score_total as decimal(18, 2)) as score_total,
    scale_min,
    scale_max
from scores
where raters >= 3 or relationship_code in ('self', 'manager')
