-- Grain: one row per org unit, one of its ancestors (itself included) and interval of days.
-- The tree as it was on every day: each step up keeps only the days on which both ends held.
with recursive

units as (

    select
        org_unit_id,
        parent_id,
        valid_from,
        valid_to
    from {{ ref('dim_org_units') }}

),

closure as (

    select
        org_unit_id,
        org_unit_id as ancestor_id,
        parent_id as next_id,
        valid_from,
        valid_to,
        0 as steps
    from units

    union all

    select
        closure.org_unit_id,
        parents.org_unit_id as ancestor_id,
        parents.parent_id as next_id,
        greatest(closure.valid_from, parents.valid_from) as valid_from,
        least(closure.valid_to, parents.valid_to) as valid_to,
        closure.steps + 1 as steps
    from closure
    inner join units as parents
        on
            closure.next_id = parents.org_unit_id
            and closure.valid_from <= parents.valid_to
            and closure.valid_to >= parents.valid_from
    -- A tree of companies is never this deep: a cycle ends here and fails the test of roots.
    where closure.steps < 20

)

select
    org_unit_id,
    ancestor_id,
    valid_from,
    valid_to,
    steps
from closure
