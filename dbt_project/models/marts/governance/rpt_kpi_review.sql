-- Grain: one row per KPI of the register that is not retired.
-- What speaks for retiring it, each reason with its evidence; `kpi_review.yml` says when something
-- is a reason, and how many make a candidate. Nothing is retired by it: that is an act of people.
-- A reason that a company has no record of (owners, reviews, targets, use by KPI) is none.
with

thresholds as (

    select
        run.as_of_date,
        {{ add_months('run.as_of_date', '-criteria.months_without_reading') }}
            as measured_since_date,
        criteria.months_unchanged,
        {{ add_days('run.as_of_date', '-criteria.days_without_use') }} as used_since_date,
        {{ add_months('run.as_of_date', '-criteria.months_between_reviews') }}
            as reviewed_since_date,
        criteria.reasons_needed
    from {{ ref('int_run__parameters') }} as run
    cross join {{ source('registry', 'kpi_review') }} as criteria

),

kpis as (

    select
        kpis.kpi_id,
        published.lifecycle_state
    from {{ source('registry', 'kpis') }} as kpis
    inner join {{ ref('int_kpis__publication') }} as published on kpis.kpi_id = published.kpi_id
    where published.lifecycle_state <> 'retired'

),

months as (

    select
        readings.kpi_id,
        readings.entity_kind,
        readings.entity_id,
        readings.period_start_date,
        readings.computed_value,
        row_number() over (
            partition by readings.kpi_id, readings.entity_kind, readings.entity_id
            order by readings.period_start_date desc
        ) as month_no
    from {{ ref('fct_kpi_readings') }} as readings
    cross join thresholds
    where
        readings.period_kind = 'month'
        and readings.computed_value is not null
        and readings.period_start_date <= thresholds.as_of_date

),

series as (

    select
        months.kpi_id,
        months.entity_kind,
        months.entity_id,
        max(months.period_start_date) as last_month_date,
        count(*) as month_count,
        min(months.computed_value) < max(months.computed_value) as is_moving
    from months
    cross join thresholds
    where months.month_no <= thresholds.months_unchanged
    group by months.kpi_id, months.entity_kind, months.entity_id

),

measured as (

    select
        series.kpi_id,
        max(series.last_month_date) as last_month_date,
        count(*) filter (where series.is_moving) as moving_series_count,
        count(*) filter (
            where not series.is_moving and series.month_count >= thresholds.months_unchanged
        ) as unchanged_series_count
    from series
    cross join thresholds
    group by series.kpi_id

),

carded as (

    select
        items.kpi_id,
        count(distinct items.template_id) as card_count
    from {{ source('registry', 'scorecard_items') }} as items
    inner join {{ source('registry', 'scorecard_templates') }} as templates
        on
            items.template_id = templates.template_id
            and items.template_version = templates.template_version
    cross join thresholds
    where
        thresholds.as_of_date between templates.valid_from
        and coalesce(templates.valid_to, {{ open_end() }})
    group by items.kpi_id

),

targeted as (

    select
        history.kpi_id,
        count(*) as target_count,
        count(*) filter (
            where
            thresholds.as_of_date between history.label_start_date
            and case history.label_kind
                when 'year' then {{ period_end('year', 'history.label_start_date') }}
                when 'quarter' then {{ period_end('quarter', 'history.label_start_date') }}
                else {{ period_end('month', 'history.label_start_date') }}
            end
        ) as active_target_count
    from {{ ref('int_targets__history') }} as history
    cross join thresholds
    where history.step_no = history.step_count
    group by history.kpi_id

),

used as (

    select
        kpis.kpi_id,
        sum(usage_days.event_count) filter (
            where usage_days.usage_date > thresholds.used_since_date
        ) as use_count
    from kpis
    cross join thresholds
    inner join {{ ref('fct_usage_days') }} as usage_days on kpis.kpi_id = usage_days.object_id
    group by kpis.kpi_id

),

owned as (

    select
        owners.kpi_id,
        owners.owner_id,
        people.employee_id is null
        or coalesce(people.exit_date < thresholds.as_of_date, false) as has_left
    from {{ ref('reg_ownership') }} as owners
    cross join thresholds
    left join {{ ref('dim_people') }} as people on owners.owner_id = people.employee_id
    where
        owners.recorded_to_utc is null
        and thresholds.as_of_date between owners.valid_from and owners.valid_to

),

lifecycle as (

    select
        kpi_id,
        act_type,
        review_on,
        recorded_from_utc,
        recorded_to_utc,
        valid_from,
        valid_to
    from {{ ref('reg_lifecycle') }}

),

-- What somebody looked at: a KPI that goes live is not looked at again by that.
reviews as (

    select
        kpi_id,
        max(cast(recorded_from_utc as date)) as last_reviewed_date
    from lifecycle
    where act_type in ('lifecycle.adopt', 'lifecycle.approve', 'lifecycle.review')
    group by kpi_id

),

next_reviews as (

    select
        lifecycle.kpi_id,
        lifecycle.review_on as review_on_date
    from lifecycle
    cross join thresholds
    where
        lifecycle.recorded_to_utc is null
        and thresholds.as_of_date between lifecycle.valid_from and lifecycle.valid_to

),

kept as (

    select
        (select count(*) from owned) > 0 as keeps_owners,
        (select count(*) from reviews) > 0 as keeps_reviews,
        (select count(*) from targeted) > 0 as keeps_targets,
        (select count(*) from used) > 0 as keeps_use

),

evidence as (

    select
        kpis.kpi_id,
        kpis.lifecycle_state,
        owned.owner_id,
        measured.last_month_date,
        coalesce(measured.moving_series_count, 0) as moving_series_count,
        coalesce(measured.unchanged_series_count, 0) as unchanged_series_count,
        coalesce(carded.card_count, 0) as card_count,
        case when kept.keeps_targets then coalesce(targeted.active_target_count, 0) end
            as active_target_count,
        case when kept.keeps_use then coalesce(used.use_count, 0) end as use_count,
        reviews.last_reviewed_date,
        next_reviews.review_on_date,
        kept.keeps_owners and coalesce(owned.has_left, true) as has_no_owner,
        coalesce(measured.last_month_date < thresholds.measured_since_date, true) as has_no_reading,
        coalesce(
            measured.moving_series_count = 0 and measured.unchanged_series_count > 0, false
        ) as is_unchanged,
        kept.keeps_reviews
        and (
            reviews.last_reviewed_date is null
            or reviews.last_reviewed_date < thresholds.reviewed_since_date
            or coalesce(next_reviews.review_on_date < thresholds.as_of_date, false)
        ) as is_review_due,
        thresholds.reasons_needed
    from kpis
    cross join thresholds
    cross join kept
    left join measured on kpis.kpi_id = measured.kpi_id
    left join carded on kpis.kpi_id = carded.kpi_id
    left join targeted on kpis.kpi_id = targeted.kpi_id
    left join used on kpis.kpi_id = used.kpi_id
    left join owned on kpis.kpi_id = owned.kpi_id
    left join reviews on kpis.kpi_id = reviews.kpi_id
    left join next_reviews on kpis.kpi_id = next_reviews.kpi_id

),

counted as (

    select
        *,
        case when has_no_owner then 1 else 0 end
        + case when has_no_reading then 1 else 0 end
        + case when is_unchanged then 1 else 0 end
        + case when card_count = 0 then 1 else 0 end
        + case when active_target_count = 0 then 1 else 0 end
        + case when use_count = 0 then 1 else 0 end
        + case when is_review_due then 1 else 0 end as reason_count
    from evidence

)

select
    kpi_id,
    lifecycle_state,
    reason_count >= reasons_needed as is_candidate,
    cast(reason_count as bigint) as reason_count,
    has_no_owner,
    owner_id,
    has_no_reading,
    last_month_date,
    is_unchanged,
    unchanged_series_count,
    moving_series_count,
    card_count = 0 as is_on_no_card,
    card_count,
    coalesce(active_target_count = 0, false) as has_no_target,
    active_target_count,
    coalesce(use_count = 0, false) as is_unused,
    cast(use_count as bigint) as use_count,
    is_review_due,
    last_reviewed_date,
    review_on_date
from counted
