-- Grain: one row per KPI, counter-KPI that its file names, entity and one of its last three months.
-- Whether a goal is paid for with its guardrail: a KPI gets better beyond chance while what must
-- not suffer from it gets worse beyond chance, at one place and in one month. No cause by itself:
-- what follows is a question to whoever set the two goals. That both are flagged in one month is
-- not enough, as flags last: on the demo company, which plants nothing of the kind, 6 in 1,000 rows
-- were, no more than with the lines of the guardrail dealt out anew. The guardrail must have begun
-- to worsen in the month in which the KPI began to improve, or in the next (2 in 1,000).
with

months as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_start_date,
        variation,
        lag(variation) over (
            partition by kpi_id, entity_kind, entity_id order by period_start_date
        ) as earlier_variation,
        row_number() over (
            partition by kpi_id, entity_kind, entity_id order by period_start_date desc
        ) as month_no
    from {{ ref('fct_published_judgements') }}
    where
        period_kind = 'month'
        and entity_kind in ('site', 'line', 'enterprise')
        and finality <> 'provisional'
        and computed_value is not null
        and not is_withheld
        -- What was not judged is not held.
        and coalesce(band, 'none') <> 'not_judged'

),

judged as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_start_date,
        variation,
        month_no,
        max(
            case
                when earlier_variation is null or earlier_variation <> variation
                    then period_start_date
            end
        ) over (
            partition by kpi_id, entity_kind, entity_id
            order by period_start_date
            rows between unbounded preceding and current row
        ) as since_date
    from months

),

shown as (

    select kpi_id
    from {{ ref('kpi_publication') }}
    where is_published and not is_withheld and left_out_from_date is null

),

counters as (

    select
        counters.kpi_id,
        counters.counter_kpi_id
    from {{ source('registry', 'kpi_counters') }} as counters
    inner join shown on counters.kpi_id = shown.kpi_id
    inner join shown as shown_counters on counters.counter_kpi_id = shown_counters.kpi_id

)

select
    counters.kpi_id,
    counters.counter_kpi_id,
    judged.entity_kind,
    judged.entity_id,
    judged.period_start_date,
    judged.variation,
    judged.since_date,
    guards.variation as counter_variation,
    guards.since_date as counter_since_date,
    case
        when
            judged.variation = 'special_cause_improving'
            and guards.variation = 'special_cause_deteriorating'
            and guards.since_date >= judged.since_date
            and guards.since_date <= {{ add_months('judged.since_date', 1) }}
            then 'paid_for'
        when guards.variation = 'special_cause_deteriorating' then 'guardrail_worse'
        else 'held'
    end as verdict
from counters
inner join judged on counters.kpi_id = judged.kpi_id
inner join judged as guards
    on
        counters.counter_kpi_id = guards.kpi_id
        and judged.entity_kind = guards.entity_kind
        and judged.entity_id = guards.entity_id
        and judged.period_start_date = guards.period_start_date
where judged.month_no <= 3
