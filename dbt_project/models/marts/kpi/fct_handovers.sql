-- Grain: one row per KPI, question and part.
-- What a change of leader does to lines, over all changes that have six months on either side and
-- a line to be compared with: over eight or more, so that it is about no person. Whether a leader
-- is better than others is another question. Computed by orchestration/governance/handovers.py. A
-- KPI whose present logic is not approved has none.
with

handovers as (

    -- Where nobody changed the columns have no type of their own.
    select
        cast(kpi_id as varchar) as kpi_id,
        cast(question as varchar) as question,
        cast(part_id as varchar) as part_id,
        cast(n_changes as bigint) as change_count,
        cast(n_same_site as bigint) as same_site_count,
        cast(n_dropped as bigint) as dropped_count,
        cast(estimate as double) as estimate_value,
        cast(low_value as double) as low_value,
        cast(high_value as double) as high_value,
        cast(freedom as double) as freedom,
        cast(p_value as double) as p_value,
        cast(adjusted_p_value as double) as adjusted_p_value,
        cast(detectable as double) as detectable_value,
        cast(verdict as varchar) as verdict,
        cast(refusal as varchar) as refusal
    from {{ source('statistics', 'handovers') }}

),

published as (

    select kpi_id
    from {{ ref('kpi_publication') }}
    where is_published and not is_withheld and left_out_from_date is null

)

select
    handovers.kpi_id,
    handovers.question,
    handovers.part_id,
    handovers.change_count,
    handovers.same_site_count,
    handovers.dropped_count,
    handovers.estimate_value,
    handovers.low_value,
    handovers.high_value,
    handovers.freedom,
    handovers.p_value,
    handovers.adjusted_p_value,
    handovers.detectable_value,
    handovers.verdict,
    handovers.refusal
from handovers
inner join published on handovers.kpi_id = published.kpi_id
