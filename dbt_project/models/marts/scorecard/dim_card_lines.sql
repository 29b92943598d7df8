-- Grain: one row per kind of subject, period that has begun and line of its cards.
-- A period keeps the template that its cards were first published with, also if that version is
-- changed later or another one is put before it: people are measured by what they were told when
-- the period began. A period that no card was published for takes the version in force on its
-- first day.
with

begun as (

    select
        subject_kind,
        period_kind,
        period_start_date,
        template_id,
        template_version,
        title,
        template_hash,
        position,
        kpi_id,
        weight
    from {{ source('standing', 'card_lines_begun') }}

),

begun_periods as (

    select distinct
        subject_kind,
        period_kind,
        period_start_date
    from begun

),

templates as (

    select
        template_id,
        template_version,
        title,
        subject_kind,
        period_kind,
        template_hash,
        valid_from,
        coalesce(valid_to, {{ open_end() }}) as valid_to
    from {{ source('registry', 'scorecard_templates') }}

),

in_force as (

    select
        templates.subject_kind,
        templates.period_kind,
        periods.period_start_date,
        templates.template_id,
        templates.template_version,
        templates.title,
        templates.template_hash,
        items.position,
        items.kpi_id,
        items.weight
    from templates
    inner join {{ ref('dim_periods') }} as periods
        on
            templates.period_kind = periods.period_kind
            and periods.period_start_date between templates.valid_from and templates.valid_to
    inner join {{ source('registry', 'scorecard_items') }} as items
        on
            templates.template_id = items.template_id
            and templates.template_version = items.template_version

)

select
    subject_kind,
    period_kind,
    period_start_date,
    template_id,
    template_version,
    title,
    template_hash,
    position,
    kpi_id,
    weight
from begun

union all

select
    in_force.subject_kind,
    in_force.period_kind,
    in_force.period_start_date,
    in_force.template_id,
    in_force.template_version,
    in_force.title,
    in_force.template_hash,
    in_force.position,
    in_force.kpi_id,
    in_force.weight
from in_force
left join begun_periods
    on
        in_force.subject_kind = begun_periods.subject_kind
        and in_force.period_kind = begun_periods.period_kind
        and in_force.period_start_date = begun_periods.period_start_date
where begun_periods.subject_kind is null
