-- Grain: one row per KPI of the register: may its figures be published as of the run?
-- Not before it is live, and not where its logic is another than the one that was approved. A KPI
-- about which nobody decided anything is live and under no change control.
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

)

select
    kpis.kpi_id,
    coalesce(lifecycles.state_code, 'live') as lifecycle_state,
    case when lifecycles.state_code = 'retired' then lifecycles.valid_from end as retired_from_date,
    coalesce(lifecycles.state_code, 'live') in ('live', 'retired') as is_published,
    logic.logic_hash,
    approvals.act_seq as approved_by_act_seq,
    approvals.to_hash as approved_logic_hash,
    coalesce(
        approvals.to_hash <> logic.logic_hash
        and coalesce(lifecycles.state_code, 'live') in ('live', 'retired'),
        false
    ) as is_withheld
from {{ source('registry', 'kpis') }} as kpis
inner join {{ source('registry', 'kpi_logic') }} as logic on kpis.kpi_id = logic.kpi_id
left join lifecycles on kpis.kpi_id = lifecycles.kpi_id
left join approvals on kpis.kpi_id = approvals.kpi_id
