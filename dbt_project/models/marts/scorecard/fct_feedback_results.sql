-- Grain: one row per cycle, leader and relationship of raters, and one (*) over those shown.
-- Raw beside what raters of average severity would have said, by orchestration/governance/
-- feedback.py with the weights and fewest raters of seeds/registry/feedback.yml. Not published: it
-- is for the leader, their manager and whoever coaches them.
select
    cast(cycle_id as varchar) as cycle_id,
    cast(subject_id as varchar) as subject_id,
    cast(relationship_code as varchar) as relationship_code,
    cast(version as bigint) as method_version,
    cast(raters as bigint) as rater_count,
    cast(raters_corrected as bigint) as corrected_rater_count,
    cast(weight as double) as weight_share,
    cast(raw_score as double) as raw_score,
    cast(fair_score as double) as fair_score,
    cast(low_score as double) as low_score,
    cast(high_score as double) as high_score,
    cast(agreement as double) as agreement_index,
    cast(correction as varchar) as correction_code,
    cast(refusal as varchar) as refusal
from {{ source('statistics', 'feedback_results') }}
