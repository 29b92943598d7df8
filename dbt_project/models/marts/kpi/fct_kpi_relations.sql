-- Grain: one row per question and pair of KPIs that somebody has a reason to ask about.
-- Which KPIs say the same, pull against each other or run ahead of each other, so that a catalogue
-- is thinned, a goal conflict is seen and a leading KPI shows that it leads: evidence, never a
-- cause. Computed by orchestration/governance/relations.py from weeks of the whole company. Two
-- KPIs that are computed from one measure move together by arithmetic, and the row says so.
with

relations as (

    -- Where nothing is related the columns have no type of their own.
    select
        cast(question as varchar) as question,
        cast(first_kpi_id as varchar) as first_kpi_id,
        cast(second_kpi_id as varchar) as second_kpi_id,
        cast(test_method as varchar) as test_method,
        cast(week_count as bigint) as week_count,
        cast(lag_weeks as bigint) as lag_weeks,
        cast(correlation_coefficient as double) as correlation_coefficient,
        cast(low_value as double) as low_value,
        cast(high_value as double) as high_value,
        cast(p_value as double) as p_value,
        cast(adjusted_p_value as double) as adjusted_p_value,
        cast(lift as double) as forecast_lift,
        cast(first_variance_inflation as double) as first_variance_inflation,
        cast(second_variance_inflation as double) as second_variance_inflation,
        cast(is_leading as boolean) as is_declared_lead,
        cast(verdict as varchar) as verdict,
        cast(refusal as varchar) as refusal
    from {{ source('statistics', 'kpi_relations') }}

),

published as (

    select kpi_id
    from {{ ref('kpi_publication') }}
    where is_published and not is_withheld and left_out_from_date is null

),

terms as (

    select
        kpi_id,
        measure_id
    from {{ source('registry', 'kpi_terms') }}
    where measure_id is not null

),

shared as (

    select distinct
        ours.kpi_id as first_kpi_id,
        theirs.kpi_id as second_kpi_id
    from terms as ours
    inner join terms as theirs on ours.measure_id = theirs.measure_id

)

select
    relations.question,
    relations.first_kpi_id,
    relations.second_kpi_id,
    relations.test_method,
    relations.week_count,
    relations.lag_weeks,
    relations.correlation_coefficient,
    relations.low_value,
    relations.high_value,
    relations.p_value,
    relations.adjusted_p_value,
    relations.forecast_lift,
    relations.first_variance_inflation,
    relations.second_variance_inflation,
    relations.is_declared_lead,
    shared.first_kpi_id is not null as shares_measure,
    relations.verdict,
    relations.refusal
from relations
inner join published on relations.first_kpi_id = published.kpi_id
inner join published as second_published on relations.second_kpi_id = second_published.kpi_id
left join shared
    on
        relations.first_kpi_id = shared.first_kpi_id
        and relations.second_kpi_id = shared.second_kpi_id
