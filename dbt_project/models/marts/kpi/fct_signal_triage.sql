-- Grain: one row per reading of a chart, of the last sixty days, that is a signal or bears traces
-- of an error, and one per feed that stands still (kpi_id *, entity_kind feed).
-- Whether a shift is one of the process or of its data, so that nobody hunts for a cause on the
-- floor that lies in a file, and who looks into it first. Computed by
-- orchestration/governance/triage.py.
with

triage as (

    -- Where nothing is asked the columns have no type of their own.
    select
        cast(kpi_id as varchar) as kpi_id,
        cast(entity_kind as varchar) as entity_kind,
        cast(entity_id as varchar) as entity_id,
        cast(period_kind as varchar) as period_kind,
        cast(period_start_date as date) as period_start_date,
        cast(shift_start_date as date) as shift_start_date,
        cast(shift_end_date as date) as shift_end_date,
        cast(signal_rule as varchar) as signal_rule,
        cast(variation as varchar) as variation,
        cast(shift_sd as double) as shift_sd,
        cast(traces as varchar) as traces,
        cast(factor_name as varchar) as factor_name,
        cast(corroborated_by_kpi_id as varchar) as corroborated_by_kpi_id,
        cast(sibling_count as bigint) as sibling_count,
        cast(sibling_moved_share as double) as sibling_moved_share,
        cast(record_count as bigint) as record_count,
        cast(same_moment_count as bigint) as same_moment_count,
        cast(repeated_count as bigint) as repeated_count,
        cast(more_scrap_count as bigint) as more_scrap_count,
        cast(still_count as bigint) as still_count,
        cast(still_chance as double) as still_chance,
        cast(verdict as varchar) as verdict,
        cast(suspect_feed as varchar) as suspect_feed,
        cast(routed_role as varchar) as routed_role,
        cast(routed_to as varchar) as routed_to,
        cast(refusal as varchar) as refusal
    from {{ source('statistics', 'signal_triage') }}

),

kpis as (

    select
        kpi_id,
        is_published and not is_withheld and left_out_from_date is null as is_shown
    from {{ ref('kpi_publication') }}

)

select
    triage.kpi_id,
    triage.entity_kind,
    triage.entity_id,
    triage.period_kind,
    triage.period_start_date,
    triage.shift_start_date,
    triage.shift_end_date,
    triage.signal_rule,
    triage.variation,
    triage.shift_sd,
    triage.traces,
    triage.factor_name,
    triage.corroborated_by_kpi_id,
    triage.sibling_count,
    triage.sibling_moved_share,
    triage.record_count,
    triage.same_moment_count,
    triage.repeated_count,
    triage.more_scrap_count,
    triage.still_count,
    triage.still_chance,
    triage.verdict,
    triage.suspect_feed,
    triage.routed_role,
    triage.routed_to,
    triage.refusal
from triage
left join kpis on triage.kpi_id = kpis.kpi_id
where coalesce(kpis.is_shown, true)
