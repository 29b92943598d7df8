-- Grain: one row per survey, respondent and item.
select
    survey_id,
    respondent_token,
    org_unit_id,
    item_id,
    scale_min,
    scale_max,
    score,
    answered_date,
    _delivery_date as delivery_date
from {{ source('raw', 'hr_engagement_survey') }}
