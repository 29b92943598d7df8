-- Grain: one row per entity that a KPI can be read for, with the days on which it existed.
-- The index of what should have readings, so that nothing vanishes silently.
with

sites as (

    select
        site_id,
        site_name,
        enterprise_id
    from {{ ref('dim_sites') }}

),

equipment as (

    select
        equipment_level as entity_kind,
        equipment_id as entity_id,
        max(equipment_name) as entity_name,
        max(site_id) as site_id,
        min(valid_from) as valid_from,
        max(valid_to) as valid_to
    from {{ ref('dim_equipment') }}
    where equipment_level in ('line', 'work_unit')
    group by equipment_level, equipment_id

),

org_units as (

    select
        org_unit_id,
        max(org_unit_name) as org_unit_name,
        max(site_id) as site_id,
        min(valid_from) as valid_from,
        max(valid_to) as valid_to
    from {{ ref('dim_org_units') }}
    group by org_unit_id

),

leaders as (

    select
        leader_id,
        min(valid_from) as valid_from,
        max(valid_to) as valid_to
    from {{ ref('bridge_leadership') }}
    group by leader_id

),

categories as (

    select category_code from {{ ref('dim_products') }}
    union distinct
    select 'UNCLASSIFIED' as category_code

),

reasons as (

    select
        site_id || '/' || reason_code as scrap_reason_id,
        max(reason_text) as reason_text,
        max(site_id) as site_id
    from {{ ref('stg_mes__reason_codes') }}
    where loss_class_code = 'reject'
    group by site_id || '/' || reason_code

),

always as (

    select
        'enterprise' as entity_kind,
        enterprise_id as entity_id,
        enterprise_name as entity_name,
        cast(null as varchar) as site_id
    from {{ source('registry', 'enterprise') }}

    union all

    select
        'site' as entity_kind,
        site_id as entity_id,
        site_name as entity_name,
        site_id
    from sites

    union all

    select
        'product_category' as entity_kind,
        category_code as entity_id,
        category_code as entity_name,
        cast(null as varchar) as site_id
    from categories

    union all

    select
        'scrap_reason' as entity_kind,
        scrap_reason_id as entity_id,
        reason_text as entity_name,
        site_id
    from reasons

)

select
    entity_kind,
    entity_id,
    entity_name,
    site_id,
    cast('0001-01-01' as date) as valid_from,
    {{ open_end() }} as valid_to
from always

union all

select
    entity_kind,
    entity_id,
    entity_name,
    site_id,
    valid_from,
    valid_to
from equipment

union all

-- A supplier is one from its first order on: a new one has no history in which it was silent.
select
    'supplier' as entity_kind,
    supplier_id as entity_id,
    supplier_id as entity_name,
    cast(null as varchar) as site_id,
    min(order_date) as valid_from,
    {{ open_end() }} as valid_to
from {{ ref('stg_erp__purchase_order_lines') }}
group by supplier_id

union all

select
    'org_unit' as entity_kind,
    org_unit_id as entity_id,
    org_unit_name as entity_name,
    site_id,
    valid_from,
    valid_to
from org_units

union all

select
    'leader' as entity_kind,
    leader_id as entity_id,
    leader_id as entity_name,
    cast(null as varchar) as site_id,
    valid_from,
    valid_to
from leaders
