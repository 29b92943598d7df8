-- Grain: one row per goal, site or company of its unit, and final month of its period.
-- How the goal stands, and the log of when volatility let its floor stand in for the target: with
-- what evidence, since when and until when. Computed by orchestration/governance/goals.py. A KPI
-- whose present logic is not approved has none.
with

standings as (

    -- Where there is no goal the columns have no type of their own.
    select
        cast(goal_id as varchar) as goal_id,
        cast(entity_kind as varchar) as entity_kind,
        cast(entity_id as varchar) as entity_id,
        cast(kpi_id as varchar) as kpi_id,
        cast(period_start_date as date) as period_start_date,
        cast(own_value as double) as own_value,
        cast(floor_level as double) as floor_level,
        cast(target_level as double) as target_level,
        cast(stretch_level as double) as stretch_level,
        cast(spread_ratio as double) as spread_ratio,
        cast(p_value as double) as p_value,
        cast(recent_count as bigint) as recent_count,
        cast(before_count as bigint) as before_count,
        cast(is_volatile as boolean) as is_volatile,
        cast(scored_against as varchar) as scored_against,
        cast(fallback_from_date as date) as fallback_from_date,
        cast(fallback_until_date as date) as fallback_until_date,
        cast(score as double) as score,
        cast(refusal as varchar) as refusal
    from {{ source('statistics', 'goal_scores') }}

),

published as (

    select kpi_id
    from {{ ref('kpi_publication') }}
    where is_published and not is_withheld and left_out_from_date is null

)

select
    standings.goal_id,
    standings.entity_kind,
    standings.entity_id,
    standings.kpi_id,
    standings.period_start_date,
    standings.own_value,
    standings.floor_level,
    standings.target_level,
    standings.stretch_level,
    standings.spread_ratio,
    standings.p_value,
    standings.recent_count,
    standings.before_count,
    standings.is_volatile,
    standings.scored_against,
    standings.fallback_from_date,
    standings.fallback_until_date,
    standings.score,
    standings.refusal
from standings
inner join published on standings.kpi_id = published.kpi_id
