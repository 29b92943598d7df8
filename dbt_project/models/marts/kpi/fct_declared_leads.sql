-- Grain: one row per KPI and KPI that it is declared to run ahead of, in `leading.yml`.
-- Whether the figures bear the declaration out. Unsupported is what was looked for in enough weeks
-- and not found: the pair stays a belief, and weight given to the leading KPI rests on it alone.
-- Untested is what has too few weeks or no weekly figures.
with

declared as (

    select
        leading_kpi_id,
        lagging_kpi_id
    from {{ source('registry', 'kpi_leads') }}

),

relations as (

    select
        first_kpi_id,
        second_kpi_id,
        week_count,
        lag_weeks,
        correlation_coefficient,
        adjusted_p_value,
        forecast_lift,
        verdict,
        refusal
    from {{ ref('fct_kpi_relations') }}
    where question = 'movement'

)

select
    declared.leading_kpi_id,
    declared.lagging_kpi_id,
    relations.week_count,
    relations.lag_weeks,
    relations.correlation_coefficient,
    relations.adjusted_p_value,
    relations.forecast_lift,
    case
        when relations.verdict is null then 'untested'
        when relations.verdict in ('leads', 'conflict') and relations.lag_weeks > 0
            then
                case
                    when relations.first_kpi_id <> declared.leading_kpi_id then 'runs_behind'
                    when relations.verdict = 'conflict' then 'against'
                    else 'supported'
                end
        else 'unsupported'
    end as verdict,
    relations.refusal
from declared
left join relations
    on
        (
            declared.leading_kpi_id = relations.first_kpi_id
            and declared.lagging_kpi_id = relations.second_kpi_id
        )
        or (
            declared.lagging_kpi_id = relations.first_kpi_id
            and declared.leading_kpi_id = relations.second_kpi_id
        )
