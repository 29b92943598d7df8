{{ config(materialized='view') }}
-- Grain: one row per goal, site or company of its unit, and final month with a reading.
-- The levels are those that hold on the last day of a month in the goal's period; the months before
-- say how steady the process was. Computed values and not overridden ones.
with

truths as (

    select
        goal_id,
        kpi_id,
        org_unit_id,
        {{ period_kind_of('period') }} as label_kind,
        {{ period_start_of('period') }} as label_start_date,
        cast(floor as double) as floor_level,
        cast(level as double) as target_level,
        cast(stretch as double) as stretch_level,
        valid_from,
        valid_to
    from {{ ref('reg_goal') }}
    where recorded_to_utc is null and state_code = 'open'

),

goals as (

    select distinct
        goal_id,
        kpi_id,
        org_unit_id
    from truths

),

places as (

    select distinct
        places.entity_kind,
        places.entity_id,
        places.org_unit_id
    from {{ ref('bridge_entity_units') }} as places
    cross join {{ ref('int_run__parameters') }} as run
    where
        places.entity_kind in ('site', 'enterprise')
        and run.as_of_date between places.valid_from and places.valid_to

),

months as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        direction,
        period_start_date,
        {{ period_end('month', 'period_start_date') }} as period_end_date,
        computed_value
    from {{ ref('int_judgements__input') }}
    where
        period_kind = 'month'
        and finality <> 'provisional'
        and direction in ('higher', 'lower')

)

select
    goals.goal_id,
    goals.kpi_id,
    months.entity_kind,
    months.entity_id,
    months.direction,
    months.period_start_date,
    months.computed_value,
    truths.floor_level,
    truths.target_level,
    truths.stretch_level,
    rules.window_months,
    rules.baseline_months,
    cast(rules.least_ratio as double) as least_ratio,
    cast(rules.alpha as double) as alpha,
    rules.lasts_months
from goals
inner join places on goals.org_unit_id = places.org_unit_id
inner join months
    on
        goals.kpi_id = months.kpi_id
        and places.entity_kind = months.entity_kind
        and places.entity_id = months.entity_id
left join truths
    on
        goals.goal_id = truths.goal_id
        and goals.kpi_id = truths.kpi_id
        and goals.org_unit_id = truths.org_unit_id
        and months.period_end_date between truths.valid_from and truths.valid_to
        and months.period_start_date >= truths.label_start_date
        and months.period_end_date <= case truths.label_kind
            when 'year' then {{ period_end('year', 'truths.label_start_date') }}
            when 'quarter' then {{ period_end('quarter', 'truths.label_start_date') }}
            when 'month' then {{ period_end('month', 'truths.label_start_date') }}
        end
left join {{ source('registry', 'goal_policy') }} as rules
    on true
