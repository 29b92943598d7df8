-- Grain: one row per KPI, entity and last month known, from which the next month was foreseen.
-- What was foreseen, as it was first published, and what came: a forecast that is never held
-- against its month is an opinion. Once said a forecast stands, whatever is foreseen later from the
-- same months; it is carried on from snapshot to snapshot.
with

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

said_before as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        last_month_date,
        said_on_date,
        forecast_method,
        expected_value,
        low_value,
        high_value
    from {{ source('standing', 'forecasts') }}

),

said_now as (

    select
        outlook.kpi_id,
        outlook.entity_kind,
        outlook.entity_id,
        outlook.last_month_date,
        parameters.as_of_date as said_on_date,
        outlook.forecast_method,
        outlook.expected_value,
        outlook.low_value,
        outlook.high_value
    from {{ ref('fct_kpi_outlook') }} as outlook
    cross join parameters
    left join said_before
        on
            outlook.kpi_id = said_before.kpi_id
            and outlook.entity_kind = said_before.entity_kind
            and outlook.entity_id = said_before.entity_id
            and outlook.last_month_date = said_before.last_month_date
    where outlook.expected_value is not null and said_before.kpi_id is null

),

said as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        last_month_date,
        said_on_date,
        forecast_method,
        expected_value,
        low_value,
        high_value
    from said_before

    union all

    select
        kpi_id,
        entity_kind,
        entity_id,
        last_month_date,
        said_on_date,
        forecast_method,
        expected_value,
        low_value,
        high_value
    from said_now

),

came as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_start_date,
        computed_value
    from {{ ref('int_outlook__input') }}
    where computed_value is not null

)

select
    said.kpi_id,
    said.entity_kind,
    said.entity_id,
    said.last_month_date,
    {{ add_months('said.last_month_date', 1) }} as foreseen_month_date,
    said.said_on_date,
    said.forecast_method,
    said.expected_value,
    said.low_value,
    said.high_value,
    came.computed_value as actual_value,
    came.computed_value - said.expected_value as error_value,
    case
        when came.computed_value is not null
            then came.computed_value between said.low_value and said.high_value
    end as is_held
from said
left join came
    on
        said.kpi_id = came.kpi_id
        and said.entity_kind = came.entity_kind
        and said.entity_id = came.entity_id
        and {{ add_months('said.last_month_date', 1) }} = came.period_start_date
