-- Grain: one row per published reading of a site or line that counts something.
-- Whether it stands out from its peers: a better place in a table is no difference where it lies
-- within the spread of all. Computed by orchestration/governance/comparisons.py. What stands from
-- an earlier snapshot (locked, withheld) is not compared, as its peers may not stand with it.
with

published as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        reading_value
    from {{ ref('fct_published_readings') }}
    where not is_locked and not is_withheld

),

compared as (

    -- Where nothing is compared the columns have no type of their own.
    select
        cast(kpi_id as varchar) as kpi_id,
        cast(entity_kind as varchar) as entity_kind,
        cast(entity_id as varchar) as entity_id,
        cast(period_kind as varchar) as period_kind,
        cast(period_start_date as date) as period_start_date,
        cast(peer_count as bigint) as peer_count,
        cast(peers_value as double) as peers_value,
        cast(phi as double) as phi,
        cast(z as double) as z,
        cast(lower_limit as double) as peers_lower_limit,
        cast(upper_limit as double) as peers_upper_limit,
        cast(verdict as varchar) as verdict,
        cast(refusal as varchar) as refusal
    from {{ source('statistics', 'kpi_comparisons') }}

)

select
    compared.kpi_id,
    compared.entity_kind,
    compared.entity_id,
    compared.period_kind,
    compared.period_start_date,
    published.reading_value,
    compared.peer_count,
    compared.peers_value,
    compared.phi,
    compared.z,
    compared.peers_lower_limit,
    compared.peers_upper_limit,
    compared.verdict,
    compared.refusal
from compared
inner join published
    on
        compared.kpi_id = published.kpi_id
        and compared.entity_kind = published.entity_kind
        and compared.entity_id = published.entity_id
        and compared.period_kind = published.period_kind
        and compared.period_start_date = published.period_start_date
