-- Grain: one row per trial and line under its change, and one per trial with the line *.
-- Whether the declared steps of a change were done, apart from what became of the line since.
-- Computed by orchestration/governance/fidelity.py. A KPI whose present logic is not approved has
-- none.
with

fidelity as (

    -- Where nothing is tried the columns have no type of their own.
    select
        cast(trial_id as varchar) as trial_id,
        cast(kpi_id as varchar) as kpi_id,
        cast(line_id as varchar) as line_id,
        cast(version as bigint) as method_version,
        cast(n_due as bigint) as due_step_count,
        cast(n_in_time as bigint) as step_in_time_count,
        cast(n_done as bigint) as done_step_count,
        cast(fidelity as double) as fidelity_share,
        cast(done as double) as done_share,
        cast(least_fidelity as double) as least_fidelity_share,
        cast(convention as varchar) as convention,
        cast(n_before as bigint) as months_before_count,
        cast(n_after as bigint) as months_after_count,
        cast(estimate_kind as varchar) as estimate_kind,
        cast(estimate as double) as estimate_value,
        cast(low_value as double) as low_value,
        cast(high_value as double) as high_value,
        cast(freedom as double) as freedom,
        cast(p_value as double) as p_value,
        cast(autocorrelation as double) as autocorrelation,
        cast(n_done_better as bigint) as done_and_better_count,
        cast(n_done_not_better as bigint) as done_not_better_count,
        cast(n_not_done_better as bigint) as not_done_better_count,
        cast(n_not_done_not_better as bigint) as not_done_not_better_count,
        cast(n_not_judged as bigint) as not_judged_count,
        cast(verdict as varchar) as verdict,
        cast(refusal as varchar) as refusal
    from {{ source('statistics', 'implementation_fidelity') }}

),

published as (

    select kpi_id
    from {{ ref('kpi_publication') }}
    where is_published and not is_withheld and left_out_from_date is null

)

select
    fidelity.trial_id,
    fidelity.kpi_id,
    fidelity.line_id,
    fidelity.method_version,
    fidelity.due_step_count,
    fidelity.step_in_time_count,
    fidelity.done_step_count,
    fidelity.fidelity_share,
    fidelity.done_share,
    fidelity.least_fidelity_share,
    fidelity.convention,
    fidelity.months_before_count,
    fidelity.months_after_count,
    fidelity.estimate_kind,
    fidelity.estimate_value,
    fidelity.low_value,
    fidelity.high_value,
    fidelity.freedom,
    fidelity.p_value,
    fidelity.autocorrelation,
    fidelity.done_and_better_count,
    fidelity.done_not_better_count,
    fidelity.not_done_better_count,
    fidelity.not_done_not_better_count,
    fidelity.not_judged_count,
    fidelity.verdict,
    fidelity.refusal
from fidelity
inner join published on fidelity.kpi_id = published.kpi_id
