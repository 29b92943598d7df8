-- Grain: one row per KPI, org unit, period and step in which its levels were set or changed.
-- Versions of the planning feed count as recorded at the end of the day of their delivery, acts
-- from the instant at which they took effect. The first step is what was agreed; whatever changed
-- since, it stays.
with

versions as (

    select
        kpi_id,
        org_unit_id,
        {{ period_kind_of('period_label') }} as label_kind,
        {{ period_start_of('period_label') }} as label_start_date,
        version_no,
        cast(null as bigint) as act_seq,
        threshold_level,
        target_level,
        stretch_level,
        cast({{ add_days('delivery_date', 1) }} as timestamp) as recorded_from_utc
    from {{ ref('stg_leadership__kpi_targets') }}

),

acts as (

    select distinct
        kpi_id,
        org_unit_id,
        {{ period_kind_of('period') }} as label_kind,
        {{ period_start_of('period') }} as label_start_date,
        cast(null as bigint) as version_no,
        act_seq,
        threshold as threshold_level,
        target as target_level,
        stretch as stretch_level,
        recorded_from_utc
    from {{ ref('reg_target') }}

),

steps as (

    select * from versions
    union all
    select * from acts

)

select
    kpi_id,
    org_unit_id,
    label_kind,
    label_start_date,
    version_no,
    act_seq,
    cast(threshold_level as decimal(28, 10)) as threshold_level,
    cast(target_level as decimal(28, 10)) as target_level,
    cast(stretch_level as decimal(28, 10)) as stretch_level,
    recorded_from_utc,
    row_number() over (
        partition by kpi_id, org_unit_id, label_kind, label_start_date
        order by recorded_from_utc, act_seq nulls first, version_no
    ) as step_no,
    count(*) over (
        partition by kpi_id, org_unit_id, label_kind, label_start_date
    ) as step_count
from steps
where label_start_date is not null
