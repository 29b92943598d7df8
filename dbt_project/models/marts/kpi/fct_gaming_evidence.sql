-- Grain: one row per check of a figure at a site, or of the whole company (*).
-- Whether figures bear traces of being steered: piles just on the good side of a level, round
-- figures, work that ends in the last days of months, digits that amounts do not have, tickets that
-- are closed and come back. A finding names a KPI, a plan and a site, never a person, and is a
-- question to the plan, not an answer. The checks are declared in `gaming.yml` of the registers.
-- Computed by orchestration/governance/gaming.py.
with

evidence as (

    -- Where nothing is checked the columns have no type of their own.
    select
        cast(check_id as varchar) as check_id,
        cast(check_kind as varchar) as check_kind,
        cast(subject_id as varchar) as subject_id,
        cast(plan_id as varchar) as plan_id,
        cast(level_name as varchar) as level_name,
        cast(site_id as varchar) as site_id,
        cast(test_method as varchar) as test_method,
        cast(event_count as bigint) as event_count,
        cast(estimate as double) as estimate,
        cast(low_value as double) as low_value,
        cast(high_value as double) as high_value,
        cast(p_value as double) as p_value,
        cast(adjusted_p_value as double) as adjusted_p_value,
        cast(verdict as varchar) as verdict,
        cast(refusal as varchar) as refusal
    from {{ source('statistics', 'gaming_evidence') }}

),

kpis as (

    select
        kpi_id,
        is_published and not is_withheld and left_out_from_date is null as is_shown
    from {{ ref('kpi_publication') }}

)

select
    evidence.check_id,
    evidence.check_kind,
    evidence.subject_id,
    evidence.plan_id,
    evidence.level_name,
    evidence.site_id,
    evidence.test_method,
    evidence.event_count,
    evidence.estimate,
    evidence.low_value,
    evidence.high_value,
    evidence.p_value,
    evidence.adjusted_p_value,
    evidence.verdict,
    evidence.refusal
from evidence
left join kpis on evidence.subject_id = kpis.kpi_id
where coalesce(kpis.is_shown, true)
