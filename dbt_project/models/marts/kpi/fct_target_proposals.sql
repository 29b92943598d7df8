-- Grain: one row per KPI, site or company, method and basis.
-- Levels for a target, with the grounds they rest on and the odds of the target. The act
-- target.take_over names one by its id. Computed by orchestration/governance/proposals.py. A KPI
-- whose present logic is not approved has none.
with

proposals as (

    -- Where nothing is said the columns have no type of their own.
    select
        cast(proposal_id as varchar) as proposal_id,
        cast(kpi_id as varchar) as kpi_id,
        cast(entity_kind as varchar) as entity_kind,
        cast(entity_id as varchar) as entity_id,
        cast(org_unit_id as varchar) as org_unit_id,
        cast(method_code as varchar) as method_code,
        cast(basis_id as varchar) as basis_id,
        cast(threshold_level as double) as threshold_level,
        cast(target_level as double) as target_level,
        cast(stretch_level as double) as stretch_level,
        cast(bound_level as double) as bound_level,
        cast(is_capped as boolean) as is_capped,
        cast(target_odds as double) as target_odds,
        cast(is_feasible as boolean) as is_feasible,
        cast(inputs as varchar) as inputs,
        cast(refusal as varchar) as refusal
    from {{ source('statistics', 'target_proposals') }}

),

published as (

    select kpi_id
    from {{ ref('kpi_publication') }}
    where is_published and not is_withheld and left_out_from_date is null

)

select
    proposals.proposal_id,
    proposals.kpi_id,
    proposals.entity_kind,
    proposals.entity_id,
    proposals.org_unit_id,
    proposals.method_code,
    proposals.basis_id,
    proposals.threshold_level,
    proposals.target_level,
    proposals.stretch_level,
    proposals.bound_level,
    proposals.is_capped,
    proposals.target_odds,
    proposals.is_feasible,
    proposals.inputs,
    proposals.refusal
from proposals
inner join published on proposals.kpi_id = published.kpi_id
