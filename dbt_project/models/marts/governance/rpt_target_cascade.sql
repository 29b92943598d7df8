-- Grain: one row per KPI, org unit and period with a target, if units below it are measured.
-- Whether the targets of the parts deliver the target of the whole: the level that the unit reaches
-- if every unit below just meets its target, weighted by the denominators of the last twelve months
-- (as of a ratio, the whole is the ratio of sums and no mean of the parts). The parts are the
-- nearest units below that the KPI measures: of OEE the lines of a site, whatever area they are in.
-- A KPI without a denominator has no such mean, and is not here.
with

steps as (

    select
        kpi_id,
        org_unit_id,
        label_kind,
        label_start_date,
        cast(target_level as decimal(26, 8)) as target_level
    from {{ ref('int_targets__history') }}
    where step_no = step_count

),

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

below as (

    select
        closure.ancestor_id,
        closure.org_unit_id
    from {{ ref('int_org__closure') }} as closure
    inner join parameters
        on
            closure.valid_from <= parameters.as_of_date
            and closure.valid_to >= parameters.as_of_date
    where closure.steps > 0

),

kpis as (

    select
        kpi_id,
        case direction when 'higher' then 1 when 'lower' then -1 end as better_sign
    from {{ source('registry', 'kpis') }}

),

places as (

    select
        places.entity_kind,
        places.entity_id,
        places.org_unit_id
    from {{ ref('bridge_entity_units') }} as places
    inner join parameters
        on
            places.valid_from <= parameters.as_of_date
            and places.valid_to >= parameters.as_of_date
    where places.entity_kind in ('enterprise', 'site', 'line', 'org_unit')

),

readings as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_end_date,
        denominator
    from {{ ref('fct_kpi_readings') }}
    where period_kind = 'month' and denominator > 0

),

-- A site is an org unit as well: where a KPI is read for both, both are the same weight.
weights as (

    select
        readings.kpi_id,
        places.entity_kind,
        places.org_unit_id,
        sum(readings.denominator) as weight
    from readings
    inner join parameters
        on
            readings.period_end_date > {{ add_days('parameters.as_of_date', -365) }}
            and readings.period_end_date <= parameters.as_of_date
    inner join places
        on
            readings.entity_kind = places.entity_kind
            and readings.entity_id = places.entity_id
    group by readings.kpi_id, places.entity_kind, places.org_unit_id

),

measured as (

    select
        kpi_id,
        org_unit_id,
        max(weight) as weight
    from weights
    group by kpi_id, org_unit_id

),

-- Units with another one in between that the KPI measures.
farther as (

    select distinct
        measured.kpi_id,
        upper_part.ancestor_id,
        lower_part.org_unit_id
    from measured
    inner join below as upper_part on measured.org_unit_id = upper_part.org_unit_id
    inner join below as lower_part on measured.org_unit_id = lower_part.ancestor_id

),

parts as (

    select
        steps.kpi_id,
        steps.org_unit_id,
        steps.label_kind,
        steps.label_start_date,
        steps.target_level,
        below.org_unit_id as part_id,
        measured.weight,
        part_steps.target_level as part_level
    from steps
    inner join below on steps.org_unit_id = below.ancestor_id
    inner join measured
        on
            steps.kpi_id = measured.kpi_id
            and below.org_unit_id = measured.org_unit_id
    left join farther
        on
            steps.kpi_id = farther.kpi_id
            and steps.org_unit_id = farther.ancestor_id
            and below.org_unit_id = farther.org_unit_id
    left join steps as part_steps
        on
            steps.kpi_id = part_steps.kpi_id
            and below.org_unit_id = part_steps.org_unit_id
            and steps.label_kind = part_steps.label_kind
            and steps.label_start_date = part_steps.label_start_date
    where farther.kpi_id is null

),

-- Shares are decimal, so that their sums are the same in every order.
shares as (

    select
        kpi_id,
        org_unit_id,
        label_kind,
        label_start_date,
        target_level,
        part_id,
        part_level,
        cast(
            round(
                cast(weight as double) / cast(
                    sum(weight) over (
                        partition by kpi_id, org_unit_id, label_kind, label_start_date
                    ) as double
                ),
                10
            ) as decimal(12, 10)
        ) as weight_share
    from parts

),

cascades as (

    select
        kpi_id,
        org_unit_id,
        label_kind,
        label_start_date,
        cast(target_level as double) as target_level,
        count(*) as part_count,
        count(part_level) as targeted_part_count,
        {{ joined('part_id', 'part_id') }} filter (where part_level is null)
            as untargeted_part_ids,
        sum(case when part_level is not null then weight_share else 0 end) as targeted_weight_share,
        cast(sum(part_level * weight_share) as double)
        / cast(sum(case when part_level is not null then weight_share end) as double)
            as parts_level
    from shares
    group by kpi_id, org_unit_id, label_kind, label_start_date, target_level

)

select
    cascades.kpi_id,
    cascades.org_unit_id,
    cascades.label_kind,
    cascades.label_start_date,
    cascades.target_level,
    cascades.part_count,
    cascades.targeted_part_count,
    cascades.untargeted_part_ids,
    round(cast(cascades.targeted_weight_share as double), 6) as targeted_weight_share,
    round(cascades.parts_level, 10) as parts_level,
    round(kpis.better_sign * (cascades.parts_level - cascades.target_level), 10)
        as parts_better_by,
    case
        when cascades.targeted_part_count = 0 then 'no_part_has_a_target'
        when kpis.better_sign is null then 'no_direction'
        -- Levels are agreed to a few digits: a millionth of the level is no gap.
        when
            kpis.better_sign * (cascades.parts_level - cascades.target_level)
            < -1e-6 * abs(cascades.target_level) then 'falls_short'
        when cascades.targeted_part_count < cascades.part_count then 'parts_without_target'
        else 'delivers'
    end as verdict
from cascades
inner join kpis on cascades.kpi_id = kpis.kpi_id
