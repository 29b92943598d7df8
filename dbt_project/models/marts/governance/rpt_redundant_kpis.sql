-- Grain: one row per pair of KPIs that say the same, or of which somebody decided what becomes.
-- Figures name the pairs; people decide, by `steelyard act redundancy.keep`, `.justify` or
-- `.merge`, and a KPI that is to go goes by `lifecycle.retire` and by nothing else. A pair on one
-- scorecard counts there twice.
with

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

found as (

    select
        first_kpi_id as kpi_id,
        second_kpi_id as other_kpi_id,
        week_count,
        correlation_coefficient,
        low_value,
        high_value,
        shares_measure
    from {{ ref('fct_kpi_relations') }}
    where question = 'same_thing' and verdict = 'redundant'

),

-- Whoever decides names the two in whatever order; the later word counts.
decided as (

    select
        least(reg_redundancy.kpi_id, reg_redundancy.other_kpi_id) as kpi_id,
        greatest(reg_redundancy.kpi_id, reg_redundancy.other_kpi_id) as other_kpi_id,
        reg_redundancy.act_seq,
        reg_redundancy.state_code,
        reg_redundancy.kept_kpi_id,
        reg_redundancy.review_on,
        row_number() over (
            partition by
                least(reg_redundancy.kpi_id, reg_redundancy.other_kpi_id),
                greatest(reg_redundancy.kpi_id, reg_redundancy.other_kpi_id)
            order by reg_redundancy.act_seq desc
        ) as decision_no
    from {{ ref('reg_redundancy') }} as reg_redundancy
    cross join parameters
    where
        reg_redundancy.recorded_to_utc is null
        and parameters.as_of_date between reg_redundancy.valid_from and reg_redundancy.valid_to

),

latest as (

    select
        kpi_id,
        other_kpi_id,
        act_seq,
        state_code,
        kept_kpi_id,
        case when kept_kpi_id = kpi_id then other_kpi_id else kpi_id end as leaving_kpi_id,
        review_on
    from decided
    where decision_no = 1

),

pairs as (

    select
        kpi_id,
        other_kpi_id
    from found

    union distinct

    select
        kpi_id,
        other_kpi_id
    from latest

),

retired as (

    select kpi_id
    from {{ ref('int_kpis__publication') }}
    where lifecycle_state = 'retired'

),

cards as (

    select
        ours.kpi_id,
        theirs.kpi_id as other_kpi_id,
        count(distinct ours.template_id) as card_count
    from {{ source('registry', 'scorecard_items') }} as ours
    inner join {{ source('registry', 'scorecard_items') }} as theirs
        on
            ours.template_id = theirs.template_id
            and ours.template_version = theirs.template_version
    group by ours.kpi_id, theirs.kpi_id

)

select
    pairs.kpi_id,
    pairs.other_kpi_id,
    found.week_count,
    found.correlation_coefficient,
    found.low_value,
    found.high_value,
    found.shares_measure,
    coalesce(cards.card_count, 0) as shared_card_count,
    latest.act_seq,
    latest.kept_kpi_id,
    latest.review_on as review_on_date,
    case
        when latest.act_seq is null then 'undecided'
        when latest.state_code = 'merging' and retired.kpi_id is not null then 'merged'
        when latest.state_code = 'justified' and latest.review_on < parameters.as_of_date
            then 'review_due'
        else latest.state_code
    end as verdict
from pairs
cross join parameters
left join found
    on
        pairs.kpi_id = found.kpi_id
        and pairs.other_kpi_id = found.other_kpi_id
left join latest
    on
        pairs.kpi_id = latest.kpi_id
        and pairs.other_kpi_id = latest.other_kpi_id
left join retired on latest.leaving_kpi_id = retired.kpi_id
left join cards
    on
        pairs.kpi_id = cards.kpi_id
        and pairs.other_kpi_id = cards.other_kpi_id
