-- Grain: one row per entity, leader and interval of days in which the leader led the entity,
-- directly or through a unit above it.
-- Somebody who leads a unit and acts for the unit above it leads the entity once, not twice:
-- intervals that meet are one.
with

entities as (

    select
        equipment_level as entity_kind,
        case equipment_level when 'site' then site_id else equipment_id end as entity_id,
        org_unit_id,
        valid_from,
        valid_to
    from {{ ref('dim_equipment') }}
    where org_unit_id is not null

    union all

    select
        'org_unit' as entity_kind,
        org_unit_id as entity_id,
        org_unit_id,
        cast('0001-01-01' as date) as valid_from,
        {{ open_end() }} as valid_to
    from {{ ref('dim_org_units') }}
    group by org_unit_id

),

closure as (

    select
        org_unit_id,
        ancestor_id,
        valid_from,
        valid_to
    from {{ ref('int_org__closure') }}

),

leadership as (

    select
        leader_id,
        org_unit_id,
        valid_from,
        valid_to
    from {{ ref('bridge_leadership') }}

),

led as (

    select
        entities.entity_kind,
        entities.entity_id,
        leadership.leader_id,
        greatest(
            entities.valid_from, closure.valid_from, leadership.valid_from
        ) as valid_from,
        least(entities.valid_to, closure.valid_to, leadership.valid_to) as valid_to
    from entities
    inner join closure on entities.org_unit_id = closure.org_unit_id
    inner join leadership on closure.ancestor_id = leadership.org_unit_id

),

marked as (

    select
        entity_kind,
        entity_id,
        leader_id,
        valid_from,
        valid_to,
        coalesce(
            max(valid_to) over (
                partition by entity_kind, entity_id, leader_id
                order by valid_from, valid_to
                rows between unbounded preceding and 1 preceding
            ) >= {{ add_days('valid_from', -1) }},
            false
        ) as is_joined
    from led
    where valid_from <= valid_to

),

numbered as (

    select
        entity_kind,
        entity_id,
        leader_id,
        valid_from,
        valid_to,
        sum(case when is_joined then 0 else 1 end) over (
            partition by entity_kind, entity_id, leader_id
            order by valid_from, valid_to
            rows between unbounded preceding and current row
        ) as interval_no
    from marked

)

select
    entity_kind,
    entity_id,
    leader_id,
    min(valid_from) as valid_from,
    max(valid_to) as valid_to
from numbered
group by entity_kind, entity_id, leader_id, interval_no
