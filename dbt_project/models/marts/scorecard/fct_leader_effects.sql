-- Grain: one row per KPI and leader of a line; of a KPI that refuses one for all, `*`.
-- What a leader adds, apart from line, site and month: an interval towards the mean of all leaders,
-- and whether that can be told at all. Computed by orchestration/governance/leaders.py. Not
-- published: it is for the leader, their manager and the panel, and never a rank or the sole ground
-- of a decision.
select
    cast(kpi_id as varchar) as kpi_id,
    cast(leader_id as varchar) as leader_id,
    cast(convention as varchar) as convention,
    cast(version as bigint) as method_version,
    cast(month_count as bigint) as month_count,
    cast(separability as varchar) as separability,
    cast(peer_count as bigint) as peer_count,
    cast(move_count as bigint) as move_count,
    cast(weak_move_count as bigint) as weak_move_count,
    cast(stability_change as double) as stability_change,
    cast(effect_value as double) as effect_value,
    cast(sd as double) as effect_sd,
    cast(low_value as double) as low_value,
    cast(high_value as double) as high_value,
    cast(practical_difference as double) as practical_difference,
    cast(probability_better as double) as probability_better,
    cast(probability_worse as double) as probability_worse,
    cast(reliability as double) as reliability,
    cast(verdict as varchar) as verdict,
    cast(refusal as varchar) as refusal
from {{ source('statistics', 'leader_effects') }}
