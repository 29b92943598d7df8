-- Grain: one row per measure, org unit and production day.
-- Hours count in the unit to which a person was assigned on that day. An hour rostered and not
-- attended is absent only if an unplanned absence of the person covers the day: agreed vacation is
-- not rostered, and a missing clock time without an absence is a question, not an absence. Worker
-- efficiency asks about those who have orders to book on, the shift workers.
with

parameters as (

    select last_production_date
    from {{ ref('int_run__parameters') }}

),

corrected as (

    select distinct superseded_entry_id
    from {{ ref('stg_hr__time_entries') }}
    where superseded_entry_id is not null

),

entries as (

    select
        entries.employee_id,
        entries.work_date,
        entries.attended_hours,
        entries.scheduled_hours,
        entries.delivery_date
    from {{ ref('stg_hr__time_entries') }} as entries
    left join corrected on entries.entry_id = corrected.superseded_entry_id
    cross join parameters
    where
        corrected.superseded_entry_id is null
        and entries.work_date <= parameters.last_production_date

),

units as (

    select
        employee_id,
        org_unit_id,
        site_id,
        worker_type_code,
        is_shift_worker,
        valid_from,
        valid_to
    from {{ ref('int_people__units') }}

),

days as (

    select calendar_date
    from {{ ref('dim_days') }}

),

-- Spells day by day, once a day even where two spells overlap.
absent_days as (

    select
        absences.employee_id,
        days.calendar_date,
        max(absences.delivery_date) as delivery_date
    from {{ ref('fct_absences') }} as absences
    inner join days on days.calendar_date between absences.start_date and absences.end_date
    where absences.is_unplanned
    group by absences.employee_id, days.calendar_date

),

attended as (

    select
        units.org_unit_id,
        units.site_id,
        units.is_shift_worker,
        units.worker_type_code = 'employee' as is_employee,
        entries.work_date,
        entries.attended_hours,
        entries.scheduled_hours,
        case
            when absent_days.employee_id is not null
                then greatest(entries.scheduled_hours - entries.attended_hours, 0)
        end as absent_hours,
        greatest(
            entries.delivery_date, coalesce(absent_days.delivery_date, entries.delivery_date)
        ) as delivery_date
    from entries
    inner join units
        on
            entries.employee_id = units.employee_id
            and entries.work_date between units.valid_from and units.valid_to
    left join absent_days
        on
            entries.employee_id = absent_days.employee_id
            and entries.work_date = absent_days.calendar_date

),

measured as (

    select
        'rostered_hours' as measure_id,
        org_unit_id,
        site_id,
        work_date as production_date,
        sum(scheduled_hours) as measure_value,
        count(*) as observations,
        max(delivery_date) as last_delivery_date
    from attended
    where is_employee
    group by org_unit_id, site_id, work_date

    union all

    select
        'absent_hours' as measure_id,
        org_unit_id,
        site_id,
        work_date as production_date,
        sum(coalesce(absent_hours, 0)) as measure_value,
        count(*) as observations,
        max(delivery_date) as last_delivery_date
    from attended
    where is_employee
    group by org_unit_id, site_id, work_date

    union all

    select
        'shift_hours_attended' as measure_id,
        org_unit_id,
        site_id,
        work_date as production_date,
        sum(attended_hours) as measure_value,
        count(*) as observations,
        max(delivery_date) as last_delivery_date
    from attended
    where is_shift_worker
    group by org_unit_id, site_id, work_date

    union all

    select
        'shift_hours_on_orders' as measure_id,
        org_unit_id,
        site_id,
        production_date,
        sum(booked_hours) as measure_value,
        count(*) as observations,
        max(delivery_date) as last_delivery_date
    from {{ ref('fct_labour_bookings') }}
    where is_shift_worker and booking_kind_code = 'direct'
    group by org_unit_id, site_id, production_date

)

select
    measured.measure_id,
    'org_unit' as entity_kind,
    measured.org_unit_id as entity_id,
    measured.site_id,
    measured.production_date as period_start_date,
    measured.production_date as period_end_date,
    cast(measured.measure_value as decimal(18, 6)) as measure_value,
    measured.observations,
    measured.last_delivery_date
from measured
cross join parameters
where measured.production_date <= parameters.last_production_date
