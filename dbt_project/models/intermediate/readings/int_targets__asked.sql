{{ config(materialized='view') }}
-- Grain: one row per asked or changed target, entity that it is for and final month of the entity.
-- What its impact is simulated from. Asked are acts on targets that wait for consent; changed are
-- those in force whose period has not ended and that moved earlier levels. Where nothing was agreed
-- for the period before, the levels in force in the newest final month stand in.
with

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

waiting as (

    select
        acts.act_seq,
        acts.act_type,
        'waiting' as state_code,
        {{ json_field('acts.act_fields', 'kpi_id', 'varchar') }} as kpi_id,
        {{ json_field('acts.act_fields', 'org_unit_id', 'varchar') }} as org_unit_id,
        {{ json_field('acts.act_fields', 'period', 'varchar') }} as period_label,
        {{ json_field('acts.act_fields', 'threshold', 'decimal(28, 10)') }} as new_threshold_level,
        {{ json_field('acts.act_fields', 'target', 'decimal(28, 10)') }} as new_target_level,
        {{ json_field('acts.act_fields', 'stretch', 'decimal(28, 10)') }} as new_stretch_level,
        cast(null as bigint) as step_no
    from {{ ref('int_acts__fates') }} as fates
    inner join {{ ref('stg_ledger__acts') }} as acts on fates.act_seq = acts.act_seq
    where fates.fate_code = 'waiting' and acts.act_type like 'target.%'

),

steps as (

    select
        kpi_id,
        org_unit_id,
        label_kind,
        label_start_date,
        act_seq,
        threshold_level,
        target_level,
        stretch_level,
        step_no,
        step_count
    from {{ ref('int_targets__history') }}

),

in_force as (

    select distinct
        truths.act_seq,
        truths.act_type,
        'in_force' as state_code,
        truths.kpi_id,
        truths.org_unit_id,
        truths.period as period_label,
        steps.threshold_level as new_threshold_level,
        steps.target_level as new_target_level,
        steps.stretch_level as new_stretch_level,
        steps.step_no
    from {{ ref('reg_target') }} as truths
    cross join parameters
    inner join steps on truths.act_seq = steps.act_seq
    where
        truths.recorded_to_utc is null
        and truths.valid_to >= parameters.as_of_date
        and steps.step_no > 1

),

labelled as (

    select
        *,
        {{ period_kind_of('period_label') }} as label_kind,
        {{ period_start_of('period_label') }} as label_start_date
    from (
        select * from waiting
        union all
        select * from in_force
    ) as asked

),

-- A level is held against those of the step before; what waits comes after the last step.
asked as (

    select
        labelled.act_seq,
        labelled.act_type,
        labelled.state_code,
        labelled.kpi_id,
        labelled.org_unit_id,
        labelled.period_label,
        labelled.label_start_date,
        case labelled.label_kind
            when 'year' then {{ period_end('year', 'labelled.label_start_date') }}
            when 'quarter' then {{ period_end('quarter', 'labelled.label_start_date') }}
            when 'month' then {{ period_end('month', 'labelled.label_start_date') }}
        end as label_end_date,
        labelled.new_threshold_level,
        labelled.new_target_level,
        labelled.new_stretch_level,
        steps.threshold_level as earlier_threshold_level,
        steps.target_level as earlier_target_level,
        steps.stretch_level as earlier_stretch_level
    from labelled
    left join steps
        on
            labelled.kpi_id = steps.kpi_id
            and labelled.org_unit_id = steps.org_unit_id
            and labelled.label_kind = steps.label_kind
            and labelled.label_start_date = steps.label_start_date
            and steps.step_no = coalesce(labelled.step_no - 1, steps.step_count)

),

entity_units as (

    select
        equipment.equipment_level as entity_kind,
        case equipment.equipment_level
            when 'site' then equipment.site_id else equipment.equipment_id
        end as entity_id,
        equipment.org_unit_id
    from {{ ref('dim_equipment') }} as equipment
    cross join parameters
    where
        equipment.equipment_level in ('site', 'line')
        and equipment.org_unit_id is not null
        and parameters.as_of_date between equipment.valid_from and equipment.valid_to

    union all

    select
        'org_unit' as entity_kind,
        org_unit_id as entity_id,
        org_unit_id
    from {{ ref('dim_org_units') }}
    group by org_unit_id

),

entities as (

    select
        asked.*,
        entity_units.entity_kind,
        entity_units.entity_id
    from asked
    cross join parameters
    inner join entity_units on asked.org_unit_id = entity_units.org_unit_id
    where asked.label_end_date >= parameters.as_of_date

),

months as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_start_date,
        computed_value,
        threshold_level,
        target_level,
        stretch_level,
        max(period_start_date) over (partition by kpi_id, entity_kind, entity_id)
            as last_month_date
    from {{ ref('int_judgements__input') }}
    where period_kind = 'month' and finality <> 'provisional'

),

present as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        threshold_level,
        target_level,
        stretch_level
    from months
    where period_start_date = last_month_date

),

kpis as (

    select
        kpi_id,
        direction,
        floor_level
    from {{ source('registry', 'kpis') }}

)

select
    entities.act_seq,
    entities.act_type,
    entities.state_code,
    entities.kpi_id,
    entities.org_unit_id,
    entities.entity_kind,
    entities.entity_id,
    entities.period_label,
    entities.label_start_date,
    entities.label_end_date,
    kpis.direction,
    cast(kpis.floor_level as double) as floor_level,
    case when entities.earlier_target_level is null then 'present' else 'earlier' end
        as old_levels_code,
    {%- for level in ['threshold', 'target', 'stretch'] %}
        case
            when entities.earlier_target_level is null then present.{{ level }}_level
            else cast(entities.earlier_{{ level }}_level as double)
        end as old_{{ level }}_level,
        cast(entities.new_{{ level }}_level as double) as new_{{ level }}_level,
    {%- endfor %}
    months.period_start_date,
    months.computed_value
from entities
inner join kpis on entities.kpi_id = kpis.kpi_id
inner join months
    on
        entities.kpi_id = months.kpi_id
        and entities.entity_kind = months.entity_kind
        and entities.entity_id = months.entity_id
inner join present
    on
        entities.kpi_id = present.kpi_id
        and entities.entity_kind = present.entity_kind
        and entities.entity_id = present.entity_id
