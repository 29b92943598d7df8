-- Grain: one row per trial, method and part.
-- Whether a change that was tried on some lines did anything, beside what was declared before it
-- began. Computed by orchestration/governance/trials.py. A KPI whose present logic is not approved
-- has none.
with

trials as (

    -- Where nothing is tried the columns have no type of their own.
    select
        cast(trial_id as varchar) as trial_id,
        cast(kpi_id as varchar) as kpi_id,
        cast(method as varchar) as method_code,
        cast(part_id as varchar) as part_id,
        cast(convention as varchar) as convention,
        cast(version as bigint) as method_version,
        cast(n_treated as bigint) as treated_line_count,
        cast(n_compared as bigint) as compared_line_count,
        cast(n as bigint) as reading_count,
        cast(estimate_kind as varchar) as estimate_kind,
        cast(estimate as double) as estimate_value,
        cast(low_value as double) as low_value,
        cast(high_value as double) as high_value,
        cast(freedom as double) as freedom,
        cast(p_value as double) as p_value,
        cast(power as double) as power,
        cast(verdict as varchar) as verdict,
        cast(refusal as varchar) as refusal
    from {{ source('statistics', 'trials') }}

),

published as (

    select kpi_id
    from {{ ref('kpi_publication') }}
    where is_published and not is_withheld and left_out_from_date is null

)

select
    trials.trial_id,
    trials.kpi_id,
    trials.method_code,
    trials.part_id,
    trials.convention,
    trials.method_version,
    trials.treated_line_count,
    trials.compared_line_count,
    trials.reading_count,
    trials.estimate_kind,
    trials.estimate_value,
    trials.low_value,
    trials.high_value,
    trials.freedom,
    trials.p_value,
    trials.power,
    trials.verdict,
    trials.refusal
from trials
inner join published on trials.kpi_id = published.kpi_id
