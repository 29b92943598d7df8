{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    on_schema_change='fail',
    unique_key=['period_kind', 'period_start_date'],
    meta={'touched_by': 'int_touched__periods'}
) }}
-- Grain: one row per KPI, entity and period that the KPI's file expects.
-- A ratio of sums, or a product of such ratios, with its parts, how final it is and how far it can
-- be trusted, as far as deliveries alone say. The formula is the register's: this model joins terms
-- to sums and knows no KPI by name. What people decided about a reading is laid over it later, at
-- every run anew, so no act and no day on which one expires touches this table.
with

expected as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        period_end_date,
        is_part_of_period
    from {{ ref('int_readings__expected') }}

),

kpis as (

    select
        kpi_id,
        unit,
        multiplier,
        factor_count,
        has_denominator,
        has_trials,
        absent_numerator_is_zero,
        absent_denominator_is_zero,
        minimum_denominator,
        not_computable_reason,
        definition_version,
        definition_hash
    from {{ source('registry', 'kpis') }}

),

terms as (

    select
        kpi_id,
        factor,
        role,
        measure_id,
        coefficient,
        constant
    from {{ source('registry', 'kpi_terms') }}

),

constants as (

    select
        kpi_id,
        factor,
        sum(coefficient * constant) filter (where role = 'numerator') as numerator,
        sum(coefficient * constant) filter (where role = 'denominator') as denominator
    from terms
    where constant is not null
    group by kpi_id, factor

),

components as (

    select
        components.measure_id,
        components.entity_kind,
        components.entity_id,
        components.period_kind,
        components.period_start_date,
        components.component_value,
        components.observations,
        components.last_delivery_date
    from {{ ref('fct_reading_components') }} as components
    inner join {{ ref('int_touched__periods') }} as touched
        on
            components.period_kind = touched.period_kind
            and components.period_start_date = touched.period_start_date

),

factor_sums as (

    select
        terms.kpi_id,
        terms.factor,
        components.entity_kind,
        components.entity_id,
        components.period_kind,
        components.period_start_date,
        sum(terms.coefficient * components.component_value) filter (
            where terms.role = 'numerator'
        ) as numerator,
        sum(terms.coefficient * components.component_value) filter (
            where terms.role = 'denominator'
        ) as denominator,
        sum(terms.coefficient * components.component_value) filter (
            where terms.role = 'trials'
        ) as trials,
        max(components.observations) filter (where terms.role <> 'trials') as observations,
        max(components.last_delivery_date) as last_delivery_date
    from terms
    inner join components on terms.measure_id = components.measure_id
    group by
        terms.kpi_id,
        terms.factor,
        components.entity_kind,
        components.entity_id,
        components.period_kind,
        components.period_start_date

),

-- What was never measured counts as nothing only where the KPI says so; constants come once,
-- after the sums.
ratios as (

    select
        factor_sums.kpi_id,
        factor_sums.factor,
        factor_sums.entity_kind,
        factor_sums.entity_id,
        factor_sums.period_kind,
        factor_sums.period_start_date,
        kpis.factor_count,
        case
            when kpis.absent_numerator_is_zero and factor_sums.denominator is not null
                then coalesce(factor_sums.numerator, 0)
            else factor_sums.numerator
        end + coalesce(constants.numerator, 0) as numerator,
        case
            when kpis.absent_denominator_is_zero and factor_sums.numerator is not null
                then coalesce(factor_sums.denominator, 0)
            else factor_sums.denominator
        end + coalesce(constants.denominator, 0) as denominator,
        factor_sums.trials,
        factor_sums.observations,
        factor_sums.last_delivery_date
    from factor_sums
    inner join kpis on factor_sums.kpi_id = kpis.kpi_id
    left join constants
        on
            factor_sums.kpi_id = constants.kpi_id
            and factor_sums.factor = constants.factor

),

sums as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        {{ product_of_factors('numerator') }} as numerator,
        {{ product_of_factors('denominator') }} as denominator,
        max(trials) as trials,
        max(observations) as observations,
        max(last_delivery_date) as last_delivery_date
    from ratios
    group by
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date

),

inputs as (

    select
        kpi_id,
        latency_days,
        first_accepted_date,
        never_delivered_feeds,
        blocked_feeds,
        blocked_from_date,
        late_feeds,
        late_from_date
    from {{ ref('int_kpis__inputs') }}

),

gaps as (

    select
        kpi_id,
        period_kind,
        period_start_date,
        'Refused and not replaced: '
        || max(gap_text) filter (where gap_kind = 'refused') || '.' as refused_text,
        'Missing: ' || max(gap_text) filter (where gap_kind = 'missing') || '.' as missing_text
    from {{ ref('int_kpis__gaps') }}
    group by kpi_id, period_kind, period_start_date

),

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

assembled as (

    select
        expected.kpi_id,
        expected.entity_kind,
        expected.entity_id,
        expected.period_kind,
        expected.period_start_date,
        expected.period_end_date,
        expected.is_part_of_period,
        kpis.unit,
        kpis.multiplier,
        kpis.has_denominator,
        kpis.minimum_denominator,
        kpis.not_computable_reason as declared_reason,
        kpis.definition_version,
        kpis.definition_hash,
        sums.numerator,
        sums.denominator,
        case
            when kpis.has_trials then coalesce(sums.trials, 0)
            else sums.observations
        end as n,
        sums.last_delivery_date,
        inputs.never_delivered_feeds,
        case
            when expected.period_end_date >= inputs.blocked_from_date then inputs.blocked_feeds
        end as blocked_feeds,
        case when expected.period_end_date >= inputs.late_from_date then inputs.late_feeds end
            as late_feeds,
        {{ add_days('expected.period_end_date', 'inputs.latency_days') }} as final_on_date,
        gaps.refused_text,
        gaps.missing_text,
        inputs.first_accepted_date,
        parameters.as_of_date
    from expected
    cross join parameters
    inner join kpis on expected.kpi_id = kpis.kpi_id
    inner join inputs on expected.kpi_id = inputs.kpi_id
    left join gaps
        on
            expected.kpi_id = gaps.kpi_id
            and expected.period_kind = gaps.period_kind
            and expected.period_start_date = gaps.period_start_date
    left join sums
        on
            expected.kpi_id = sums.kpi_id
            and expected.entity_kind = sums.entity_kind
            and expected.entity_id = sums.entity_id
            and expected.period_kind = sums.period_kind
            and expected.period_start_date = sums.period_start_date

),

explained as (

    select
        *,
        case
            when never_delivered_feeds is not null
                then 'Never delivered: ' || never_delivered_feeds || '.'
            when declared_reason is not null then declared_reason
            when
                numerator is null
                and (denominator is null or not has_denominator)
                and is_part_of_period
                then
                    'Nothing measured for this part of the period; a figure that exists only '
                    || 'for the whole period is not split.'
            when numerator is null and (denominator is null or not has_denominator)
                then 'Nothing measured in this period.'
            when numerator is null then 'No numerator: its measures have no rows in this period.'
            when has_denominator and denominator is null
                then 'No denominator: its measures have no rows in this period.'
            when has_denominator and denominator = 0 then 'The denominator is zero.'
            when denominator < minimum_denominator
                then 'Too little exposure: a rate of so few would be noise.'
        end as not_computable_reason
    from assembled

)

select
    kpi_id,
    entity_kind,
    entity_id,
    period_kind,
    period_start_date,
    period_end_date,
    unit,
    cast(numerator as decimal(38, 6)) as numerator,
    cast(denominator as decimal(38, 6)) as denominator,
    cast(round(n) as bigint) as n,
    case
        when not_computable_reason is null and has_denominator
            then round(
                cast(numerator as double)
                * cast(multiplier as double)
                / cast(denominator as double),
                10
            )
        when not_computable_reason is null
            then round(cast(numerator as double) * cast(multiplier as double), 10)
    end as reading_value,
    case
        when final_on_date >= as_of_date then 'provisional'
        when last_delivery_date > greatest(final_on_date, first_accepted_date) then 'restated'
        else 'final'
    end as finality,
    case
        when blocked_feeds is not null then 'blocked_input'
        when not_computable_reason is not null then 'not_computable'
        when refused_text is not null then 'blocked_input'
        when late_feeds is not null or missing_text is not null then 'late_input'
        else 'ok'
    end as trust_state,
    case
        when blocked_feeds is not null then 'Refused: ' || blocked_feeds || '.'
        when not_computable_reason is not null
            then
                not_computable_reason
                || coalesce(' ' || refused_text, '')
                || coalesce(' ' || missing_text, '')
        when refused_text is not null then refused_text
        when late_feeds is not null then 'Late: ' || late_feeds || '.'
        else missing_text
    end as trust_reason,
    final_on_date,
    case
        when
            final_on_date < as_of_date
            and last_delivery_date > greatest(final_on_date, first_accepted_date)
            then last_delivery_date
    end as restated_on_date,
    definition_version,
    definition_hash
from explained
