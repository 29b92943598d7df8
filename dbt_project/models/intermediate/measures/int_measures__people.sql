-- Grain: one row per measure, org unit and day.
-- A person counts in the unit of their primary assignment, on days on which they were employed;
-- contingent workers are not headcount. The last day employed is inclusive.
with

days as (

    select calendar_date
    from {{ ref('dim_days') }}

),

employments as (

    select
        employee_id,
        hire_date,
        coalesce(exit_date, {{ open_end() }}) as exit_date,
        delivery_date
    from {{ ref('stg_hr__employees') }}
    where worker_type_code = 'employee'

),

assignments as (

    select
        assignments.employee_id,
        assignments.org_unit_id,
        assignments.manager_id,
        employments.exit_date,
        greatest(assignments.valid_from, employments.hire_date) as valid_from,
        least(coalesce(assignments.valid_to, {{ open_end() }}), employments.exit_date) as valid_to,
        lag(assignments.org_unit_id) over (
            partition by assignments.employee_id, employments.hire_date
            order by assignments.valid_from
        ) as org_unit_before_id,
        greatest(assignments.delivery_date, employments.delivery_date) as delivery_date
    from {{ ref('stg_hr__assignments') }} as assignments
    inner join employments
        on
            assignments.employee_id = employments.employee_id
            and assignments.valid_from <= employments.exit_date
            and coalesce(assignments.valid_to, {{ open_end() }}) >= employments.hire_date
    where assignments.is_primary

),

employed_days as (

    select
        assignments.employee_id,
        assignments.org_unit_id,
        assignments.manager_id,
        days.calendar_date,
        case when assignments.exit_date = days.calendar_date then 1 else 0 end as is_leaver,
        case
            when
                assignments.valid_from = days.calendar_date
                and assignments.org_unit_before_id <> assignments.org_unit_id
                then 1
            else 0
        end as is_transfer_in,
        assignments.delivery_date
    from assignments
    inner join days
        on
            assignments.valid_from <= days.calendar_date
            and assignments.valid_to >= days.calendar_date

),

unit_days as (

    select
        org_unit_id,
        calendar_date,
        count(*) as headcount,
        sum(is_leaver) as leavers,
        sum(is_transfer_in) as transfers_in,
        max(delivery_date) as last_delivery_date
    from employed_days
    group by org_unit_id, calendar_date

),

reports_per_manager as (

    select
        managers.org_unit_id,
        managers.calendar_date,
        managers.employee_id,
        count(*) as direct_reports,
        max(reports.delivery_date) as last_delivery_date
    from employed_days as reports
    inner join employed_days as managers
        on
            reports.manager_id = managers.employee_id
            and reports.calendar_date = managers.calendar_date
    group by managers.org_unit_id, managers.calendar_date, managers.employee_id

),

manager_days as (

    select
        org_unit_id,
        calendar_date,
        count(*) as managers,
        sum(direct_reports) as direct_reports,
        max(last_delivery_date) as last_delivery_date
    from reports_per_manager
    group by org_unit_id, calendar_date

),

unit_sites as (

    select
        org_unit_id,
        site_id,
        valid_from,
        valid_to
    from {{ ref('dim_org_units') }}

),

measured as (

    select
        'headcount' as measure_id,
        org_unit_id,
        calendar_date,
        cast(headcount as decimal(18, 6)) as measure_value,
        headcount as observations,
        last_delivery_date
    from unit_days

    union all

    select
        'closing_headcount' as measure_id,
        org_unit_id,
        calendar_date,
        cast(headcount as decimal(18, 6)) as measure_value,
        headcount as observations,
        last_delivery_date
    from unit_days

    union all

    select
        'leavers' as measure_id,
        org_unit_id,
        calendar_date,
        cast(leavers as decimal(18, 6)) as measure_value,
        headcount as observations,
        last_delivery_date
    from unit_days

    union all

    select
        'transfers_in' as measure_id,
        org_unit_id,
        calendar_date,
        cast(transfers_in as decimal(18, 6)) as measure_value,
        headcount as observations,
        last_delivery_date
    from unit_days

    union all

    select
        'direct_reports' as measure_id,
        org_unit_id,
        calendar_date,
        cast(direct_reports as decimal(18, 6)) as measure_value,
        managers as observations,
        last_delivery_date
    from manager_days

    union all

    select
        'managers' as measure_id,
        org_unit_id,
        calendar_date,
        cast(managers as decimal(18, 6)) as measure_value,
        managers as observations,
        last_delivery_date
    from manager_days

)

select
    measured.measure_id,
    'org_unit' as entity_kind,
    measured.org_unit_id as entity_id,
    unit_sites.site_id,
    measured.calendar_date as period_start_date,
    measured.calendar_date as period_end_date,
    measured.measure_value,
    measured.observations,
    measured.last_delivery_date
from measured
left join unit_sites
    on
        measured.org_unit_id = unit_sites.org_unit_id
        and measured.calendar_date between unit_sites.valid_from and unit_sites.valid_to
