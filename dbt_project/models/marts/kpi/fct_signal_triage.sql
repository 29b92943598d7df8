-- Grain: one row per daily reading of a line, of the last sixty days, that its chart flags or that
-- rests on counts which bear traces of an error.
-- Whether a shift is one of the process or of its data, so that nobody hunts for a cause on the
-- floor that lies in a file. Rows that no rule at the door can refuse leave traces in each other: a
-- machine that tells two counts of one moment, the same quantities again in the same order, more
-- scrap than good. What happened is seen by another feed too: a KPI that needs no counts is flagged
-- to the same side, or, for KPIs of machine states, one that needs no states.
with

run as (

    select
        {{ add_days('as_of_date', -60) }} as since_date,
        -- A count is compared with those of the days before.
        {{ add_days('as_of_date', -66) }} as counted_since_date
    from {{ ref('int_run__parameters') }}

),

judged as (

    select
        published.kpi_id,
        published.entity_id as line_id,
        published.period_start_date as production_date,
        published.computed_value,
        published.centre,
        published.signal_rule,
        coalesce(published.signal_side <> 0, false) as is_signal,
        published.variation,
        published.trust_state
    from {{ ref('fct_published_judgements') }} as published
    cross join run
    where
        published.entity_kind = 'line'
        and published.period_kind = 'day'
        and published.computed_value is not null
        and published.period_start_date >= run.since_date
        and not published.is_locked
        and not published.is_withheld

),

kpis as (

    select
        terms.kpi_id,
        max(case when feeds.feed = 'mes_production_counts' then 1 else 0 end) as needs_counts,
        max(case when feeds.feed = 'mes_machine_states' then 1 else 0 end) as needs_states
    from {{ source('registry', 'kpi_terms') }} as terms
    inner join {{ source('registry', 'measure_feeds') }} as feeds
        on terms.measure_id = feeds.measure_id
    group by terms.kpi_id

),

windows as (

    select
        shifts.machine_id,
        shifts.line_id,
        shifts.production_date,
        shifts.date_in_utc,
        shifts.opens_at_utc,
        shifts.closes_at_utc
    from {{ ref('int_work_units__shift_windows') }} as shifts
    cross join run
    where shifts.production_date >= run.since_date

),

recent as (

    select
        counts.event_id,
        counts.machine_id,
        counts.counted_at_utc,
        counts.good_qty,
        counts.scrap_qty,
        counts.rework_qty
    from {{ ref('int_production__counts') }} as counts
    cross join run
    where counts.counted_at_utc >= cast(run.counted_since_date as timestamp)

),

counts as (

    select
        event_id,
        machine_id,
        counted_at_utc,
        good_qty,
        scrap_qty,
        rework_qty,
        count(*) over (
            partition by machine_id, counted_at_utc, good_qty, scrap_qty, rework_qty
        ) as same_moment_count,
        lag(good_qty) over machine as good_qty_before,
        lag(scrap_qty) over machine as scrap_qty_before,
        lag(rework_qty) over machine as rework_qty_before
    from recent
    window machine as (partition by machine_id order by counted_at_utc, event_id)

),

compared as (

    select
        machine_id,
        counted_at_utc,
        good_qty,
        good_qty_before,
        scrap_qty,
        same_moment_count,
        lag(counted_at_utc) over (
            partition by
                machine_id, good_qty, scrap_qty, rework_qty,
                good_qty_before, scrap_qty_before, rework_qty_before
            order by counted_at_utc, event_id
        ) as told_before_at_utc
    from counts

),

line_days as (

    select
        windows.line_id,
        windows.production_date,
        count(*) as record_count,
        sum(case when compared.same_moment_count > 1 then 1 else 0 end) as same_moment_count,
        -- Two counts in a row, each of twenty and more: of the 581,000 counts of the demo company
        -- none come again so within five days that were not planted.
        sum(
            case
                when
                    compared.told_before_at_utc
                    >= cast(
                        {{ add_days('cast(compared.counted_at_utc as date)', -5) }} as timestamp
                    )
                    and compared.good_qty >= 20
                    and compared.good_qty_before >= 20
                    then 1
                else 0
            end
        ) as repeated_count,
        sum(
            case
                when compared.scrap_qty > compared.good_qty and compared.scrap_qty >= 50 then 1
                else 0
            end
        ) as more_scrap_count
    from compared
    inner join windows
        on
            compared.machine_id = windows.machine_id
            and cast(compared.counted_at_utc as date) = windows.date_in_utc
            and compared.counted_at_utc >= windows.opens_at_utc
            and compared.counted_at_utc < windows.closes_at_utc
    group by
        windows.line_id,
        windows.production_date

),

flagged as (

    select
        judged.line_id,
        judged.production_date,
        judged.variation,
        kpis.kpi_id,
        kpis.needs_counts,
        kpis.needs_states
    from judged
    inner join kpis on judged.kpi_id = kpis.kpi_id
    where judged.is_signal

),

seen_elsewhere as (

    select
        kpis.kpi_id,
        flagged.line_id,
        flagged.production_date,
        flagged.variation,
        min(flagged.kpi_id) as corroborated_by_kpi_id
    from kpis
    inner join flagged
        on
            kpis.kpi_id <> flagged.kpi_id
            and (
                (kpis.needs_counts = 1 and flagged.needs_counts = 0)
                or (
                    kpis.needs_counts = 0
                    and kpis.needs_states = 1
                    and flagged.needs_states = 0
                )
            )
    group by
        kpis.kpi_id,
        flagged.line_id,
        flagged.production_date,
        flagged.variation

),

traced as (

    select
        judged.kpi_id,
        judged.line_id,
        judged.production_date,
        judged.computed_value,
        judged.centre,
        judged.is_signal,
        judged.signal_rule,
        judged.variation,
        judged.trust_state,
        case when kpis.needs_counts = 1 then line_days.record_count end as record_count,
        case when kpis.needs_counts = 1 then coalesce(line_days.same_moment_count, 0) else 0 end
            as same_moment_count,
        case when kpis.needs_counts = 1 then coalesce(line_days.repeated_count, 0) else 0 end
            as repeated_count,
        case when kpis.needs_counts = 1 then coalesce(line_days.more_scrap_count, 0) else 0 end
            as more_scrap_count,
        case when judged.is_signal then seen_elsewhere.corroborated_by_kpi_id end
            as corroborated_by_kpi_id
    from judged
    inner join kpis on judged.kpi_id = kpis.kpi_id
    left join line_days
        on
            judged.line_id = line_days.line_id
            and judged.production_date = line_days.production_date
    left join seen_elsewhere
        on
            judged.kpi_id = seen_elsewhere.kpi_id
            and judged.line_id = seen_elsewhere.line_id
            and judged.production_date = seen_elsewhere.production_date
            and judged.variation = seen_elsewhere.variation

)

select
    kpi_id,
    line_id,
    production_date,
    computed_value,
    centre,
    is_signal,
    signal_rule,
    variation,
    trust_state,
    record_count,
    cast(same_moment_count as bigint) as same_moment_count,
    cast(repeated_count as bigint) as repeated_count,
    cast(more_scrap_count as bigint) as more_scrap_count,
    corroborated_by_kpi_id,
    case
        when
            same_moment_count + repeated_count + more_scrap_count > 0
            and corroborated_by_kpi_id is null
            then 'data_error'
        when same_moment_count + repeated_count + more_scrap_count > 0 then 'undecided'
        when corroborated_by_kpi_id is not null then 'real_shift'
        else 'undecided'
    end as verdict
from traced
where is_signal or same_moment_count + repeated_count + more_scrap_count > 0
