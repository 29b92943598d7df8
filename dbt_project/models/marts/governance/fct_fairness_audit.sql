-- Grain: one row per audit, cycle, stage, attribute, group, method and stratum.
-- Whether ratings treat groups alike, with everything that must stand beside a ratio. Computed by
-- orchestration/governance/fairness.py. Not published: small groups are left out, but what is left
-- can be subtracted from totals that stand elsewhere, and a row may name a rater. It is for whoever
-- answers for the audit.
select
    cast(audit_id as varchar) as audit_id,
    cast(cycle_id as varchar) as cycle_id,
    cast(stage_code as varchar) as stage_code,
    cast(attribute_name as varchar) as attribute_name,
    cast(group_code as varchar) as group_code,
    cast(method as varchar) as method_code,
    cast(stratum_name as varchar) as stratum_name,
    cast(stratum_id as varchar) as stratum_id,
    cast(convention as varchar) as convention,
    cast(version as bigint) as method_version,
    cast(n as bigint) as member_count,
    cast(n_reference as bigint) as reference_member_count,
    cast(estimate_kind as varchar) as estimate_kind,
    cast(estimate as double) as estimate_value,
    cast(low_value as double) as low_value,
    cast(high_value as double) as high_value,
    cast(p_value as double) as p_value,
    cast(exact_p_value as double) as exact_p_value,
    cast(mid_p_value as double) as mid_p_value,
    cast(adjusted_p_value as double) as adjusted_p_value,
    cast(is_turned_by_one as boolean) as is_turned_by_one,
    cast(verdict as varchar) as verdict,
    cast(refusal as varchar) as refusal
from {{ source('statistics', 'fairness_audit') }}
