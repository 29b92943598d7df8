-- Grain: one row per reading that is drawn to be looked up in a second source, of the last three
-- months that are final, or that somebody looked up unasked.
-- The draw is by lot, the same for the same seed, and falls on periods that are over and final:
-- whoever knows before which days are looked at prepares those days. `spot_checks.yml` of the
-- company says which readings, how many and which second source; `steelyard act spot_check.record`
-- brings the result.
with

run as (

    select
        as_of_date,
        {{ add_months(period_start('month', 'as_of_date'), -3) }} as since_date
    from {{ ref('int_run__parameters') }}

),

checks as (

    select
        kpi_id,
        entity_kind,
        period_kind,
        per_site_and_month,
        cast(tolerance as double) as tolerance,
        second_source,
        seed
    from {{ source('registry', 'spot_checks') }}

),

entities as (

    select
        entity_kind,
        entity_id,
        min(site_id) as site_id
    from {{ ref('dim_entities') }}
    group by entity_kind, entity_id

),

readings as (

    select
        published.kpi_id,
        published.entity_kind,
        published.entity_id,
        published.period_kind,
        published.period_start_date,
        published.reading_value,
        entities.site_id,
        checks.tolerance,
        checks.second_source,
        checks.per_site_and_month,
        row_number() over (
            partition by
                published.kpi_id,
                published.entity_kind,
                published.period_kind,
                entities.site_id,
                {{ period_start('month', 'published.period_start_date') }}
            order by
                md5(
                    cast(checks.seed as varchar)
                    || '|' || published.kpi_id
                    || '|' || published.entity_id
                    || '|' || cast(published.period_start_date as varchar)
                ),
                published.entity_id,
                published.period_start_date
        ) as lot_no
    from {{ ref('fct_published_readings') }} as published
    inner join checks
        on
            published.kpi_id = checks.kpi_id
            and published.entity_kind = checks.entity_kind
            and published.period_kind = checks.period_kind
    inner join entities
        on
            published.entity_kind = entities.entity_kind
            and published.entity_id = entities.entity_id
    cross join run
    where
        published.reading_value is not null
        and published.finality <> 'provisional'
        and published.period_start_date >= run.since_date
        and published.period_start_date < {{ period_start('month', 'run.as_of_date') }}

),

looked_up as (

    select
        reg_spot_check.kpi_id,
        reg_spot_check.entity_kind,
        reg_spot_check.entity_id,
        {{ period_kind_of('reg_spot_check.period') }} as period_kind,
        {{ period_start_of('reg_spot_check.period') }} as period_start_date,
        cast(reg_spot_check.second_value as double) as second_value,
        reg_spot_check.act_seq
    from {{ ref('reg_spot_check') }} as reg_spot_check
    cross join run
    where
        reg_spot_check.recorded_to_utc is null
        and reg_spot_check.state_code = 'recorded'
        and run.as_of_date between reg_spot_check.valid_from and reg_spot_check.valid_to

)

select
    readings.kpi_id,
    readings.entity_kind,
    readings.entity_id,
    readings.period_kind,
    readings.period_start_date,
    readings.site_id,
    readings.second_source,
    readings.reading_value,
    looked_up.second_value,
    readings.tolerance,
    looked_up.act_seq,
    readings.lot_no <= readings.per_site_and_month as is_drawn,
    case
        when looked_up.act_seq is null then 'open'
        when abs(readings.reading_value - looked_up.second_value) <= readings.tolerance
            then 'agrees'
        else 'differs'
    end as verdict
from readings
left join looked_up
    on
        readings.kpi_id = looked_up.kpi_id
        and readings.entity_kind = looked_up.entity_kind
        and readings.entity_id = looked_up.entity_id
        and readings.period_kind = looked_up.period_kind
        and readings.period_start_date = looked_up.period_start_date
where readings.lot_no <= readings.per_site_and_month or looked_up.act_seq is not null
