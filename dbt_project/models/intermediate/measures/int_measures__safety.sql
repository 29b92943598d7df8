-- Grain: one row per measure, site and month.
-- Only the last version of a case counts, once, in the month it happened by the site's clock.
with

parameters as (

    select last_production_date
    from {{ ref('int_run__parameters') }}

),

versions as (

    select
        incident_id,
        site_id,
        cast(occurred_at_local as date) as occurred_date,
        person_kind_code,
        case_class_code,
        delivery_date,
        row_number() over (partition by incident_id order by version_no desc) as recency
    from {{ ref('stg_ehs__incidents') }}

),

site_months as (

    select
        'recordable_cases' as measure_id,
        versions.site_id,
        {{ period_start('month', 'versions.occurred_date') }} as period_start_date,
        cast(count(*) as decimal(18, 6)) as measure_value,
        count(*) as observations,
        max(versions.delivery_date) as last_delivery_date
    from versions
    cross join parameters
    where
        versions.recency = 1
        and versions.person_kind_code = 'employee'
        and versions.case_class_code in ('fatality', 'dafw', 'djtr', 'other_recordable')
        and versions.occurred_date <= parameters.last_production_date
    group by versions.site_id, {{ period_start('month', 'versions.occurred_date') }}

    union all

    select
        'dart_cases' as measure_id,
        versions.site_id,
        {{ period_start('month', 'versions.occurred_date') }} as period_start_date,
        cast(count(*) as decimal(18, 6)) as measure_value,
        count(*) as observations,
        max(versions.delivery_date) as last_delivery_date
    from versions
    cross join parameters
    where
        versions.recency = 1
        and versions.person_kind_code = 'employee'
        and versions.case_class_code in ('dafw', 'djtr')
        and versions.occurred_date <= parameters.last_production_date
    group by versions.site_id, {{ period_start('month', 'versions.occurred_date') }}

    union all

    select
        'reported_incidents' as measure_id,
        versions.site_id,
        {{ period_start('month', 'versions.occurred_date') }} as period_start_date,
        cast(count(*) as decimal(18, 6)) as measure_value,
        count(*) as observations,
        max(versions.delivery_date) as last_delivery_date
    from versions
    cross join parameters
    where versions.recency = 1 and versions.occurred_date <= parameters.last_production_date
    group by versions.site_id, {{ period_start('month', 'versions.occurred_date') }}

    union all

    select
        'hours_worked' as measure_id,
        site_id,
        period_start_date,
        cast(sum(hours_worked) as decimal(18, 6)) as measure_value,
        count(*) as observations,
        max(delivery_date) as last_delivery_date
    from {{ ref('stg_ehs__hours_worked') }}
    where person_kind_code = 'employee'
    group by site_id, period_start_date

)

select
    measure_id,
    'site' as entity_kind,
    site_id as entity_id,
    site_id,
    period_start_date,
    {{ period_end('month', 'period_start_date') }} as period_end_date,
    measure_value,
    observations,
    last_delivery_date
from site_months
