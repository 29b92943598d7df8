-- Grain: one row per scorecard template in force.
-- How much of a card looks ahead and how much at what has happened, by weight, against the least
-- weights of `leading.yml`; and how much of it rests on leads that the figures bear out.
with

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

supported as (

    select distinct leading_kpi_id
    from {{ ref('fct_declared_leads') }}
    where verdict = 'supported'

),

cards as (

    select
        templates.template_id,
        templates.template_version,
        sum(case when kpis.timing = 'leading' then items.weight else 0 end) as leading_weight,
        sum(case when kpis.timing = 'lagging' then items.weight else 0 end) as lagging_weight,
        sum(case when supported.leading_kpi_id is not null then items.weight else 0 end)
            as supported_weight,
        count(*) as kpi_count
    from {{ source('registry', 'scorecard_templates') }} as templates
    inner join {{ source('registry', 'scorecard_items') }} as items
        on
            templates.template_id = items.template_id
            and templates.template_version = items.template_version
    inner join {{ source('registry', 'kpis') }} as kpis on items.kpi_id = kpis.kpi_id
    left join supported on items.kpi_id = supported.leading_kpi_id
    cross join parameters
    where
        templates.valid_from <= parameters.as_of_date
        and (templates.valid_to is null or templates.valid_to >= parameters.as_of_date)
    group by templates.template_id, templates.template_version

)

select
    cards.template_id,
    cards.template_version,
    cards.kpi_count,
    cast(cards.leading_weight as decimal(18, 6)) as leading_weight,
    cast(cards.lagging_weight as decimal(18, 6)) as lagging_weight,
    cast(cards.supported_weight as decimal(18, 6)) as supported_leading_weight,
    least_weights.least_leading_weight,
    least_weights.least_lagging_weight,
    case
        when cards.leading_weight < least_weights.least_leading_weight then 'looks_back'
        when cards.lagging_weight < least_weights.least_lagging_weight then 'efforts_alone'
        else 'balanced'
    end as verdict
from cards
cross join {{ source('registry', 'card_balance') }} as least_weights
