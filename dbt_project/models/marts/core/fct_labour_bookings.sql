-- Grain: one row per piece of a person's working day that was booked.
-- The MES knows operators by ids of its own. A booking belongs to the production day on which it
-- began: of the work centre's line, or of the person's site where the place is no equipment.
with

bookings as (

    select
        booking_id,
        operator_id,
        order_id,
        operation_no,
        work_centre_id,
        started_at_utc,
        booked_hours,
        booking_kind_code,
        cast(started_at_utc as date) as date_in_utc,
        cast(started_at_local as date) as date_local,
        delivery_date
    from {{ ref('stg_mes__labour_bookings') }}

),

operators as (

    select
        source_id,
        employee_id,
        valid_from,
        coalesce(valid_to, {{ open_end() }}) as valid_to
    from {{ ref('stg_hr__person_crosswalk') }}
    where source_system_code = 'mes'

),

units as (

    select
        employee_id,
        org_unit_id,
        site_id,
        is_shift_worker,
        valid_from,
        valid_to
    from {{ ref('int_people__units') }}

),

equipment as (

    select
        equipment_id,
        line_id,
        valid_from,
        valid_to
    from {{ ref('dim_equipment') }}

),

production_days as (

    select
        place_id,
        production_date,
        date_in_utc,
        from_utc,
        to_utc
    from {{ ref('int_calendar__production_days') }}

)

select
    bookings.booking_id,
    operators.employee_id,
    units.org_unit_id,
    units.site_id,
    coalesce(units.is_shift_worker, false) as is_shift_worker,
    bookings.work_centre_id,
    bookings.order_id,
    bookings.operation_no,
    coalesce(place_days.production_date, bookings.date_local) as production_date,
    bookings.booking_kind_code,
    bookings.booked_hours,
    bookings.delivery_date
from bookings
left join operators
    on
        bookings.operator_id = operators.source_id
        and bookings.date_local between operators.valid_from and operators.valid_to
left join units
    on
        operators.employee_id = units.employee_id
        and bookings.date_local between units.valid_from and units.valid_to
left join equipment
    on
        bookings.work_centre_id = equipment.equipment_id
        and bookings.date_local between equipment.valid_from and equipment.valid_to
left join production_days as place_days
    on
        coalesce(equipment.line_id, units.site_id) = place_days.place_id
        and bookings.date_in_utc = place_days.date_in_utc
        and bookings.started_at_utc >= place_days.from_utc
        and bookings.started_at_utc < place_days.to_utc
