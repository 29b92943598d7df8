-- Grain: one row per entity and interval of days in which it existed.
-- Unlike `dim_entities`, which gives the first and last day, it leaves out the time between: a
-- leader without a post has no readings. Intervals of a leader that meet are one.
with

equipment as (

    select
        equipment_level as entity_kind,
        equipment_id as entity_id,
        valid_from,
        valid_to
    from {{ ref('dim_equipment') }}
    where equipment_level in ('line', 'work_unit')

),

org_units as (

    select
        org_unit_id,
        valid_from,
        valid_to
    from {{ ref('dim_org_units') }}

),

leaders as (

    select distinct
        leader_id,
        valid_from,
        valid_to
    from {{ ref('int_entities__led') }}
    where entity_kind = 'org_unit'

),

others as (

    select
        entity_kind,
        entity_id,
        valid_from,
        valid_to
    from {{ ref('dim_entities') }}
    where entity_kind not in ('line', 'work_unit', 'org_unit', 'leader')

)

select
    entity_kind,
    entity_id,
    valid_from,
    valid_to
from equipment

union all

select
    'org_unit' as entity_kind,
    org_unit_id as entity_id,
    valid_from,
    valid_to
from org_units

union all

select
    'leader' as entity_kind,
    leader_id as entity_id,
    valid_from,
    valid_to
from leaders

union all

select
    entity_kind,
    entity_id,
    valid_from,
    valid_to
from others
