-- Grain: one row per survey, org unit and item with five respondents or more.
-- Fewer could be told apart, so their group has no row. There are no totals over units either:
-- from a total and its parts the group that is left out could be subtracted.
with

answers as (

    select
        survey_id,
        org_unit_id,
        item_id,
        count(*) as respondents,
        sum(score) as score_total,
        min(scale_min) as scale_min,
        max(scale_max) as scale_max
    from {{ ref('stg_hr__engagement_survey') }}
    where score is not null
    group by survey_id, org_unit_id, item_id

)

select
    survey_id,
    org_unit_id,
    item_id,
    respondents,
    cast(score_total as decimal(18, 2)) as score_total,
    scale_min,
    scale_max
from answers
where respondents >= 5
