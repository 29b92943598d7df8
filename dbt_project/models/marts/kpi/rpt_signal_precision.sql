{{ config(materialized='view') }}
-- Grain: one row per KPI, set of rules and rule whose signals somebody has said something of, with
-- rule none for readings that no rule flagged and that are said to be a real change all the same.
-- How often an alarm was one, in the judgement of those who looked: the 95 % interval is Wilson's.
-- What people label is not drawn at random, so the share speaks for the labelled signals alone.
with

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

labels as (

    select
        signals.kpi_id,
        signals.entity_kind,
        signals.entity_id,
        signals.label,
        {{ period_kind_of('signals.period') }} as period_kind,
        {{ period_start_of('signals.period') }} as period_start_date
    from {{ ref('reg_signal') }} as signals
    cross join parameters
    where
        signals.recorded_to_utc is null
        and parameters.as_of_date between signals.valid_from and signals.valid_to

),

judged as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        rule_set,
        coalesce(signal_rule, 'none') as signal_rule
    from {{ ref('fct_kpi_judgements') }}
    where rule_set is not null

),

counted as (

    select
        judged.kpi_id,
        judged.rule_set,
        judged.signal_rule,
        count(labels.label) as labelled_count,
        count(case when labels.label = 'real' then 1 end) as real_count,
        count(case when labels.label = 'data_error' then 1 end) as data_error_count,
        count(case when labels.label = 'noise' then 1 end) as noise_count,
        count(*) as reading_count
    from judged
    left join labels
        on
            judged.kpi_id = labels.kpi_id
            and judged.entity_kind = labels.entity_kind
            and judged.entity_id = labels.entity_id
            and judged.period_kind = labels.period_kind
            and judged.period_start_date = labels.period_start_date
    group by judged.kpi_id, judged.rule_set, judged.signal_rule

),

shares as (

    select
        kpi_id,
        rule_set,
        signal_rule,
        reading_count,
        labelled_count,
        real_count,
        data_error_count,
        noise_count,
        cast(labelled_count as double) as n,
        cast(labelled_count - noise_count as double) / cast(labelled_count as double) as good_share,
        1.959963985 as z
    from counted
    where labelled_count > 0

)

select
    kpi_id,
    rule_set,
    signal_rule,
    case when signal_rule <> 'none' then reading_count end as signal_count,
    labelled_count,
    real_count,
    data_error_count,
    noise_count,
    case when signal_rule <> 'none' then round(good_share, 10) end as precision_share,
    case
        when signal_rule <> 'none'
            then round(
                (
                    good_share + z * z / (2 * n)
                    - z * sqrt(good_share * (1 - good_share) / n + z * z / (4 * n * n))
                ) / (1 + z * z / n),
                10
            )
    end as precision_low,
    case
        when signal_rule <> 'none'
            then round(
                (
                    good_share + z * z / (2 * n)
                    + z * sqrt(good_share * (1 - good_share) / n + z * z / (4 * n * n))
                ) / (1 + z * z / n),
                10
            )
    end as precision_high
from shares
