-- Grain: one row per KPI, entity and period with a target agreed for its org unit.
-- A site or line takes the target of its org unit; a leader that of the highest unit they led on
-- the period's last day. A narrower period wins over a wider, a later version over an earlier one
-- if it was valid by the end of the period.
with

targets as (

    select
        kpi_id,
        org_unit_id,
        period_label,
        version_no,
        threshold_level,
        target_level,
        stretch_level,
        valid_from
    from {{ ref('stg_leadership__kpi_targets') }}

),

grains as (

    select
        kpi_id,
        entity_kind,
        period_kind
    from {{ source('registry', 'kpi_grains') }}

),

periods as (

    select
        period_kind,
        period_start_date,
        period_end_date,
        elapsed_end_date,
        period_label,
        -- Only periods that a wider one holds: a quarter takes no target from its first month.
        case
            when period_kind in ('day', 'week')
                then {{ period_label("'month'", 'period_start_date') }}
        end as month_label,
        case
            when period_kind in ('day', 'week', 'month')
                then {{ period_label("'quarter'", 'period_start_date') }}
        end as quarter_label,
        {{ period_label("'year'", 'period_start_date') }} as year_label
    from {{ ref('dim_periods') }}

),

depth as (

    select
        org_unit_id,
        valid_from,
        valid_to,
        max(steps) as levels_above
    from {{ ref('int_org__closure') }}
    group by org_unit_id, valid_from, valid_to

),

leadership as (

    select
        leadership.leader_id,
        leadership.org_unit_id,
        leadership.valid_from,
        leadership.valid_to,
        min(depth.levels_above) as levels_above
    from {{ ref('bridge_leadership') }} as leadership
    inner join depth
        on
            leadership.org_unit_id = depth.org_unit_id
            and leadership.valid_from <= depth.valid_to
            and leadership.valid_to >= depth.valid_from
    group by
        leadership.leader_id,
        leadership.org_unit_id,
        leadership.valid_from,
        leadership.valid_to

),

entity_units as (

    select
        equipment_level as entity_kind,
        case equipment_level when 'site' then site_id else equipment_id end as entity_id,
        org_unit_id,
        valid_from,
        valid_to,
        0 as levels_above
    from {{ ref('dim_equipment') }}
    where equipment_level in ('site', 'line') and org_unit_id is not null

    union all

    select
        'org_unit' as entity_kind,
        org_unit_id as entity_id,
        org_unit_id,
        cast('0001-01-01' as date) as valid_from,
        {{ open_end() }} as valid_to,
        0 as levels_above
    from {{ ref('dim_org_units') }}
    group by org_unit_id

    union all

    select
        'leader' as entity_kind,
        leader_id as entity_id,
        org_unit_id,
        valid_from,
        valid_to,
        levels_above
    from leadership

),

candidates as (

    select
        targets.kpi_id,
        entity_units.entity_kind,
        entity_units.entity_id,
        periods.period_kind,
        periods.period_start_date,
        targets.threshold_level,
        targets.target_level,
        targets.stretch_level,
        targets.version_no,
        row_number() over (
            partition by
                targets.kpi_id,
                entity_units.entity_kind,
                entity_units.entity_id,
                periods.period_kind,
                periods.period_start_date
            order by
                entity_units.levels_above asc,
                entity_units.org_unit_id asc,
                case targets.period_label
                    when periods.period_label then 1
                    when periods.month_label then 2
                    when periods.quarter_label then 3
                    else 4
                end asc,
                targets.version_no desc
        ) as precedence
    from targets
    inner join entity_units on targets.org_unit_id = entity_units.org_unit_id
    inner join grains
        on targets.kpi_id = grains.kpi_id and entity_units.entity_kind = grains.entity_kind
    inner join periods
        on
            grains.period_kind = periods.period_kind
            and targets.period_label in (
                periods.period_label,
                periods.year_label,
                periods.quarter_label,
                periods.month_label
            )
            and targets.valid_from <= periods.period_end_date
            and periods.elapsed_end_date between entity_units.valid_from and entity_units.valid_to

)

select
    kpi_id,
    entity_kind,
    entity_id,
    period_kind,
    period_start_date,
    threshold_level,
    target_level,
    stretch_level,
    version_no as target_version
from candidates
where precedence = 1
