-- Grain: one row per KPI of the register: may its figures be published as of the run?
-- Not before it is live, and not where its logic is another than the one that was approved. A KPI
-- about whose life nobody decided anything was in use before acts were kept: it is published as
-- grandfathered. From the day on which pay, promotion or termination hangs on it, it is unapproved
-- instead, and no period that begins then has it.
with

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

lifecycles as (

    select
        lifecycle.kpi_id,
        lifecycle.state_code,
        lifecycle.valid_from
    from {{ ref('reg_lifecycle') }} as lifecycle
    cross join parameters
    where
        lifecycle.recorded_to_utc is null
        and parameters.as_of_date between lifecycle.valid_from and lifecycle.valid_to

),

approvals as (

    select
        definitions.kpi_id,
        definitions.act_seq,
        definitions.to_hash
    from {{ ref('reg_definition') }} as definitions
    cross join parameters
    where
        definitions.recorded_to_utc is null
        and parameters.as_of_date between definitions.valid_from and definitions.valid_to

),

states as (

    select
        kpis.kpi_id,
        coalesce(
            lifecycles.state_code,
            case
                when kpis.consequences_from_date <= parameters.as_of_date then 'unapproved'
                else 'grandfathered'
            end
        ) as state_code,
        lifecycles.valid_from,
        kpis.consequences_from_date
    from {{ source('registry', 'kpis') }} as kpis
    cross join parameters
    left join lifecycles on kpis.kpi_id = lifecycles.kpi_id

),

published as (

    select
        kpi_id,
        state_code,
        state_code in ('live', 'retired', 'grandfathered', 'unapproved') as is_published,
        case when state_code = 'retired' then valid_from end as retired_from_date,
        case
            when state_code = 'retired' then valid_from
            when state_code = 'unapproved' then consequences_from_date
        end as left_out_from_date,
        case when state_code in ('grandfathered', 'unapproved') then consequences_from_date end
            as approval_due_date
    from states

)

select
    published.kpi_id,
    published.state_code as lifecycle_state,
    published.retired_from_date,
    published.left_out_from_date,
    published.approval_due_date,
    published.is_published,
    logic.logic_hash,
    approvals.act_seq as approved_by_act_seq,
    approvals.to_hash as approved_logic_hash,
    coalesce(approvals.to_hash <> logic.logic_hash and published.is_published, false)
        as is_withheld
from published
inner join {{ source('registry', 'kpi_logic') }} as logic on published.kpi_id = logic.kpi_id
left join approvals on published.kpi_id = approvals.kpi_id
