-- Grain: one row per kind of behaviour, KPI and months from the one to the other.
-- Whether lines are better after months in which their leaders did more of something, within the
-- leader and beside the other lines of the site: over ten leaders or more, so that it is about no
-- person, and an association, so that it is no proof. The placebo is the same of months after the
-- outcome. Computed by orchestration/governance/behaviours.py. A KPI whose present logic is not
-- approved has none.
with

effects as (

    -- Where no leader agrees the columns have no type of their own.
    select
        cast(behaviour_kind_code as varchar) as behaviour_kind_code,
        cast(kpi_id as varchar) as kpi_id,
        cast(lag_months as bigint) as lag_months,
        cast(n_leaders as bigint) as leader_count,
        cast(n_months as bigint) as month_count,
        cast(n_readings as bigint) as reading_count,
        cast(estimate as double) as estimate_value,
        cast(effect as double) as effect_value,
        cast(low_value as double) as low_value,
        cast(high_value as double) as high_value,
        cast(freedom as double) as freedom,
        cast(p_value as double) as p_value,
        cast(adjusted_p_value as double) as adjusted_p_value,
        cast(detectable as double) as detectable_value,
        cast(placebo as double) as placebo_value,
        cast(low_placebo as double) as low_placebo_value,
        cast(high_placebo as double) as high_placebo_value,
        cast(placebo_p_value as double) as placebo_p_value,
        cast(verdict as varchar) as verdict,
        cast(finding as varchar) as finding,
        cast(refusal as varchar) as refusal
    from {{ source('statistics', 'behaviour_effects') }}

),

published as (

    select kpi_id
    from {{ ref('kpi_publication') }}
    where is_published and not is_withheld and left_out_from_date is null

)

select
    effects.behaviour_kind_code,
    effects.kpi_id,
    effects.lag_months,
    effects.leader_count,
    effects.month_count,
    effects.reading_count,
    effects.estimate_value,
    effects.effect_value,
    effects.low_value,
    effects.high_value,
    effects.freedom,
    effects.p_value,
    effects.adjusted_p_value,
    effects.detectable_value,
    effects.placebo_value,
    effects.low_placebo_value,
    effects.high_placebo_value,
    effects.placebo_p_value,
    effects.verdict,
    effects.finding,
    effects.refusal
from effects
inner join published on effects.kpi_id = published.kpi_id
