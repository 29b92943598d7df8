-- Grain: one row per control chart with three signals or more among its last twelve readings.
-- Where its frozen baseline no longer holds: the newest level of the process, since when, how sure
-- that is, and the signals that limits drawn from it would leave. A proposal: the act chart.rebase
-- decides. Computed by orchestration/governance/chart_review.py.
with

proposed as (

    -- Where nothing is found the columns have no type of their own.
    select
        cast(kpi_id as varchar) as kpi_id,
        cast(entity_kind as varchar) as entity_kind,
        cast(entity_id as varchar) as entity_id,
        cast(period_kind as varchar) as period_kind,
        cast(verdict as varchar) as verdict,
        cast(proposed_from_date as date) as proposed_from_date,
        cast(earliest_from_date as date) as earliest_from_date,
        cast(latest_from_date as date) as latest_from_date,
        cast(value_before as double) as value_before,
        cast(value_after as double) as value_after,
        cast(n_after as bigint) as n_after,
        cast(bic_gain as double) as bic_gain,
        cast(break_autocorrelation as double) as break_autocorrelation,
        cast(p_value as double) as p_value,
        cast(adjusted_p_value as double) as adjusted_p_value,
        cast(flag_count_since as bigint) as flag_count_since,
        cast(flag_count_if_rebased as bigint) as flag_count_if_rebased,
        cast(refusal as varchar) as refusal
    from {{ source('statistics', 'rebase_proposals') }}

),

published as (

    select kpi_id
    from {{ ref('kpi_publication') }}
    where is_published and not is_withheld and left_out_from_date is null

)

select
    proposed.kpi_id,
    proposed.entity_kind,
    proposed.entity_id,
    proposed.period_kind,
    proposed.verdict,
    proposed.proposed_from_date,
    proposed.earliest_from_date,
    proposed.latest_from_date,
    proposed.value_before,
    proposed.value_after,
    proposed.n_after,
    proposed.bic_gain,
    proposed.break_autocorrelation,
    proposed.p_value,
    proposed.adjusted_p_value,
    proposed.flag_count_since,
    proposed.flag_count_if_rebased,
    proposed.refusal
from proposed
inner join published on proposed.kpi_id = published.kpi_id
