{{ config(materialized='view') }}
-- Grain: one row per feed and KPI that needs it; of a feed that none needs one row without a KPI.
-- Which error could be behind a signal, and who looks after that feed.
with

feeds as (

    select
        feed,
        steward
    from {{ source('registry', 'feeds') }}

),

needed as (

    select distinct
        terms.kpi_id,
        measures.feed
    from {{ source('registry', 'kpi_terms') }} as terms
    inner join {{ source('registry', 'measure_feeds') }} as measures
        on terms.measure_id = measures.measure_id

)

select
    needed.kpi_id,
    feeds.feed,
    feeds.steward
from feeds
left join needed on feeds.feed = needed.feed
