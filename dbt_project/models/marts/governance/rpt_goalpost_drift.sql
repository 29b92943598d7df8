-- Grain: one row per org unit with targets.
-- How far, in which direction and how often its targets were moved after they were first agreed.
-- `drift_ratio` is the mean, over the unit's targets, of how far a target lies from the first one,
-- as a share of it: above zero they became easier, below zero harder. A first target of zero has no
-- share and counts among the moves alone.
with

steps as (

    select
        kpi_id,
        org_unit_id,
        label_kind,
        label_start_date,
        step_no,
        step_count,
        target_level,
        lag(target_level) over (
            partition by kpi_id, org_unit_id, label_kind, label_start_date order by step_no
        ) as previous_level,
        first_value(target_level) over (
            partition by kpi_id, org_unit_id, label_kind, label_start_date order by step_no
        ) as original_level
    from {{ ref('int_targets__history') }}

),

kpis as (

    select
        kpi_id,
        case direction when 'higher' then -1 when 'lower' then 1 end as easier_sign
    from {{ source('registry', 'kpis') }}

),

moves as (

    select
        steps.kpi_id,
        steps.org_unit_id,
        steps.label_kind,
        steps.label_start_date,
        steps.step_no = steps.step_count as is_last,
        steps.step_no > 1 and steps.target_level <> steps.previous_level as is_move,
        kpis.easier_sign * (steps.target_level - steps.previous_level) as easier_by,
        case
            when steps.original_level <> 0
                then cast(
                    round(
                        cast(
                            kpis.easier_sign * (steps.target_level - steps.original_level) as double
                        )
                        / cast(abs(steps.original_level) as double),
                        10
                    ) as decimal(18, 10)
                )
        end as drift
    from steps
    inner join kpis on steps.kpi_id = kpis.kpi_id

),

targets as (

    select
        org_unit_id,
        kpi_id,
        label_kind,
        label_start_date,
        count(*) filter (where is_move) as move_count,
        count(*) filter (where is_move and easier_by > 0) as easier_count,
        count(*) filter (where is_move and easier_by < 0) as harder_count,
        max(drift) filter (where is_last) as drift
    from moves
    group by org_unit_id, kpi_id, label_kind, label_start_date

)

select
    org_unit_id,
    count(*) as target_count,
    count(*) filter (where move_count > 0) as moved_target_count,
    cast(sum(move_count) as bigint) as move_count,
    cast(sum(easier_count) as bigint) as easier_count,
    cast(sum(harder_count) as bigint) as harder_count,
    round(cast(sum(drift) as double) / cast(count(drift) as double), 10) as drift_ratio
from targets
group by org_unit_id
