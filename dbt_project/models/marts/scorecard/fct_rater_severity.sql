-- Grain: one row per source, cycle, relationship, rater, item and method.
-- How many points a rater takes off, told from how good the team is by those who changed raters,
-- and how far those agree who rate the same person. By orchestration/governance/raters.py. Not
-- published: it is for the calibration panel, and never a mark for a rater.
select
    cast(source_code as varchar) as source_code,
    cast(cycle_id as varchar) as cycle_id,
    cast(relationship_code as varchar) as relationship_code,
    cast(rater_id as varchar) as rater_id,
    cast(item_id as varchar) as item_id,
    cast(method as varchar) as method_code,
    cast(convention as varchar) as convention,
    cast(version as bigint) as method_version,
    cast(n as bigint) as ratee_count,
    cast(n_shared as bigint) as shared_ratee_count,
    cast(estimate_kind as varchar) as estimate_kind,
    cast(estimate as double) as estimate_value,
    cast(sd as double) as estimate_sd,
    cast(low_value as double) as low_value,
    cast(high_value as double) as high_value,
    cast(p_value as double) as p_value,
    cast(verdict as varchar) as verdict,
    cast(refusal as varchar) as refusal
from {{ source('statistics', 'rater_severity') }}
